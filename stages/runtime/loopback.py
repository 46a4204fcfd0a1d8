"""A web application for this machine's browser alone: checks and headers around any ASGI application.

A page of another site may send requests to 127.0.0.1, and a name of its own may resolve to it. Neither may read or
start anything here.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
HOSTS = [HOST, "localhost"]
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
SAFE_METHODS = ("GET", "HEAD")


class WithHeaders:
    """Adds headers to each answer."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers)


class SameOrigin:
    """Refuses what the page of another origin asks for; following a link to a page is no such thing.

    Browsers say in Origin and Sec-Fetch-Site where a request comes from, and scripts can't change these. A program
    that is no browser sends neither, and runs on this machine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_foreign(Headers(scope=scope), scope["method"]):
            await PlainTextResponse("Another site may not ask for this", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _is_foreign(headers: Headers, method: str) -> bool:
        if (origin := headers.get("origin")) is not None:
            return origin != f"http://{headers.get('host')}"
        if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return False
        return method not in SAFE_METHODS or headers.get("sec-fetch-mode") != "navigate"


def only_here(app: ASGIApp, headers: dict[str, str] = HEADERS) -> ASGIApp:
    """The application for names of this machine alone, with the headers on each answer."""
    return TrustedHostMiddleware(WithHeaders(app, headers), allowed_hosts=HOSTS)
