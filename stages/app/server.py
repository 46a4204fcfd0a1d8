"""The web application of `tenview app`: the page, its uploads, and the jaws' results.

A file is uploaded as the plain body of a PUT request, streamed to the disk; no form is parsed.

    POST   /uploads                      → {"id": …}
    PUT    /uploads/{upload}?name=PATH   a file; its path on the user's disk is text that is shown
    POST   /uploads/{upload}             options as JSON; queues the jaws among the files → their ids
    GET    /views/view_{number}.png      the guide's jaw as a view of the model shows it
    GET    /cases                        all jaws, and how far they are
    GET    /cases/{case}                 the page of a jaw
    GET    /cases/{case}/files/{path}    a file of its results
    GET    /cases/{case}/report.html     the page as one self-contained file
    POST   /cases/{case}/again           queues one that failed
    DELETE /cases/{case}                 removes it with all its files
"""

import json
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from scans.errors import UserError
from scans.files import require_space
from stages.app import guide, pages
from stages.app.jobs import DONE, FAILED, INTERRUPTED, LOG, OUT, QUEUED, STAGED, Case, Jobs
from stages.app.uploads import LARGEST_DROP, LARGEST_FILE, MOST_FILES, Dropped, shown, sort_out, unpacked
from stages.app.words import messages, step
from stages.runtime.loopback import HEADERS, SameOrigin, only_here

