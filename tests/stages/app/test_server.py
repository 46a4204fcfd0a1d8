"""What the server of `tenview app` answers and refuses; no jaw is made."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from stages.app import server
from stages.app.jobs import Case, Jobs
from stages.app.server import create
from tests.stages.app.earlier import put

HERE = "http://127.0.0.1:8210"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results with a jaw that is done, and one that failed."""
    done = put(tmp_path / "results", "1-done", state="done", exit_code=0, name='Ann/a "x"\n<b>')
    (done / "out/jaw/teeth").mkdir(parents=True)
    (done / "out/jaw/mesh.stl").write_bytes(b"solid")
    (done / "out/jaw/teeth/11.stl").write_bytes(b"tooth")
    (done / "secret.txt").write_text("secret")
    view = {
        "plausible": True,
        "overlap": 90,
        "warnings": ["<i>"],
        "notices": [],
        "legends": {},
        "teeth": [],
        "figures": [["Size", "5 mm"]],
    }
    view |= {"errors": {}, "pictures": [[0, "data:,"]], "sheets": [], "scene": {"extent": 1, "layers": [], "names": []}}
    (done / "view.json").write_text(json.dumps(view))
    failed = put(tmp_path / "results", "2-failed", state="failed", exit_code=1, files={"jaw/view_00.png": "<b>.png"})
    (failed / "log.txt").write_text(f"predict: {failed}/jaw/view_00.png: blank, 0.0% of it. Take it again\n")
    return tmp_path / "results"


@pytest.fixture
def client(results: Path) -> Iterator[TestClient]:
    with TestClient(create(Jobs(results)), base_url=HERE) as client:
        yield client


