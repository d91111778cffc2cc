"""Facebook Login: the dialog, the long-lived token, what was granted, and the Pages behind it.

A person's token lives an hour, exchanged for a long-lived one about sixty days; the tokens of Pages got with that don't
expire by themselves, but die with the password, the role or the permission. So Pages' tokens are what publishing keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from stakazo.platforms import graph_errors, meta_messages
from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason, Said, TryLater
from stakazo.platforms.facebook import SCOPES as PAGE_SCOPES
from stakazo.platforms.graph import Graph
from stakazo.platforms.http import Connection, send
from stakazo.platforms.instagram import SCOPES as INSTAGRAM_SCOPES
from stakazo.platforms.oauth import Grant, require_app

ADS_SCOPES = ("ads_management", "ads_read")
SCOPES = tuple(
    dict.fromkeys(
        (*INSTAGRAM_SCOPES, *PAGE_SCOPES, "pages_manage_metadata", *meta_messages.SCOPES.values(), *ADS_SCOPES)
    )
)


@dataclass(frozen=True, slots=True)
class Page:
    """A Page that the person may act for, and the Instagram account behind it."""

    id: str
    name: str
    token: str = field(repr=False)
    instagram_id: str | None
    instagram_name: str | None


@dataclass(frozen=True, slots=True)
class AdAccount:
    """An advertising account; its currency decides what a minor unit is, its time zone what a day is."""

    id: str
    """Without `act_`."""
    name: str
    currency: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Health:
    """What Meta says of a token."""

    valid: bool
    expires_at: datetime | None
    """None: never."""
    data_until: datetime | None
    """When the person must say yes again: ninety days after they last did."""
    scopes: tuple[str, ...]
    kind: str
    """`USER`, `PAGE` or `SYSTEM_USER`."""
    reason: Reason | None
    """Why it isn't valid."""
    page_id: str | None = None
    """Of a Page's token: whose."""


class MetaConsent:
    """Facebook Login; an `oauth.Consent`."""

    def __init__(self, connection: Connection, *, live: bool) -> None:
        self._connection, self._live = connection, live
        self._hosts = connection.world(live=live)
        self._app = require_app(connection, "meta", live=live)

    def consent_url(
        self,
        redirect_uri: str,
        state: str,
        scopes: tuple[str, ...] = SCOPES,
        *,
        verifier: str = "",
        again: bool = False,
    ) -> str:
        """Where the person says yes.

        Args:
            verifier: Meta has no use for it here.
            again: They declined something before: without this Meta doesn't ask twice.
        """
        del verifier
        asked = {
            "client_id": self._app.id,
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": ",".join(scopes),
            "response_type": "code",
        } | ({"auth_type": "rerequest"} if again else {})
        return f"{self._hosts.dialog}/{self._hosts.graph_version}/dialog/oauth?{urlencode(asked)}"

    async def exchange(self, code: str, redirect_uri: str, verifier: str = "") -> Grant:
        """The long-lived token for a code, with what was really granted."""
        del verifier
        who = {"client_id": self._app.id, "client_secret": self._app.secret}
        short = await self._token({**who, "redirect_uri": redirect_uri, "code": code})
        return await self._long_lived(short)

    async def refresh(self, grant: Grant) -> Grant:
        """Sixty days more, for a token that hasn't expired; TokenExpired for one that has."""
        return await self._long_lived(grant)

    async def pages(self, token: str) -> list[Page]:
        """The Pages that this person's token opens."""
        fields = "id,name,access_token,instagram_business_account{id,username}"
        found = []
        async for row in self._graph(token).pages("me/accounts", {"fields": fields}):
            instagram = row.get("instagram_business_account") or {}
            found.append(
                Page(
                    id=str(row["id"]),
                    name=str(row.get("name", "")),
                    token=str(row.get("access_token", "")),
                    instagram_id=instagram.get("id"),
                    instagram_name=instagram.get("username"),
                )
            )
        return found

    async def ad_accounts(self, token: str) -> list[AdAccount]:
        """The advertising accounts that this person's token opens."""
        params = {"fields": "account_id,name,currency,timezone_name"}
        return [
            AdAccount(str(row["account_id"]), str(row["name"]), str(row["currency"]), str(row["timezone_name"]))
            async for row in self._graph(token).pages("me/adaccounts", params)
        ]

    async def scopes(self, token: str) -> tuple[str, ...]:
        """What a person has granted, and not taken back."""
        rows = self._graph(token).pages("me/permissions")
        return tuple([str(row["permission"]) async for row in rows if row.get("status") == "granted"])

    async def look(self, token: str) -> Health:
        """What Meta says of a token; asked with the app's own."""
        graph = self._graph(f"{self._app.id}|{self._app.secret}", app=True)
        found = (await graph.get("debug_token", {"input_token": token})).get("data") or {}
        error = graph_errors.parse({"error": found.get("error")}) if found.get("error") else None
        return Health(
            valid=bool(found.get("is_valid")),
            expires_at=_moment(found.get("expires_at")),
            data_until=_moment(found.get("data_access_expires_at")),
            scopes=tuple(found.get("scopes") or ()),
            kind=str(found.get("type", "")),
            reason=graph_errors.meaning(error).reason if error else None,
            page_id=str(found["profile_id"]) if found.get("type") == "PAGE" and "profile_id" in found else None,
        )

    async def _long_lived(self, grant: Grant) -> Grant:
        who = {"client_id": self._app.id, "client_secret": self._app.secret}
        said = {**who, "grant_type": "fb_exchange_token", "fb_exchange_token": grant.token}
        found = await self._token(said)
        return Grant(found.token, found.expires_at, await self.scopes(found.token))

    async def _token(self, said: Mapping[str, str]) -> Grant:
        """By POST: what is in it belongs into no log."""
        url = f"{self._hosts.graph}/{self._hosts.graph_version}/oauth/access_token"
        reply = await send(self._connection.http, self._hosts, "POST", url, effect=False, data=said)
        found = reply.json()
        error = graph_errors.parse(found)
        if error is not None:
            raise graph_errors.refusal(reply.status, error, effect=False)
        if not isinstance(found, dict) or "access_token" not in found:
            raise TryLater("Meta gave no token.", Reason.BUSY, Said(reply.status), after=30.0)
        lives = found.get("expires_in")  # Meta leaves it out now and then; then `look` knows
        expires = self._connection.now() + timedelta(seconds=int(lives)) if lives else None
        return Grant(str(found["access_token"]), expires)

    def _graph(self, token: str, *, app: bool = False) -> Graph:
        return Graph(self._connection, Account(Platform.FACEBOOK, "me", token, self._live), proof=not app)


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
