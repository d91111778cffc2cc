"""What browsers are told with every answer, and what isn't taken from them.

A browser obeys whoever made the page it shows. These rules keep other people's pages from using a signed-in person's
browser: which answers may be framed, run or read by whom, and which requests may come from where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stakazo.api.errors import problem
from stakazo.core.settings import Settings

NOTHING_RUNS = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of everything that is data."""
OWN_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of a page of ours: it runs and reads what this server gives it."""
STRANGE_FILE = (
    "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of a stored file that is opened by itself: a browser's own player and no more, in an origin of its own."""

ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": NOTHING_RUNS,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Said with every answer that doesn't say otherwise itself."""
HSTS = "max-age=31536000; includeSubDomains"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Places:
    """Under which names this server is reached, and whose pages may use it."""

    hosts: frozenset[str] | None
    """Names without ports; None for any."""
    origins: frozenset[str]
    """Of other people's pages: `https://studio.example.com`."""
    https: bool
    """Whether people reach it over https, whatever this process sees."""

    @classmethod
    def of(cls, settings: Settings) -> Places:
        """From the settings. On a loopback address only its names are answered to, and those that are set."""
        hosts = {word.lower() for word in _words(settings.trusted_hosts)}
        public = urlsplit(settings.public_url or "")
        if public.hostname:
            hosts.add(public.hostname)
        if settings.host in LOOPBACK:
            hosts |= LOOPBACK
        origins = frozenset(word.lower().rstrip("/") for word in _words(settings.cors_origins))
        return cls(frozenset(hosts) or None, origins, public.scheme == "https")

    def answers_to(self, host: str) -> bool:
        """Whether a Host header names this server."""
        return self.hosts is None or (urlsplit(f"//{host}").hostname or "") in self.hosts


def _words(setting: str) -> list[str]:
    return [word.strip() for word in setting.split(",") if word.strip()]


def from_elsewhere(method: str, headers: Headers, origins: frozenset[str]) -> bool:
    """Whether a page of another origin wants to change something, so that the request must be refused.

    Browsers say where a request comes from (Sec-Fetch-Site; older ones Origin); programs say neither, and hold no
    cookies that a page could misuse.
    """
    if method in SAFE_METHODS:
        return False
    origin = headers.get("origin", "").lower()
    if origin in origins:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    return bool(origin) and urlsplit(origin).netloc != headers.get("host", "").lower()


class Doors:
    """ASGI middleware: refuses requests under another's name (421) and changes that another's page wants (403)."""

    def __init__(self, app: ASGIApp, places: Places) -> None:
        self.app, self.places = app, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            if not _readable(host) or not self.places.answers_to(host):
                refusal = problem(
                    Request(scope),
                    421,
                    "unknown_host",
                    "This server is not known under that name. Its operator can add it to STAKAZO_TRUSTED_HOSTS.",
                )
                return await refusal(scope, receive, send)
            if from_elsewhere(scope["method"], headers, self.places.origins):
                refusal = problem(
                    Request(scope),
                    403,
                    "cross_origin",
                    "A page of another origin can't change anything here. Its operator can allow the origin with "
                    "STAKAZO_CORS_ORIGINS.",
                )
                return await refusal(scope, receive, send)
        return await self.app(scope, receive, send)


def _readable(host: str) -> bool:
    try:
        return bool(host) and urlsplit(f"//{host}").port != 0
    except ValueError:
        return False


class Telling:
    """ASGI middleware: adds `ALWAYS` to every answer, and HSTS where it is reached over https."""

    def __init__(self, app: ASGIApp, places: Places) -> None:
        self.app, self.places = app, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                if self.places.https or scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        return await self.app(scope, receive, tell)
