"""How a person connects an account: where to send them, what comes back, and how it is kept alive.

    url = meta.consent_url(redirect_uri, state, SCOPES, verifier=v)    the person says yes there
    code = returned(query, state)                                      ... and comes back with a code, or doesn't
    grant = await meta.exchange(code, redirect_uri, v)                 ... which is worth a grant, once

`state` must be unguessable and the browser's own: it shows that who comes back is who was sent. `verifier` is kept here
(PKCE, RFC 7636): a code that somebody else saw is worth nothing without it, where the platform knows that. Google does;
Meta and TikTok bind the code to the app's secret alone (TikTok has PKCE for apps on a device only).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from stakazo.platforms import tiktok, youtube
from stakazo.platforms.errors import PlatformError, Reason, Rejected, Said, TokenExpired, TryLater
from stakazo.platforms.http import App, Connection, Reply, send


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person has given."""

    token: str = field(repr=False)
    expires_at: datetime | None
    """None: not by itself."""
    scopes: tuple[str, ...] = ()
    """What was really granted; a person may decline some. Empty where the platform doesn't say it here."""
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_at: datetime | None = None
    user_id: str | None = None
    """The platform's, where it says so."""


class Consent(Protocol):
    """One platform's way of asking people."""

    def consent_url(
        self, redirect_uri: str, state: str, scopes: tuple[str, ...], *, verifier: str = "", again: bool = False
    ) -> str:
        """Where the person says yes or no.

        Args:
            again: They declined something before, and are to be asked for it once more.
        """
        ...

    async def exchange(self, code: str, redirect_uri: str, verifier: str = "") -> Grant:
        """The grant for a code; it can be asked for once, with the same address to the letter."""
        ...

    async def refresh(self, grant: Grant) -> Grant:
        """A fresh grant for one that is still good. The old refresh token may be dead from then on: store at once."""
        ...


def returned(query: Mapping[str, str], state: str) -> str:
    """The code a person came back with. Rejected where they said no, or where it isn't who was sent."""
    if not hmac.compare_digest(query.get("state", ""), state):
        raise Rejected("This answer doesn't belong to the question; connect the account once more.", Reason.INVALID)
    if "code" not in query:
        why = query.get("error_description") or query.get("error_reason") or query.get("error") or "no code"
        raise Rejected(f"The account was not connected: {why}.", Reason.PERMISSION)
    return query["code"].removesuffix("#_")  # Meta's dialog leaves this behind


