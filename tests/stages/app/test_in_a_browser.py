"""A person's way through `tenview app` in real Chromium, with the model that comes with Tenview.

One jaw is made for all tests, and its server is killed while it works. Screenshots stay in pytest's folder.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from scans.mesh_files.read import read_mesh
from tests.clones import environment
from tests.conftest import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]
LONG = 900_000  # ms; seconds where nothing else runs
DROP = """async (files) => {
  const dropped = new DataTransfer();
  for (const [name, text] of files) {
    dropped.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  }
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }));
}"""
# Share of a canvas that is drawn, and how many colours it has, of 512.
DRAWN = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3]) { count++; colours.add((data[i] >> 5) * 64 + (data[i + 1] >> 5) * 8 + (data[i + 2] >> 5)); }
  }
  return [count / (canvas.width * canvas.height), colours.size];
}"""

# Share of what is drawn whose red, green and blue fall in this order, as those of every shade of the layer's orange do.
ORANGE = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [drawn, orange] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3]) { drawn++; orange += data[i] > data[i + 1] && data[i + 1] > data[i + 2]; }
  }
  return orange / drawn;
}"""


@dataclass
class App:
    """A server of the page, that can be killed and started again."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = [Path(sys.executable).with_name("tenview"), "app", "--no-browser", "--port", str(self.port)]
        with open(self.folder / "said.txt", "ab") as said:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment() | {"OMP_NUM_THREADS": "1"}, stdout=said, stderr=said
            )
        wait_for(self.answers)

    def answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "said.txt").read_text()
        try:
            return urllib.request.urlopen(self.url, timeout=30).status == 200
        except OSError:
            return False

    def workers(self) -> list[psutil.Process]:
        assert self.process
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> None:
        assert self.process
        os.kill(self.process.pid, number)
        self.process.wait()


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not within the time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = App(tmp_path_factory.mktemp("app"), free_port())
    app.start()
    yield app
    app.end(signal.SIGTERM)


def opened(browser: "Browser", address: str, **options: object) -> "Page":
    # Options are checked by the browser, not by type: they are a dictionary here.
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
    page.set_default_timeout(120_000)
    page.goto(address)
    return page


def dropped(page: "Page", files: dict[str, bytes]) -> None:
    page.evaluate(DROP, [[name, base64.b64encode(content).decode()] for name, content in files.items()])


def drawn(page: "Page") -> list[float]:
    canvas = page.locator("figure.scene canvas")
    canvas.scroll_into_view_if_needed()
    page.wait_for_function("canvas => canvas.width !== 300", arg=canvas.element_handle())
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return canvas.evaluate(DRAWN)


@pytest.fixture(scope="module")
def jaw(app: App, browser: "Browser") -> Iterator["Page"]:
    """The page of a jaw from ten dropped pictures with a camera's names; the server was killed while it worked."""
    page = opened(browser, app.url)
    addresses = [f"{app.url}views/view_{number:02d}.png" for number in range(10)]
    views = [urllib.request.urlopen(address, timeout=120).read() for address in addresses]
    dropped(page, {f"IMG_{number}.PNG": view for number, view in enumerate(views, start=1)})
    page.wait_for_url("**/cases/*")
    page.get_by_role("status").get_by_text("building the surface").wait_for()
    page.screenshot(path=app.folder / "working.png")
    workers = app.workers()
    assert workers
    app.end(signal.SIGKILL)
    wait_for(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers))
    page.get_by_text("The server does not answer").wait_for()
    app.start()
    page.get_by_text("The jaw fits its pictures").wait_for(timeout=LONG)
    yield page
    page.close()


def test_the_jaw_is_seen_in_the_colours_of_its_teeth(app: App, jaw: "Page") -> None:
    share, colours = drawn(jaw)
    jaw.screenshot(path=app.folder / "result.png")
    assert share > 0.05
    jaw.get_by_role("checkbox", name="names").uncheck()
    teeth = drawn(jaw)[1]
    assert jaw.locator("figure.scene canvas").evaluate(ORANGE) < 0.9
    assert 20 < teeth < colours
    jaw.locator("figure.scene select").select_option("of the layer")
    assert drawn(jaw)[1] < teeth / 4, "shades of one colour"
    assert jaw.locator("figure.scene canvas").evaluate(ORANGE) > 0.99
    assert jaw.get_by_text("upper right central incisor").count() == 1
    assert "IMG_10.PNG as view 9" in jaw.locator("#case").inner_text(), "10 comes after 9"
    assert jaw.get_by_role("img", name="View 9 of").evaluate("picture => picture.naturalWidth") == 224


def test_the_downloads_can_be_read_again(app: App, browser: "Browser", jaw: "Page") -> None:
    def saved(link: str) -> Path:
        with jaw.expect_download() as download:
            jaw.get_by_role("link", name=link, exact=True).click()
        return Path(shutil.copy(download.value.path(), app.folder / download.value.suggested_filename))

    surface = read_mesh(saved("mesh.stl"))
    told = jaw.locator(".figures").inner_text()
    assert f"{len(surface.faces):,} triangles" in told
    width = re.search(r"(\d+) mm wide", told)
    assert width
    assert np.ptp(surface.vertices, axis=0)[0] == pytest.approx(float(width[1]), abs=2), "the points’, in mm"
    report = opened(browser, saved("This page as one HTML file").as_uri())
    assert drawn(report)[0] > 0.05
    assert report.get_by_role("link", name="mesh.stl").count() == 0
    report.close()


def test_a_text_file_called_png_is_refused(app: App, browser: "Browser") -> None:
    page = opened(browser, app.url)
    dropped(page, {"view_03.png": b"these are words, not a picture"})
    page.get_by_role("alert").get_by_text("view_03.png: no readable PNG").wait_for()
    page.screenshot(path=app.folder / "refused.png")
    assert "a text file" in page.get_by_role("alert").inner_text()
    page.close()


def test_it_is_read_by_a_phone_in_the_dark_and_by_the_keyboard(app: App, browser: "Browser", jaw: "Page") -> None:
    for address in (app.url, jaw.url):
        page = opened(
            browser,
            address,
            viewport={"width": 390, "height": 844},
            is_mobile=True,
            has_touch=True,
            color_scheme="dark",
        )
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
        nameless = page.evaluate("""[...document.querySelectorAll("img, canvas, select, input, button, progress")]
          .filter((each) => !each.closest("[hidden], .guide") && !(each.alt || each.getAttribute("aria-label")
            || each.labels?.[0]?.textContent || each.textContent).trim()).map((each) => each.outerHTML.slice(0, 99))""")
        assert nameless == []
        page.screenshot(path=app.folder / f"phone-{address == jaw.url}.png", full_page=True)
        page.close()
    page = opened(browser, app.url)
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    page.close()


def test_what_one_tab_deletes_is_gone_from_the_other_and_from_the_disk(
    app: App, browser: "Browser", jaw: "Page"
) -> None:
    tabs = [opened(browser, app.url) for _ in range(2)]
    name = jaw.locator("h1").inner_text()
    for tab in tabs:
        tab.get_by_role("link", name=name, exact=True).wait_for()
    assert list((app.folder / "results").glob("*/jaw/view_09.png"))
    tabs[0].screenshot(path=app.folder / "list.png")
    tabs[0].on("dialog", lambda dialog: dialog.accept())
    tabs[0].get_by_role("button", name=f"Delete {name}").click()
    for tab in tabs:
        tab.get_by_text("None yet.").wait_for()
        tab.close()
    assert [path.name for path in (app.folder / "results").rglob("*") if path.is_file()] == [".lock"]
