"""Who may ask: every request passes here before anything else looks at it.

A page of another site can make a visitor's browser send requests here (CSRF), or give its own name this address (DNS
rebinding). So the Host has to be ours, what a browser says of a request's origin has to be this page, and whatever
changes something has to carry a header that pages of other sites cannot send without being asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relumix_server.options import LOOPBACK_HOSTS, asked_host

OWN_HEADER = "x-relumix"
"""Sent by this page with every request that changes something: its value does not matter."""

_SAFE = frozenset({"GET", "HEAD"})

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Guard:
    """An ASGI application that refuses what does not come from this page, and asks the other one for the rest.

    hosts  names under which the page may be asked for, besides loopback's; None: any, where a token guards it.
    """

    app: ASGIApp
    hosts: frozenset[str] | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self.refusal(scope["method"], Headers(scope=scope), scope["scheme"])
        if refusal:
            code, text = refusal
            await JSONResponse({"error": text}, code)(scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)

    def refusal(self, method: str, headers: Headers, scheme: str) -> tuple[int, str] | None:
        """Return status and reason where a request is refused, None where it is not."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, "this page is not the one of that host"
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is not None and origin != f"{scheme}://{host}":
            return 403, "requests from other sites are refused"
        opened = method in _SAFE and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not opened:
            return 403, "requests from other sites are refused"
        if method not in _SAFE and OWN_HEADER not in headers:
            return 403, f"a request that changes something needs the header {OWN_HEADER}"
        return None

    def _is_ours(self, host: str) -> bool:
        name = asked_host(host)
        return bool(name) and (self.hosts is None or name in LOOPBACK_HOSTS | self.hosts)
