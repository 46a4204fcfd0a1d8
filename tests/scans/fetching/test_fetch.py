"""Downloads from a real server that does everything wrong that servers do."""

import json
import random
import resource
import signal
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from scans.errors import UserError
from scans.fetching.fetch import Patience, Remote, _seconds, fetch

DATA = random.Random(0).randbytes(300_000)
QUICK = Patience(attempts=3, stall=0.3, pause=0.01, longest_pause=0.05)


@pytest.fixture
def server(file_server: Any) -> Any:
    file_server.files["/a.zip"] = DATA
    return file_server


def remote(server: Any, path: Path, name: str = "a.zip", size: int | None = None, right: bytes = DATA) -> Remote:
    def check(part: Path) -> None:
        if part.read_bytes() != right:
            raise UserError("wrong checksum")

    return Remote(f"{server.url}/{name}", path / name, about=1000, size=size, check=check)


def get(
    *files: Remote, connections: int = 2, patience: Patience = QUICK, told: list[str] | None = None
) -> list[tuple[int, int]]:
    shown: list[tuple[int, int]] = []
    told = [] if told is None else told
    fetch(
        files,
        connections=connections,
        show=lambda done, total: shown.append((done, total)),
        tell=told.append,
        otherwise="By hand: ask a friend.",
        patience=patience,
    )
    return shown


def ranges(server: Any) -> list[str | None]:
    return [headers.get("Range") for _, headers, _ in server.asked]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_is_shown(server: Any, tmp_path: Path) -> None:
    shown = get(remote(server, tmp_path, size=len(DATA)))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert names(tmp_path) == ["a.zip"]
    assert shown[-1] == (len(DATA), len(DATA))
    assert shown == sorted(shown)


@pytest.mark.parametrize("offset", [-1, 0, 1, 150_001, len(DATA) - 1])
def test_a_cut_connection_goes_on_at_the_byte(server: Any, fault: Any, tmp_path: Path, offset: int) -> None:
    server.faults["/a.zip"] = [fault(cut=offset), fault(cut=0)]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert names(tmp_path) == ["a.zip"]
    again = f"bytes={offset}-" if offset > 0 else None
    assert ranges(server) == [None, again, again]


def test_a_server_that_ignores_range_starts_anew(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(cut=200_000), fault(deaf=True)]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(server) == [None, "bytes=200000-"]


def test_a_file_that_changed_meanwhile_starts_anew(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(cut=200_000)] * 3
    with pytest.raises(UserError):
        get(remote(server, tmp_path), patience=Patience(1, 0.3, 0.01, 0.01))
    server.faults.clear()
    server.files["/a.zip"] = DATA[::-1]
    get(remote(server, tmp_path, right=DATA[::-1]))
    assert (tmp_path / "a.zip").read_bytes() == DATA[::-1]
    assert ranges(server)[-1] == "bytes=200000-"


def test_without_a_validator_nothing_is_put_together(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(cut=200_000, headers={"ETag": None}), fault(cut=10, headers={"ETag": 'W/"1"'})]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(server) == [None, None, None]


def test_a_shorter_range_than_asked_for_is_gone_on_from(server: Any, fault: Any, tmp_path: Path) -> None:
    short = fault(body=DATA[1000:3000], headers={"Content-Range": "bytes 1000-2999/300000"})
    server.faults["/a.zip"] = [fault(cut=1000), short]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(server) == [None, "bytes=1000-", "bytes=3000-"]


def test_a_range_need_not_name_the_whole_length(server: Any, fault: Any, tmp_path: Path) -> None:
    unnamed = fault(cut=500, headers={"Content-Range": "bytes 1000-299999/*"})
    server.faults["/a.zip"] = [fault(cut=1000), unnamed]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(server) == [None, "bytes=1000-", "bytes=1500-"]


def test_a_date_serves_where_there_is_no_strong_tag(server: Any, fault: Any, tmp_path: Path) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.faults["/a.zip"] = [fault(cut=1000, headers={"ETag": 'W/"1"', "Last-Modified": date})]
    get(remote(server, tmp_path))
    (_, headers, _) = server.asked[1]
    assert (headers["Range"], headers["If-Range"]) == ("bytes=1000-", date)
    assert (tmp_path / "a.zip").read_bytes() == DATA, "the server did not know the date and sent all"


