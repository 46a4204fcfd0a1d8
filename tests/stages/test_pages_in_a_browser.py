"""The pages of `report` and `compare` from a disk, in real Chromium; screenshots stay in pytest's folder."""

from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stages import report
from stages.commands.compare import compare
from stages.params.tree import load
from stages.runtime.workspace import PAGE
from tests.stages.finished_run import add_meshes, add_teeth_and_intervals, finish_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
LAPTOP = {"width": 1280, "height": 900}
# Colours of a canvas, read back: how many pixels are drawn, and their mean red, green and blue.
DRAWN = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let count = 0, sums = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]) { count++; sums = sums.map((s, k) => s + data[i + k]); }
  return [count / (canvas.width * canvas.height), ...sums.map((s) => s / count)];
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with both pages, of 20 cases: more 3D views than a browser gives WebGL contexts."""
    folder = tmp_path_factory.mktemp("browser")
    finish_run(folder / "other", cases=3, noise=0.04)
    finish_run(folder, cases=20, noise=0.003)
    add_teeth_and_intervals(folder)
    add_meshes(folder)
    with chdir(folder):
        report.run(load())
        compare("other", ".", Path("reports/compare.html"))
    return folder


def opened(browser: "Browser", path: Path, **options: object) -> "Page":
    """The page of a file; what its console says, or a request for anything else, fails the test at `close`."""
    page = browser.new_page(**{"viewport": LAPTOP, **options})  # type: ignore[arg-type]
    page.set_default_timeout(60_000)
    page.said = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.said.append(message.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.said.append(str(error)))  # type: ignore[attr-defined]
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or page.said.append(request.url))  # type: ignore[attr-defined]
    page.goto(path.as_uri())
    return page


def close(page: "Page", shot: Path) -> None:
    page.screenshot(path=shot)
    assert page.said == []  # type: ignore[attr-defined]
    page.close()


def drawn(canvas: "Locator") -> list[float]:
    """Share of the pixels that are drawn, and their mean colour, after what is waiting has been drawn."""
    canvas.scroll_into_view_if_needed()
    page = canvas.page
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    handle = canvas.element_handle()
    page.wait_for_function("canvas => canvas.width !== 300", arg=handle)  # 300 is that of an untouched canvas
    return canvas.evaluate(DRAWN)


def test_the_3d_view_draws_and_obeys_switches_and_keys(browser: "Browser", folder: Path) -> None:
    page = opened(browser, folder / PAGE)
    figure = page.locator("figure.scene").first
    canvas = figure.locator("canvas")
    start = drawn(canvas)
    assert start[0] > 0.02, "the surface"
    figure.get_by_label("predicted surface").uncheck()
    assert drawn(canvas)[0] == 0, "nothing is left"
    figure.get_by_label("prediction", exact=True).check()
    points = drawn(canvas)
    assert 0.01 < points[0] != start[0]
    # Keys: another colour, a turn, nearer, and all back again.
    canvas.focus()
    page.keyboard.press("c")
    page.keyboard.press("c")
    plain = drawn(canvas)
    assert plain[0] == points[0]
    assert plain[1] > plain[2] > plain[3], "orange, the layer's own colour"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert drawn(canvas)[0] > 1.05 * plain[0]
    page.keyboard.press("0")
    assert drawn(canvas) == plain
    page.keyboard.press("1")
    assert not figure.get_by_label("prediction", exact=True).is_checked()
    assert drawn(canvas)[0] == 0
    page.keyboard.press("2")
    assert drawn(canvas)[0] > 0.01, "the ground truth"
    # The mouse turns, a button looks from above and another resets.
    from_start = drawn(canvas)
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 150)
    page.mouse.up()
    turned = drawn(canvas)
    assert turned != from_start
    figure.get_by_role("button", name="Above").click()
    assert drawn(canvas) not in (turned, from_start)
    figure.get_by_role("button", name="Reset").click()
    assert drawn(canvas) == from_start
    close(page, folder / "keys.png")


def test_every_one_of_twenty_views_draws(browser: "Browser", folder: Path) -> None:
    page = opened(browser, folder / PAGE)
    canvases = page.locator("figure.scene canvas")
    assert canvases.count() == 20
    assert all(drawn(canvases.nth(number))[0] > 0.02 for number in (*range(0, 20, 6), 19, 0))
    close(page, folder / "last.png")


def test_light_and_dark(browser: "Browser", folder: Path) -> None:
    for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 28)")):
        page = opened(browser, folder / PAGE, color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
        axis = page.locator("#curves + .charts text").first
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert axis.evaluate("text => getComputedStyle(text).fill") == ink
        close(page, folder / f"{scheme}.png")


def test_a_phone_never_scrolls_sideways(browser: "Browser", folder: Path) -> None:
    for name in ("index.html", "compare.html"):
        page = opened(
            browser, folder / "reports" / name, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
        )
        for closed in page.locator("details").all():
            closed.locator("summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        close(page, folder / f"phone-{name}.png")


def test_every_picture_and_control_has_a_name(browser: "Browser", folder: Path) -> None:
    page = opened(browser, folder / PAGE)
    nameless = page.evaluate("""[...document.querySelectorAll("img, canvas, svg, select, input, button")]
      .filter((each) =>
      !(each.alt || each.getAttribute("aria-label") || each.closest("label")?.textContent || each.textContent).trim()
    ).map((each) => each.outerHTML.slice(0, 99))""")
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    links = page.evaluate("[...document.querySelectorAll('nav a, .skip')].map((each) => each.hash.slice(1))")
    assert set(links) <= set(ids)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    close(page, folder / "names.png")


def test_both_jaws_over_each_other(browser: "Browser", folder: Path) -> None:
    page = opened(browser, folder / "reports/compare.html")
    figure = page.locator("figure.scene").first
    canvas = figure.locator("canvas")
    both = drawn(canvas)
    figure.get_by_label("other", exact=True).uncheck()
    second = drawn(canvas)
    assert 0 < second[0] < both[0]
    assert second[1] > second[3], "orange"
    figure.get_by_label(folder.name, exact=True).uncheck()
    figure.get_by_label("other", exact=True).check()
    first = drawn(canvas)
    assert 0 < first[0] < both[0]
    assert first[3] > first[1], "blue"
    close(page, folder / "compare.png")


def test_without_webgl_the_page_says_so(browser: "Browser", folder: Path) -> None:
    page = browser.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto((folder / PAGE).as_uri())
    assert page.locator("figure.scene").first.get_by_text("needs WebGL").is_visible()
    assert not page.locator("figure.scene canvas").first.is_visible()
    page.close()