def test_other_names_and_other_origins_get_nothing(client: TestClient) -> None:
    for host in ("evil.example", "evil.example:8210", "127.0.0.1.evil.example"):
        assert client.get("/cases", headers={"Host": host}).status_code == 400
    for origin in ("http://evil.example", "http://127.0.0.1:9999", "null", "https://127.0.0.1:8210"):
        assert client.get("/cases", headers={"Origin": origin}).status_code == 403
        assert client.post("/uploads", headers={"Origin": origin}).status_code == 403
        assert client.delete("/cases/1-done", headers={"Origin": origin}).status_code == 403
    assert client.get("/cases", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/uploads", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    followed = client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert followed.status_code == 200, "a link to the page may be followed"
    own = client.post("/uploads", headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200


def test_no_page_may_frame_read_or_script_it(client: TestClient) -> None:
    for path in ("/", "/cases", "/cases/1-done", "/cases/none", "/static/app.js"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src 'self';" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
    assert "<script>" not in client.get("/").text + client.get("/cases/1-done").text, "its own policy forbids them"


def test_names_are_text_and_never_markup_or_paths(client: TestClient, results: Path) -> None:
    page = client.get("/cases/1-done").text
    assert "<b>" not in page.replace("<b>view", "")
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;" in page
    for path in (
        "../../secret.txt",
        "..%2f..%2fsecret.txt",
        "%2e%2e/%2e%2e/secret.txt",
        "/etc/passwd",
        "",
        "case.json",
    ):
        assert client.get(f"/cases/1-done/files/{path}").status_code in (404, 405)
    for path in ("/cases/%2e%2e%2fresults", "/static/..%2fserver.py", "/views/..%2fserver.py"):
        assert client.get(path).status_code == 404
    upload = client.post("/uploads").json()["id"]
    assert client.put(f"/uploads/{upload}", params={"name": "../../../view_00.png"}, content=b"x").json() == {}
    kept = [path for path in results.parent.rglob("*") if path.is_file() and path.read_bytes() == b"x"]
    assert kept == [results / ".uploads" / upload / "0000"]


def test_every_file_of_the_results_is_offered(client: TestClient) -> None:
    page = client.get("/cases/1-done").text
    for path, content in (("mesh.stl", b"solid"), ("teeth/11.stl", b"tooth")):
        assert f'href="/cases/1-done/files/{path}"' in page
        got = client.get(f"/cases/1-done/files/{path}")
        assert got.content == content
        assert got.headers["content-disposition"].startswith("attachment")
        assert got.headers["content-type"] == "application/octet-stream"
    report = client.get("/cases/1-done/report.html")
    assert report.headers["content-disposition"].startswith("attachment")
    assert "default-src &#39;none&#39;" in report.text or "default-src 'none'" in report.text
    assert 'src="/' not in report.text
    assert 'href="/' not in report.text


def test_a_failure_is_told_in_the_users_names(client: TestClient) -> None:
    told = {case["id"]: case for case in client.get("/cases").json()["cases"]}
    assert told["2-failed"]["messages"] == ["<b>.png (view 0): blank, 0.0% of it. Take it again"]
    assert "&lt;b&gt;.png (view 0): blank" in client.get("/cases/2-failed").text
    assert client.get("/cases/2-failed/report.html").status_code == 404
    assert client.get("/cases/2-failed/files/log.txt").text.startswith("predict: ")


def test_what_is_too_large_is_refused_and_removed(
    client: TestClient, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, content: bytes) -> str:
        upload = client.post("/uploads").json()["id"]
        client.put(f"/uploads/{upload}", params={"name": "first.png"}, content=b"123")
        got = client.put(f"/uploads/{upload}", params={"name": name}, content=content)
        assert got.status_code == 400
        return got.json()["error"]

    monkeypatch.setattr(server, "LARGEST_FILE", 5)
    assert refused("large.stl", b"123456").startswith("large.stl: too large")
    monkeypatch.setattr(server, "LARGEST_DROP", 5)
    assert refused("more.stl", b"123").startswith("more.stl: too large")
    monkeypatch.setattr(server, "MOST_FILES", 1)
    upload = client.post("/uploads").json()["id"]
    client.put(f"/uploads/{upload}", params={"name": "a.png"}, content=b"1")
    assert (
        "more than 1 files" in client.put(f"/uploads/{upload}", params={"name": "b.png"}, content=b"1").json()["error"]
    )
    assert "without a name" in client.put(f"/uploads/{client.post('/uploads').json()['id']}").json()["error"]
    assert len(list((results / ".uploads").iterdir())) == 2, "those that were too large are gone"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crowns": "+z"}, "name both axes"),
        ({"crowns": "+z", "incisors": "--model"}, "incisors: --model can't be used"),
        ({"model": "/tmp"}, "model: /tmp can't be used"),
        ([], "no JSON object"),
    ],
    ids=["one axis", "no axis", "no such option", "a list"],
)
def test_options_that_predict_does_not_have_for_scans_are_refused(
    client: TestClient, results: Path, options: object, message: str
) -> None:
    upload = client.post("/uploads").json()["id"]
    client.put(f"/uploads/{upload}", params={"name": "a.stl"}, content=b"solid")
    got = client.post(f"/uploads/{upload}", content=json.dumps(options))
    assert got.status_code == 400
    assert message in got.json()["error"]
    assert not list((results / ".uploads").iterdir())
    assert client.post(f"/uploads/{upload}").status_code == 404


def test_a_deleted_jaw_leaves_no_file(client: TestClient, results: Path) -> None:
    assert client.delete("/cases/1-done").status_code == 200
    assert not [path for path in results.iterdir() if "1-done" in path.name]
    assert client.get("/cases/1-done").status_code == 404
    assert [case["id"] for case in client.get("/cases").json()["cases"]] == ["2-failed"]


def test_cases_are_as_their_files_say(results: Path) -> None:
    jobs = Jobs(results)
    assert [case.id for case in jobs.all()] == ["2-failed", "1-done"]
    assert isinstance(jobs.get("1-done"), Case)