def test_a_part_from_another_address_is_thrown_away(server: Any, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"other")
    note = {"url": "http://elsewhere/a.zip", "validator": '"1"', "length": 10}
    (tmp_path / "a.zip.part.json").write_text(json.dumps(note))
    get(remote(server, tmp_path))
    assert ranges(server) == [None]
    (tmp_path / "a.zip.part").write_bytes(b"other")
    (tmp_path / "a.zip.part.json").write_text("{")
    get(remote(server, tmp_path))
    assert names(tmp_path) == ["a.zip"]


def test_a_part_that_is_whole_is_not_asked_for(server: Any, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(DATA)
    note = {"url": f"{server.url}/a.zip", "validator": '"1"', "length": len(DATA)}
    (tmp_path / "a.zip.part.json").write_text(json.dumps(note))
    get(remote(server, tmp_path))
    assert server.asked == []
    assert names(tmp_path) == ["a.zip"]


def test_a_server_that_falls_silent_is_asked_again(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(stall=0), fault(stall=1000), fault(stall=500)]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(server) == [None, None, "bytes=1000-", "bytes=1500-"]


def test_progress_starts_the_count_of_tries_again(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(cut=1000)] * 10
    get(remote(server, tmp_path))
    assert len(server.asked) == 11
    assert (tmp_path / "a.zip").read_bytes() == DATA


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_waited_for(server: Any, fault: Any, tmp_path: Path, status: int) -> None:
    server.faults["/a.zip"] = [fault(status=status, body=b"<html>busy", headers={"Retry-After": "99999"})] * 2
    get(remote(server, tmp_path))
    assert len(server.asked) == 3
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_trouble_that_stays_ends_with_what_to_do(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(cut=5), *[fault(status=503, body=b"")] * 3]
    with pytest.raises(UserError, match=r"a\.zip: the server answers 503.* after 3 tries .*from byte 5\. By hand: ask"):
        get(remote(server, tmp_path))
    assert not (tmp_path / "a.zip").exists()
    get(remote(server, tmp_path))
    assert ranges(server)[-1] == "bytes=5-"


def test_retry_after_is_kept(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(status=429, body=b"", headers={"Retry-After": "1"})]
    told: list[str] = []
    get(remote(server, tmp_path), patience=Patience(3, 5, 0.01, 10), told=told)
    assert told == ["a.zip: the server answers 429 Too Many Requests; going on in 1 s"]
    (_, _, first), (_, _, second) = server.asked
    assert second - first >= 1


def test_retry_after_in_all_its_forms() -> None:
    assert _seconds("120") == 120
    assert 3500 < _seconds(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)) <= 3600
    assert [_seconds(text) for text in ("", "soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT")] == [0] * 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_final_answer_is_not_asked_for_twice(server: Any, fault: Any, tmp_path: Path, status: int) -> None:
    server.faults["/a.zip"] = [fault(status=status, body=b"<html>gone")]
    with pytest.raises(UserError, match=rf"a\.zip: the server answers {status} .*can't be had there\. By hand"):
        get(remote(server, tmp_path))
    assert len(server.asked) == 1
    assert names(tmp_path) == []


def test_an_answer_longer_than_it_says_is_refused(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(headers={"Content-Length": "1000"})] * 9
    with pytest.raises(UserError, match=r"wrong checksum|the connection failed .* after 3 tries"):
        get(remote(server, tmp_path))
    assert not (tmp_path / "a.zip").exists()


def test_an_answer_shorter_than_it_says_is_never_whole(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(headers={"Content-Length": str(len(DATA) + 1)}, deaf=True)] * 9
    with pytest.raises(UserError, match="after 3 tries without progress"):
        get(remote(server, tmp_path))
    assert not (tmp_path / "a.zip").exists()


