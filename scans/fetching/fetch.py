"""Files at URLs, whole at their paths: resumed where the server can, retried where that may help."""

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import RawIOBase
from pathlib import Path

import aiohttp

from scans.errors import UserError
from scans.files import atomic_file, errors_name, require_space

TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
REDIRECTS = 10
CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Remote:
    """A file to fetch.

    Attributes:
        path: where it will lie; beside it, `<name>.part` and `<name>.part.json` are what a later run goes on from.
        about: bytes, for the progress alone, until the server tells them.
        size: bytes, where they are known for sure; another length is refused before it is fetched.
        check: raises UserError where the file is not the right one; it is deleted then.
    """

    url: str
    path: Path
    about: int
    size: int | None
    check: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, in seconds.

    Attributes:
        attempts: tries in a row that bring nothing new before a file is given up.
        stall: silence after which a connection counts as dead.
        pause: before the second try, about; it doubles from try to try.
        longest_pause: bound of a pause, whatever Retry-After says.
    """

    attempts: int = 8
    stall: float = 60.0
    pause: float = 1.0
    longest_pause: float = 300.0


@dataclass(frozen=True, slots=True)
class _Note:
    """What a partial file is a part of: its URL, the validator (ETag or date) of its version, and its whole length."""

    url: str
    validator: str
    length: int | None


class _TemporaryError(Exception):
    """Trying again may help, after `retry_after` seconds at the earliest."""

    def __init__(self, reason: str, retry_after: float = 0.0):
        super().__init__(reason)
        self.retry_after = retry_after


def fetch(
    files: Sequence[Remote],
    *,
    connections: int,
    show: Callable[[int, int], None],
    tell: Callable[[str], None],
    otherwise: str,
    patience: Patience = Patience(),
) -> None:
    """Fetch files, some at a time; where one fails for good, the others stop and keep their parts.

    Args:
        connections: downloads at the same time, at most.
        show: called with the bytes that are there and those there will be, of all files together.
        tell: called with a line for the user where a download pauses.
        otherwise: a sentence for the errors: how to get the files in another way.

    Raises:
        UserError: a file can't be had, or is not the right one.
    """
    done = {file.url: _size(_part(file)) for file in files}
    totals = {file.url: file.size or file.about for file in files}

    async def fetch_all() -> None:
        free = asyncio.Semaphore(connections)
        # Dead connections are found by silence, not by the total time; compressed answers would hide the length.
        settings = aiohttp.ClientTimeout(total=None, sock_connect=patience.stall, sock_read=patience.stall)
        async with (
            aiohttp.ClientSession(
                timeout=settings,
                headers={"User-Agent": "tenview", "Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=True,
            ) as session,
            asyncio.TaskGroup() as group,
        ):
            for file in files:
                group.create_task(fetch_one(session, free, file))

    async def fetch_one(session: aiohttp.ClientSession, free: asyncio.Semaphore, file: Remote) -> None:
        def show_file(here: int, length: int | None) -> None:
            done[file.url], totals[file.url] = here, max(length or totals[file.url], here)
            show(sum(done.values()), sum(totals.values()))

        async with free:
            await _fetch(session, file, show_file, tell, otherwise, patience)

    try:
        asyncio.run(fetch_all())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _fetch(
    session: aiohttp.ClientSession,
    file: Remote,
    show: Callable[[int, int | None], None],
    tell: Callable[[str], None],
    otherwise: str,
    patience: Patience,
) -> None:
    part = _part(file)
    part.parent.mkdir(parents=True, exist_ok=True)
    furthest, failures = _size(part), 0
    while True:
        try:
            with _explained(file.url, otherwise):
                await _go_on(session, file, part, show, otherwise)
            break
        except _TemporaryError as error:
            here = _size(part)
            failures = 1 if here > furthest else failures + 1
            furthest = max(furthest, here)
            if failures == patience.attempts:
                raise UserError(
                    f"{file.url}: {error}; given up after {failures} tries without progress. "
                    f"Run it again later, it goes on from byte {here}. {otherwise}"
                ) from None
            # Jitter, so that many clients don't come back at the same moment.
            pause = patience.pause * 2 ** (failures - 1) * random.uniform(0.5, 1.0)
            pause = min(max(pause, error.retry_after), patience.longest_pause)
            tell(f"{file.path.name}: {error}; going on in {pause:.0f} s")
            await asyncio.sleep(pause)
    try:
        await asyncio.to_thread(file.check, part)
    except UserError:
        _discard(part)
        raise
    part.replace(file.path)
    _discard(part)


async def _go_on(
    session: aiohttp.ClientSession,
    file: Remote,
    part: Path,
    show: Callable[[int, int | None], None],
    otherwise: str,
) -> None:
    """One request: the rest of the file where a part of it lies there, else all of it."""
    note = _read_note(part)
    if note is None or note.url != file.url:
        _discard(part)
        note = None
    here = _size(part)
    if note and note.length == here:  # a run was killed between the last byte and the rename
        return
    # With If-Range, a server that has another version by now sends all of it.
    headers = {"Range": f"bytes={here}-", "If-Range": note.validator} if note and here else {}
    async with session.get(file.url, headers=headers, max_redirects=REDIRECTS) as response:
        if response.status == 416:
            _discard(part)
            raise _TemporaryError("the server has no such part of the file")
        _refuse(response, file.url, otherwise)
        if response.status == 206:
            start, length = _content_range(response)
            known = note.length if note else None
            length = known if length is None else length
            if not headers or start != here or known not in (None, length):
                _discard(part)
                raise _TemporaryError("the server sends another part than it was asked for")
        else:
            here, length = 0, response.content_length
        if None not in (file.size, length) and file.size != length:
            raise UserError(f"{file.url}: it has {length} bytes there, not the {file.size} it should. {otherwise}")
        require_space(part.parent, (length or 0) - here, f"the rest of {file.path.name}")
        if here == 0:
            _begin(part, _note(response, file.url, length))
        with open(part, "ab", buffering=0) as out:
            async for chunk in response.content.iter_chunked(CHUNK):
                if here == 0 and chunk.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
                    raise UserError(_html(file.url, otherwise))
                with errors_name(part):
                    here += _write_all(out, chunk)
                show(here, length)
    if length is not None and here != length:
        raise _TemporaryError(f"the server sent {here} of {length} bytes")


def _write_all(out: RawIOBase, chunk: bytes) -> int:
    left = memoryview(chunk)
    while left:
        left = left[out.write(left) :]
    return len(chunk)


def _refuse(response: aiohttp.ClientResponse, url: str, otherwise: str) -> None:
    """Nothing for a status with a file in it, else the right exception."""
    status = f"the server answers {response.status} {response.reason or ''}".rstrip()
    if response.status in TEMPORARY:
        raise _TemporaryError(status, _seconds(response.headers.get("Retry-After", "")))
    if response.status not in (200, 206):
        raise UserError(f"{url}: {status}: it can't be had there. {otherwise}")
    if response.content_type == "text/html":
        raise UserError(_html(url, otherwise))


def _html(url: str, otherwise: str) -> str:
    return (
        f"{url}: the server sends an HTML page in place of the file. Open the address in a browser to see. {otherwise}"
    )


@contextmanager
def _explained(url: str, otherwise: str) -> Iterator[None]:
    """Exceptions of the HTTP library as ours."""
    try:
        yield
    except aiohttp.TooManyRedirects:
        raise UserError(f"{url}: more than {REDIRECTS} redirects, most likely in a circle. {otherwise}") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.ClientConnectorCertificateError) as error:
        raise UserError(f"{url}: no address to fetch from ({error}). {otherwise}") from None
    except TimeoutError:
        raise _TemporaryError("the server fell silent") from None
    except aiohttp.ClientError as error:
        raise _TemporaryError(f"the connection failed ({error or type(error).__name__})") from None


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds: a number or a date; 0 where it is neither."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _content_range(response: aiohttp.ClientResponse) -> tuple[int, int | None]:
    """First byte and whole length of a 206; (-1, None) where the header is missing or broken."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    return (int(match[1]), None if match[2] == "*" else int(match[2])) if match else (-1, None)


def _note(response: aiohttp.ClientResponse, url: str, length: int | None) -> _Note | None:
    """None where the server names no version of the file that a later request could ask for."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")  # a weak tag won't do
    return _Note(url, validator, length) if validator else None


def _begin(part: Path, note: _Note | None) -> None:
    _discard(part)
    if note:
        with atomic_file(_note_path(part)) as partial:
            partial.write_text(json.dumps(asdict(note)), encoding="utf-8")


def _read_note(part: Path) -> _Note | None:
    try:
        return _Note(**json.loads(_note_path(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _part(file: Remote) -> Path:
    return file.path.with_name(f"{file.path.name}.part")


def _note_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)
