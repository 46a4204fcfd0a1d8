"""The files of the model of measured crowns: found in a folder, or fetched and checked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scans.errors import UserError
from scans.synthetic.crown_files import COMMIT, SHA256
from stages.params.tree import Params
from stages.runtime.store import file_digest
from stages.sources import crown_model as source
from stages.sources.crown_model import FOLDER, crown_model
from tests.scans.synthetic.model_folder import write_model

PUBLISHED = Path(__file__).resolve().parents[4] / "shared" / "ssm"
needs_the_files = pytest.mark.skipif(not PUBLISHED.exists(), reason="the published model is not beside this checkout")


def params(**synthetic: str) -> Params:
    return Params.model_validate({"download": {"synthetic": {"crowns": "measured", **synthetic}}})


@pytest.fixture(autouse=True)
def _workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model made by hand in the published one's place: its files, and their checksums and lengths in ours."""
    (tmp_path / "served").mkdir()
    folder = write_model(tmp_path / "served")
    assert {path.name for path in folder.iterdir()} == SHA256.keys()
    monkeypatch.setattr(source, "SHA256", {path.name: file_digest(path) for path in folder.iterdir()})
    monkeypatch.setattr(source, "size", lambda name: (folder / name).stat().st_size)
    return folder


@pytest.fixture
def server(served: Path) -> Iterator[tuple[str, list[str]]]:
    """An address that has the files where GitHub has them, and the paths it was asked for."""
    asked: list[str] = []

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = (served / Path(self.path).name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}/{{commit}}/{{path}}", asked
    httpd.shutdown()
    httpd.server_close()


def test_a_folder_that_lacks_files_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"lacks 45 of the model's 45 files.*download\.synthetic\.crown_model"):
        crown_model(params(crown_model=str(tmp_path)))


def test_a_file_of_another_content_is_refused(tmp_path):
    for name in SHA256:
        (tmp_path / name).write_bytes(b"another")
    with pytest.raises(UserError, match=r"Mu_normals\.npy: wrong checksum"):
        crown_model(params(crown_model=str(tmp_path)))


@needs_the_files
def test_a_folder_of_the_published_files_is_taken():
    assert crown_model(params(crown_model=str(PUBLISHED))) == PUBLISHED


def test_files_are_fetched_once_from_their_places(server):
    url, asked = server
    assert crown_model(params(crown_model_url=url)) == FOLDER
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(SHA256)
    assert f"/{COMMIT}/ssm/cpdGpParams/ScaleCovMat.npy" in asked
    assert f"/{COMMIT}/ssm/eigValVec/eigVec_27.npy" in asked
    count = len(asked)
    (FOLDER / "eigVal_11.npy").write_bytes(b"broken")
    crown_model(params(crown_model_url=url))
    assert len(asked) == count + 1