ROOM = 50_000_000  # bytes that stay free on the disk when a file comes
LARGEST_OPTIONS = 1000  # bytes
SECONDS_TO_DROP = 3600.0  # after which an upload that nobody has ended is removed
OPTIONS = {
    "crowns": re.compile(r"[+-][xyz]"),
    "incisors": re.compile(r"[+-][xyz]"),
    "millimetres-per-unit": re.compile(r"\d{1,6}(\.\d{1,6})?"),
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
POLICY += "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def create(jobs: Jobs) -> ASGIApp:
    """The application over a folder of results; it works on the queue for as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        jobs.start()
        yield
        await run_in_threadpool(jobs.stop)

    served = _Served(jobs)
    routes = [
        Route("/", served.index),
        Route("/uploads", served.begin, methods=["POST"]),
        Route("/uploads/{upload}", served.take, methods=["PUT"]),
        Route("/uploads/{upload}", served.end, methods=["POST"]),
        Route("/cases", served.cases),
        Route("/cases/{case}", served.case),
        Route("/cases/{case}", served.delete, methods=["DELETE"]),
        Route("/cases/{case}/again", served.again, methods=["POST"]),
        Route("/cases/{case}/report.html", served.report),
        Route("/cases/{case}/files/{path:path}", served.file),
        Route("/static/{name}", served.static),
        Route("/views/view_{number:int}.png", served.picture),
    ]
    refusals = {UserError: _told, HTTPException: _told, OSError: _told}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=refusals)
    headers = HEADERS | {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return only_here(SameOrigin(app), headers)


async def _told(_: Request, error: Exception) -> Response:
    """A refusal, or what a disk does, as the page shows it."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    if isinstance(error, OSError):
        return JSONResponse({"error": f"{error.filename or 'a file'}: {error.strerror}"}, 507)
    return JSONResponse({"error": str(error)}, 400)


class _Upload:
    """What is being dropped: its folder, its files so far, their bytes in all, and when it began."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files, self.size, self.began = folder, list[Dropped](), 0, time.monotonic()
        folder.mkdir(parents=True)


class _Served:
    """The answers to requests."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._uploads: dict[str, _Upload] = {}

    async def index(self, _: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(pages.index))

    async def picture(self, request: Request) -> Response:
        content = await run_in_threadpool(guide.picture, request.path_params["number"])
        if content is None:
            raise HTTPException(404, "There is no such view")
        return Response(content, media_type="image/png")

    async def static(self, request: Request) -> Response:
        text, kind = pages.static(request.path_params["name"])
        if not kind:
            raise HTTPException(404, "There is no such file")
        return Response(text, media_type=kind)

    async def begin(self, _: Request) -> Response:
        for name, upload in list(self._uploads.items()):
            if time.monotonic() - upload.began > SECONDS_TO_DROP:
                self._forget(name)
        name = secrets.token_hex(8)
        self._uploads[name] = _Upload(self._jobs.results / STAGED / name)
        return JSONResponse({"id": name})

    async def take(self, request: Request) -> Response:
        upload = self._upload(request)
        # A path of the user's disk: text that is shown, split at slashes, and never opened.
        name = PurePosixPath(request.query_params.get("name", "").replace("\\", "/").lstrip("/"))
        if not name.name:
            raise UserError("a file without a name. Drop it again")
        if len(upload.files) >= MOST_FILES:
            raise UserError(f"more than {MOST_FILES} files. Drop fewer at once")
        require_space(upload.folder, int(request.headers.get("content-length") or 0) + ROOM, shown(name.name))
        kept = upload.folder / f"{len(upload.files):04d}"
        upload.files.append(Dropped(kept, name))
        try:
            with open(kept, "xb") as file:
                async for chunk in request.stream():
                    upload.size += len(chunk)
                    if file.tell() + len(chunk) > LARGEST_FILE or upload.size > LARGEST_DROP:
                        raise UserError(
                            f"{shown(name.name)}: too large. A file may have {LARGEST_FILE >> 20} MiB, and all that "
                            f"are dropped at once {LARGEST_DROP >> 20} MiB. Drop fewer, or a smaller one"
                        )
                    await run_in_threadpool(file.write, chunk)
        except ClientDisconnect:  # a tab that was closed
            self._forget(request.path_params["upload"])
            raise HTTPException(400, "The upload was cut off") from None
        except BaseException:
            self._forget(request.path_params["upload"])
            raise
        return JSONResponse({})

    async def end(self, request: Request) -> Response:
        upload = self._upload(request)
        try:
            options = _options(await _body(request))
            jaws = await run_in_threadpool(lambda: sort_out(unpacked(upload.files, upload.folder)))
            cases = [self._jobs.add(jaw, options) for jaw in jaws]
        finally:
            self._forget(request.path_params["upload"])
        return JSONResponse({"cases": [case.id for case in cases]})

    async def cases(self, _: Request) -> Response:
        return JSONResponse({"cases": [self._told_of(case) for case in self._jobs.all()]})

    async def case(self, request: Request) -> Response:
        case = self._case(request)
        folder = self._jobs.folder(case.id)
        return HTMLResponse(await run_in_threadpool(pages.case, case, folder, self._told_of(case), self._files(case)))

    async def report(self, request: Request) -> Response:
        case = self._case(request)
        if case.state != DONE:
            raise HTTPException(404, "This jaw has no report yet")
        text = await run_in_threadpool(pages.report, case, self._jobs.folder(case.id))
        return _attached(HTMLResponse(text), f"{case.name}.html")

    async def file(self, request: Request) -> Response:
        case, wanted = self._case(request), request.path_params["path"]
        folder = self._jobs.folder(case.id)
        if wanted == LOG and (folder / LOG).is_file():
            return FileResponse(folder / LOG, media_type="text/plain; charset=utf-8")
        if wanted not in self._files(case):  # what is found there is served, not what is asked for
            raise HTTPException(404, "There is no such file")
        name = f"{case.name}-{PurePosixPath(wanted).name}"
        return FileResponse(folder / OUT / wanted, media_type="application/octet-stream", filename=name)

    async def again(self, request: Request) -> Response:
        self._jobs.again(self._case(request))
        return JSONResponse({})

    async def delete(self, request: Request) -> Response:
        await run_in_threadpool(self._jobs.delete, self._case(request))
        return JSONResponse({})

    def _upload(self, request: Request) -> _Upload:
        upload = self._uploads.get(request.path_params["upload"])
        if upload is None:
            raise HTTPException(404, "This upload has ended. Drop the files again")
        return upload

    def _forget(self, name: str) -> None:
        upload = self._uploads.pop(name, None)
        if upload:
            shutil.rmtree(upload.folder, ignore_errors=True)

    def _case(self, request: Request) -> Case:
        case = self._jobs.get(request.path_params["case"])
        if case is None:
            raise HTTPException(404, "There is no such jaw. It may have been deleted")
        return case

    def _files(self, case: Case) -> dict[str, int]:
        """The files of a case's results, and their bytes."""
        out = self._jobs.folder(case.id) / OUT
        if case.state != DONE:
            return {}
        files = (path for path in sorted(out.rglob("*")) if path.is_file() and not path.is_symlink())
        return {path.relative_to(out).as_posix(): path.stat().st_size for path in files}

    def _told_of(self, case: Case) -> dict[str, Any]:
        """A case as the page shows it."""
        folder = self._jobs.results / case.id
        waiting = self._jobs.waiting_before(case) if case.state == QUEUED else 0
        return {
            "id": case.id,
            "name": case.name,
            "kind": "scan" if case.is_scan else "pictures",
            "state": case.state,
            "step": step(case, waiting, folder),
            "seconds": None if case.state in (QUEUED, INTERRUPTED) else round(self._jobs.seconds(case)),
            "messages": messages(case, folder),
            "can_try_again": case.state in (FAILED, INTERRUPTED),
        }


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_OPTIONS:
            raise HTTPException(413, "The options are too long")
    return body


def _options(body: bytes) -> dict[str, str]:
    """Options of `tenview predict` for scans, as the page sends them.

    Raises:
        UserError: one is none, or has a value that it can't have.
    """
    try:
        options = {name: str(value) for name, value in json.loads(body or b"{}").items() if value}
    except (ValueError, AttributeError):
        raise UserError("the options are no JSON object") from None
    for name, value in options.items():
        if name not in OPTIONS or not OPTIONS[name].fullmatch(value):
            raise UserError(f"{shown(name)}: {shown(value)} can't be used")
    if ("crowns" in options) != ("incisors" in options):
        raise UserError("name both axes, that of the crowns and that of the incisors, or neither")
    return options


def _attached(response: Response, name: str) -> Response:
    """The response as a file to save under a name."""
    response.headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
    return response
