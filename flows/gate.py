"""The web application of our own Prefect server: Prefect's, for this machine's browser alone.

Prefect asks for its auth string; what it leaves open is closed here. Only names of this machine are served, so that a
name of somebody else's that resolves to 127.0.0.1 is not; pages load nothing from elsewhere (Amplitude, in Prefect's
UI) and stand in no other site's frame; `/sign-in` takes the auth string from the link that `tenview serve` prints.
Where SQLite is busy the API is asked again, as Prefect's client does and its UI does not.
"""

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stages.runtime.loopback import only_here

TRIES = 20  # over at least 15 s
# Where Prefect's UI looks for the auth string. What follows a # stays in the browser.
SIGN_IN = """<!doctype html><title>Signing in</title><script>
localStorage.setItem("prefect-password", location.hash.slice(1)); location.replace("/v2/deployments");
</script>"""


def create() -> ASGIApp:
    """The application, for `uvicorn --factory`."""
    from prefect.server.api.server import create_app

    app = create_app(final=True)
    app.router.routes.insert(0, Route("/sign-in", _sign_in))
    # Around the application, not in it: the server asks its own, under another name, where an event starts a run.
    return only_here(_Retries(app))


async def _sign_in(_: Request) -> HTMLResponse:
    return HTMLResponse(SIGN_IN)


class _Retries:
    """Repeats a request that the API could not write to its database; it has rolled back what it did.

    SQLite has one writer at a time: requests that have failed are repeated one after another.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._one = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = [await receive()]
        while request[-1].get("more_body"):
            request.append(await receive())
        if await self._answered(scope, request, receive, send, last=False):
            return
        async with self._one:
            for number in range(1, TRIES):
                if await self._answered(scope, request, receive, send, last=number == TRIES - 1):
                    return
                await asyncio.sleep(min(0.05 * 2**number, 1))

    async def _answered(
        self, scope: Scope, request: list[Message], receive: Receive, send: Send, *, last: bool
    ) -> bool:
        left, busy = iter(request), False

        async def from_start() -> Message:
            return next(left, None) or await receive()

        async def unless_busy(message: Message) -> None:
            nonlocal busy
            busy |= message.get("status") == HTTPStatus.SERVICE_UNAVAILABLE and not last
            if not busy:
                await send(message)

        try:
            await self._app(dict(scope), from_start, unless_busy)
        except Exception:  # raised again after the answer, for the server's log
            if not busy:
                raise
        return not busy