def missing(given: Collection[str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The permissions that were asked for and not given: ask again for them. None where it isn't known what was."""
    return tuple(scope for scope in wanted if given and scope not in given)


def challenge(verifier: str) -> str:
    """What is shown of a verifier before it is used (RFC 7636, 4.2: S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class TikTokConsent:
    """TikTok's login."""

    def __init__(self, connection: Connection, *, live: bool) -> None:
        self._connection, self._hosts = connection, connection.world(live=live)
        self._app = require_app(connection, "tiktok", live=live)

    def consent_url(
        self,
        redirect_uri: str,
        state: str,
        scopes: tuple[str, ...] = tiktok.SCOPES,
        *,
        verifier: str = "",
        again: bool = False,
    ) -> str:
        del verifier, again  # TikTok asks for what was declined by itself
        asked = {"client_key": self._app.id, "scope": ",".join(scopes), "response_type": "code",
                 "redirect_uri": redirect_uri, "state": state}  # fmt: skip
        return f"{self._hosts.tiktok_dialog}/v2/auth/authorize/?{urlencode(asked)}"

    async def exchange(self, code: str, redirect_uri: str, verifier: str = "") -> Grant:
        del verifier
        return await self._ask({"code": code, "grant_type": "authorization_code", "redirect_uri": redirect_uri})

    async def refresh(self, grant: Grant) -> Grant:
        return await self._ask({"grant_type": "refresh_token", "refresh_token": grant.refresh_token or ""})

    async def _ask(self, said: Mapping[str, str]) -> Grant:
        who = {"client_key": self._app.id, "client_secret": self._app.secret}
        url = f"{self._hosts.tiktok}/v2/oauth/token/"
        reply = await send(self._connection.http, self._hosts, "POST", url, effect=False, data={**who, **said})
        found = _granted(reply, "TikTok")
        now = self._connection.now()
        return Grant(
            token=str(found["access_token"]),
            expires_at=_after(now, found.get("expires_in")),
            scopes=tuple(filter(None, str(found.get("scope", "")).split(","))),
            refresh_token=str(found["refresh_token"]),
            refresh_expires_at=_after(now, found.get("refresh_expires_in")),
            user_id=str(found.get("open_id", "")) or None,
        )


class GoogleConsent:
    """Google's login, for YouTube."""

    def __init__(self, connection: Connection, *, live: bool) -> None:
        self._connection, self._hosts = connection, connection.world(live=live)
        self._app = require_app(connection, "google", live=live)

    def consent_url(
        self,
        redirect_uri: str,
        state: str,
        scopes: tuple[str, ...] = youtube.SCOPES,
        *,
        verifier: str = "",
        again: bool = False,
    ) -> str:
        """`prompt=consent`: without it a second consent gives no refresh token; it asks for all again, too."""
        del again
        asked = {"client_id": self._app.id, "redirect_uri": redirect_uri, "response_type": "code",
                 "scope": " ".join(scopes), "state": state, "access_type": "offline", "prompt": "consent"}  # fmt: skip
        if verifier:
            asked |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
        return f"{self._hosts.google_dialog}/o/oauth2/v2/auth?{urlencode(asked)}"

    async def exchange(self, code: str, redirect_uri: str, verifier: str = "") -> Grant:
        said = {"code": code, "grant_type": "authorization_code", "redirect_uri": redirect_uri}
        if verifier:
            said["code_verifier"] = verifier
        return await self._ask(said, None)

    async def refresh(self, grant: Grant) -> Grant:
        kept = grant.refresh_token or ""
        return await self._ask({"grant_type": "refresh_token", "refresh_token": kept}, kept)

    async def _ask(self, said: Mapping[str, str], kept: str | None) -> Grant:
        who = {"client_id": self._app.id, "client_secret": self._app.secret}
        url = f"{self._hosts.google_token}/token"
        reply = await send(self._connection.http, self._hosts, "POST", url, effect=False, data={**who, **said})
        found = _granted(reply, "Google")
        return Grant(
            token=str(found["access_token"]),
            expires_at=_after(self._connection.now(), found.get("expires_in")),
            scopes=tuple(filter(None, str(found.get("scope", "")).split())),
            refresh_token=found.get("refresh_token") or kept,  # a refresh gives no other
        )


async def look_at_google(connection: Connection, token: str, *, live: bool) -> Grant:
    """What Google says of a token: its scopes and its end. Raises TokenExpired for one that is dead."""
    hosts = connection.world(live=live)
    url = f"{hosts.google_token}/tokeninfo"  # by POST: what is in it belongs into no log
    reply = await send(connection.http, hosts, "POST", url, effect=False, data={"access_token": token})
    found = reply.json()
    found = found if isinstance(found, dict) else {}
    if reply.status >= 300:
        raise _refusal(reply, found, "Google")
    ends = _after(connection.now(), found.get("expires_in"))
    return Grant(token, ends, tuple(str(found.get("scope", "")).split()))


def require_app(connection: Connection, name: str, *, live: bool) -> App:
    """Who we are there. Raises Rejected where nobody has said so."""
    app = connection.app(name, live=live)
    if app is None:
        raise Rejected(f"No app of {name} is set up: its id and secret are missing from the settings.", Reason.INVALID)
    return app


def _granted(reply: Reply, who: str) -> dict[str, Any]:
    """The fields of a grant; errors as OAuth 2 has them (RFC 6749, 5.2)."""
    found = reply.json()
    found = found if isinstance(found, dict) else {}
    if reply.status < 300 and "access_token" in found:
        return found
    raise _refusal(reply, found, who)


def _refusal(reply: Reply, found: Mapping[str, Any], who: str) -> PlatformError:
    code = str(found.get("error", ""))
    said = Said(reply.status, code or None, None, str(found.get("error_description", ""))[:500])
    sentence = f"{said.message or f'{who} refused the login'} [{who} {code or reply.status}]"
    if code in {"invalid_grant", "invalid_token"}:
        return TokenExpired(sentence, Reason.REVOKED, said)
    if reply.status == 429:
        return TryLater(sentence, Reason.RATE, said, after=60.0)
    if reply.status >= 500:
        return TryLater(sentence, Reason.BUSY, said, after=30.0)
    return Rejected(sentence, Reason.INVALID, said)


def _after(now: datetime, seconds: Any) -> datetime | None:
    return now + timedelta(seconds=int(seconds)) if seconds else None
