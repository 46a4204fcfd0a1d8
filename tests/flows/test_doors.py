"""What other sites' pages and names get from our Prefect server and from the reports' port: nothing."""

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from flows.pages import served_reports
from tests.flows.conftest import Api, needs_prefect, sign_in


def answer(url: str, host: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a GET, as a browser sends it that takes `host` for this machine."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    connection.request("GET", parts.path, headers={"Host": host or parts.netloc, **headers})
    got = connection.getresponse()
    return got.status, {name.lower(): value for name, value in got.getheaders()}, got.read()


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of reports/, with a page in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/index.html").write_text("secret")
    with served_reports(0) as address:
        yield address


def test_the_report_is_for_this_machines_names_alone(reports: str) -> None:
    page, port = f"{reports}/index.html", urlsplit(reports).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        status, headers, body = answer(page, host)
        assert (status, body) == (200, b"secret")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
    for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example"):
        status, _, body = answer(page, host)
        assert status == 400
        assert b"secret" not in body


class TestServer:
    """Ours, as `tenview serve` starts it."""

    pytestmark = needs_prefect

    @pytest.mark.parametrize("path", ["/flow_runs/filter", "/deployments/filter", "/admin/settings"])
    def test_nothing_is_read_without_the_auth_string(self, server: Api, path: str) -> None:
        for auth in (None, ("tenview", "guess")):
            for method in ("GET", "POST"):
                got = httpx.request(method, f"{server.url}/api{path}", auth=auth, json={}, timeout=180)
                assert got.status_code == 401
                assert got.json() == {"exception_message": "Unauthorized"}

    def test_nothing_is_changed_without_it(self, server: Api) -> None:
        flow = server("/flows/", {"name": "closed"})
        deployment = server("/deployments/", {"name": "closed", "flow_id": flow["id"]})["id"]
        command = [{"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/owned"}}]
        url = f"{server.url}/api/deployments/{deployment}"
        assert httpx.patch(url, json={"pull_steps": command}, timeout=60).status_code == 401
        assert not server(f"/deployments/{deployment}")["pull_steps"]
        server(f"/deployments/{deployment}", method="DELETE")

    def test_another_name_for_this_machine_gets_nothing(self, server: Api) -> None:
        for path in ("/", "/ui-settings", "/sign-in", "/api/health"):
            assert answer(server.url + path)[0] in (200, 302, 307)
            assert answer(server.url + path, "evil.example")[::2] == (400, b"Invalid host header")

    def test_another_origin_is_not_allowed(self, server: Api) -> None:
        health = f"{server.url}/api/health"
        assert "access-control-allow-origin" not in answer(health, Origin="http://127.0.0.1:9")[1]
        assert answer(health, Origin=server.url)[1]["access-control-allow-origin"] == server.url

    def test_no_click_fails_while_others_write(self, server: Api) -> None:
        """SQLite takes one writer at a time; Prefect's API says 503 then, which its UI shows as an unknown error."""
        flow = server("/flows/", {"name": "busy"})
        deployment = server("/deployments/", {"name": "busy", "flow_id": flow["id"]})["id"]

        def click(number: int) -> object:
            run = {"name": str(number), "state": {"type": "SCHEDULED"}}
            return server(f"/deployments/{deployment}/create_flow_run", run)

        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(click, range(60)))
        assert [each for each in made if not isinstance(each, dict)] == []
        server(f"/deployments/{deployment}", method="DELETE")

    @pytest.mark.browser
    def test_a_page_of_another_site_in_the_users_browser(
        self, server: Api, reports: str, tmp_path: Path, chromium: str
    ) -> None:
        """The user is signed in, in the same browser, and the page does what a page can."""
        from playwright.sync_api import sync_playwright

        (tmp_path / "site").mkdir()
        (tmp_path / "site/index.html").write_text("<!doctype html><title>site</title>")
        handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site, sync_playwright() as playwright:
            threading.Thread(target=site.serve_forever, daemon=True).start()
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page, asked = browser.new_page(), []
            page.on("response", lambda response: asked.append(urlsplit(response.url).netloc))
            sign_in(page, server)
            page.wait_for_timeout(3000)
            assert set(asked) == {urlsplit(server.url).netloc}, "a request to another host"
            page.goto(f"http://127.0.0.1:{site.server_port}/index.html")
            script = """async ([url, options]) => {
                try { const got = await fetch(url, options); return [got.status, await got.text()]; }
                catch (error) { return String(error); }
            }"""
            json = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": "{}"}
            for url, options in (
                (f"{server.url}/api/flow_runs/filter", json),
                (f"{server.url}/api/flow_runs/filter", json | {"credentials": "include"}),
                (f"{server.url}/api/admin/settings", {}),
                (f"{reports}/index.html", {}),
            ):
                assert page.evaluate(script, [url, options]) == "TypeError: Failed to fetch"
            frames = f"<iframe src='{reports}/index.html'></iframe><iframe src='{server.url}/'></iframe>"
            page.set_content(frames)
            page.wait_for_timeout(1000)
            assert {frame.url for frame in page.frames[1:]} <= {"chrome-error://chromewebdata/"}
            browser.close()
            site.shutdown()
