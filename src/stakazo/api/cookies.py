"""A browser's sign-in: cookies that no script can read, and no other site can use.

The access token goes with every request, the refresh token only to `/auth`. Both are `HttpOnly` and `SameSite=Strict`;
over https their names bind them to this host (`__Host-`, `__Secure-`). What changes something must also come from a
page of our own, by the `Origin` that the browser adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from fastapi import Request, Response

from stakazo.api.browsers import SAFE_METHODS, Places, from_elsewhere
from stakazo.core.errors import Forbidden
from stakazo.core.settings import Settings


class CrossOrigin(Forbidden):
    """A page of another site asks with our cookie."""

    code = "cross_origin"


@dataclass(frozen=True, slots=True)
class Cookie:
    """One of the cookies that we give."""

    plain_name: str
    path: str
    same_site: Literal["strict", "lax"] = "strict"

    def name(self, settings: Settings) -> str:
        """Over https with the prefix by which browsers hold it to this host."""
        if not _secure(settings):
            return self.plain_name
        return ("__Host-" if self.path == "/" else "__Secure-") + self.plain_name

    def of(self, request: Request, settings: Settings) -> str | None:
        return request.cookies.get(self.name(settings))

    def give(self, response: Response, settings: Settings, value: str, seconds: float) -> None:
        response.set_cookie(
            self.name(settings),
            value,
            max_age=int(seconds),
            path=self.path,
            secure=_secure(settings),
            httponly=True,
            samesite=self.same_site,
        )

    def remove(self, response: Response, settings: Settings) -> None:
        self.give(response, settings, "", 0)


ACCESS = Cookie("stakazo_access", "/")
REFRESH = Cookie("stakazo_refresh", "/auth")
PROVIDER = Cookie("stakazo_provider", "/auth/oidc", "lax")
"""What a sign-in through a provider has to remember until the browser comes back from there, so it is not strict."""


def until(moment: datetime) -> float:
    """Seconds from now."""
    return (moment - datetime.now(UTC)).total_seconds()


def require_own_page(request: Request, settings: Settings) -> None:
    """Raises CrossOrigin for what would change something by a cookie and doesn't come from a page of ours.

    `browsers` refuses what says that it comes from elsewhere; here who says nothing is refused too.
    """
    said = request.headers.get("origin") or request.headers.get("sec-fetch-site")
    origins = Places.of(settings).origins
    if request.method not in SAFE_METHODS and (not said or from_elsewhere(request.method, request.headers, origins)):
        raise CrossOrigin("Cookies are for pages of this server. Programs use an API key, or `Authorization: Bearer`.")


def _secure(settings: Settings) -> bool:
    return settings.base_url.startswith("https:")
