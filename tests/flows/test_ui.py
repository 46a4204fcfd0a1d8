"""A person's way through the Prefect UI, in real Chromium. The screenshots stay in `browser/` of pytest's folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scans.shards.views import read_views
from tests.clones import run
from tests.flows.conftest import Api, Serve, needs_prefect, sign_in, visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, *needs_prefect]


@pytest.fixture(scope="module")
def page(chromium: str, server: Api) -> Iterator["Page"]:
    """A page of a browser that is as wide as a small laptop, signed in by the link that is printed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its sandbox needs rights that root in a container lacks; the page is ours.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(120_000)
        sign_in(page, server)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def shot(page: "Page", tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Take a screenshot with a name."""
    folder = tmp_path_factory.mktemp("browser")
    return lambda name: (page.wait_for_timeout(500), page.screenshot(path=folder / f"{name}.png"))[0]


def open_form(page: "Page", server: Api, flow: str) -> None:
    visit(page, server, f"deployments/deployment/{server.deployment(flow)['id']}/run")
    page.get_by_role("button", name="Submit").wait_for()


def submitted(page: "Page", server: Api, flow: str) -> str:
    """Submit the form; returns the new run's id."""
    deployment = server.deployment(flow)["id"]
    before = {each["id"] for each in runs_of(server, deployment)}
    page.get_by_role("button", name="Submit").click()
    wait_for(lambda: len(runs_of(server, deployment)) > len(before), 30)
    (new,) = {each["id"] for each in runs_of(server, deployment)} - before
    visit(page, server, f"runs/flow-run/{new}")
    return new


def runs_of(server: Api, deployment: str) -> list[dict[str, Any]]:
    return server("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})


@pytest.mark.usefixtures("serve")
def test_a_bad_value_is_refused_in_the_form(page: "Page", server: Api, shot: Callable[[str], None]) -> None:
    open_form(page, server, "render")
    before = runs_of(server, server.deployment("render")["id"])
    page.get_by_label("image_size").fill("3")
    page.get_by_role("button", name="Submit").click()
    shot("refused")
    assert "16" in page.get_by_label("image_size").evaluate("field => field.validationMessage")
    assert runs_of(server, server.deployment("render")["id"]) == before


@pytest.mark.usefixtures("serve")
def test_another_picture_size_from_form_to_shards(
    page: "Page", server: Api, committed: Path, shot: Callable[[str], None]
) -> None:
    open_form(page, server, "render")
    page.get_by_label("image_size").fill("96")
    shot("form")
    started = submitted(page, server, "render")
    page.get_by_text("render: render.image_size=96").first.wait_for()
    page.get_by_text("Completed", exact=True).first.wait_for(timeout=300_000)
    page.reload()  # the log that came while the page was open may lag behind
    page.get_by_text("params.yaml: render.image_size: 96").first.wait_for()
    shot("completed")
    assert server(f"/flow_runs/{started}")["state"]["message"] == f"experiment ui-{started[:8]}; render ran"
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("contact-sheet-train").first.wait_for()
    shot("artifacts")
    sheet = server.artifacts(started)["contact-sheet-train"]["id"]
    visit(page, server, f"artifacts/artifact/{sheet}")
    page.wait_for_function("[...document.images].some(image => image.src.startsWith('data:') && image.naturalWidth)")
    shot("contact_sheet")
    png = next(iter(read_views(next((committed / "data/views").glob("train-*.parquet"))))).views[0]
    assert int.from_bytes(png[16:20], "big") == 96
    assert "image_size: 96" in (committed / "dvc.lock").read_text()
    assert run(committed, "dvc", "status", "render").stdout.endswith("up to date.\n")


def test_a_run_is_cancelled(
    page: "Page", serve: Serve, server: Api, committed: Path, shot: Callable[[str], None]
) -> None:
    started = serve.long_run()
    visit(page, server, f"runs/flow-run/{started}")
    page.get_by_text("Running").first.wait_for()
    shot("running")
    page.get_by_role("button", name="Open menu").click()
    page.get_by_role("menuitem", name="Cancel").click()
    shot("cancel")
    page.get_by_role("alertdialog").or_(page.get_by_role("dialog")).get_by_role("button").last.click()
    wait_for(lambda: not serve.work(), 10, serve.work)
    assert server.finished(started)["state"]["type"] == "CANCELLED"
    page.reload()
    page.get_by_text("Cancelled", exact=True).first.wait_for()
    shot("cancelled")
    assert not list((committed / "data").glob("**/.*.partial"))