def test_a_wrong_length_is_refused_before_it_is_fetched(server: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it has 300000 bytes there, not the 299999 it should"):
        get(remote(server, tmp_path, size=len(DATA) - 1))
    assert names(tmp_path) == []


def test_a_wrong_checksum_leaves_nothing(server: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wrong checksum"):
        get(remote(server, tmp_path, right=b"other"))
    assert names(tmp_path) == []


def test_redirects_are_followed_and_circles_are_not(server: Any, fault: Any, tmp_path: Path) -> None:
    there = fault(status=302, body=b"", headers={"Location": "/a.zip"})
    server.faults["/b.zip"] = [there, there]
    server.faults["/a.zip"] = [fault(cut=7)]
    get(remote(server, tmp_path, "b.zip"))
    assert (tmp_path / "b.zip").read_bytes() == DATA
    assert ranges(server) == [None, None, "bytes=7-", "bytes=7-"], "the storage host is asked for the rest too"
    server.faults["/c.zip"] = [fault(status=302, body=b"", headers={"Location": "/c.zip"})] * 20
    with pytest.raises(UserError, match=r"c\.zip: more than 10 redirects, most likely in a circle\. By hand"):
        get(remote(server, tmp_path, "c.zip"))


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/a.zip", "http://"])
def test_a_redirect_to_nowhere_is_final(server: Any, fault: Any, tmp_path: Path, location: str) -> None:
    server.faults["/a.zip"] = [fault(status=302, body=b"", headers={"Location": location})]
    with pytest.raises(UserError, match="By hand"):
        get(remote(server, tmp_path))
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/zip"])
def test_an_html_page_is_no_file(server: Any, fault: Any, tmp_path: Path, kind: str) -> None:
    page = fault(body=b"\n<!DOCTYPE html><p>Log in", headers={"Content-Type": kind})
    server.faults["/a.zip"] = [page]
    with pytest.raises(UserError, match="sends an HTML page in place of the file"):
        get(remote(server, tmp_path))
    assert not (tmp_path / "a.zip").exists()
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {"Content-Range": "bytes 0-9/300000"}},
        {"headers": {"Content-Range": "bytes 1000-299999/299999"}},
        {"headers": {"Content-Range": None}},
        {"status": 416, "body": b""},
    ],
)
def test_a_part_that_does_not_fit_is_not_appended(server: Any, fault: Any, tmp_path: Path, wrong: dict) -> None:
    server.faults["/a.zip"] = [fault(cut=1000), fault(**wrong)]
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(server) == [None, "bytes=1000-", None]


def test_a_file_that_can_not_fit_is_not_begun(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(headers={"Content-Length": str(10**17)}, cut=10)]
    with pytest.raises(UserError, match=r"takes 100000000\.00 GB, and .* are free there"):
        get(remote(server, tmp_path))
    assert names(tmp_path) == []


def test_a_full_disk_is_not_taken_for_a_bad_connection(server: Any, tmp_path: Path) -> None:
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        with pytest.raises(OSError, match="File too large"):
            get(remote(server, tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(server.asked) == 1
    assert not (tmp_path / "a.zip").exists()
    get(remote(server, tmp_path))
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_no_more_connections_than_allowed(server: Any, tmp_path: Path) -> None:
    files = []
    for number in range(8):
        server.files[f"/{number}.zip"] = DATA
        files.append(remote(server, tmp_path, f"{number}.zip"))
    get(*files, connections=2)
    assert 1 <= server.busiest <= 2
    assert len(names(tmp_path)) == 8


def test_a_failure_stops_the_others_and_keeps_their_parts(server: Any, fault: Any, tmp_path: Path) -> None:
    server.faults["/a.zip"] = [fault(stall=1000)]
    server.faults["/gone.zip"] = [fault(status=503, body=b"", headers={"Retry-After": "1"}), fault(status=410)]
    with pytest.raises(UserError, match="410"):
        get(remote(server, tmp_path), remote(server, tmp_path, "gone.zip"), patience=Patience(9, 60, 0.01, 60))
    assert (tmp_path / "a.zip.part").stat().st_size == 1000
    get(remote(server, tmp_path))
    assert ranges(server)[-1] == "bytes=1000-"


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.zip"
        with pytest.raises(UserError, match=r"the connection failed .* after 3 tries"):
            get(Remote(url, tmp_path / "a.zip", 1, None, lambda _: None))
