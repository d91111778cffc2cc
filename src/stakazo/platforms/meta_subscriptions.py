"""Having Meta tell us what happens, twice: the app says where to and about what, each Page that the app may be told.

What is subscribed already is left as it is: each change has Meta ask our address once more.
"""

from __future__ import annotations

from collections.abc import Mapping

from stakazo.platforms.base import Account, Platform
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.graph import Graph
from stakazo.platforms.http import Connection
from stakazo.platforms.oauth import require_app

FIELDS: Mapping[str, tuple[str, ...]] = {
    "instagram": ("comments", "live_comments", "mentions", "story_insights", "messages"),
    "page": ("feed", "messages"),
}
"""What we want to be told, by object."""
ALLOWED = frozenset({"messages"})
"""What a Page tells only where its person has allowed that, too (`meta_messages.SCOPES`)."""


class MetaSubscriptions:
    """The app's subscriptions, and its Pages'."""

    def __init__(self, connection: Connection, *, live: bool) -> None:
        self._connection, self._live = connection, live
        self._app = require_app(connection, "meta", live=live)

    async def subscribe_app(
        self, callback_url: str, verify_token: str, fields: Mapping[str, tuple[str, ...]] = FIELDS
    ) -> None:
        """Have Meta send there; it asks the address first (`webhooks.handshake`). Rejected where that says no."""
        graph = self._graph(f"{self._app.id}|{self._app.secret}", app=True)
        path = f"{self._app.id}/subscriptions"
        known = {str(row["object"]): row async for row in graph.pages(path) if row.get("active")}
        for name, wanted in fields.items():
            there = known.get(name, {})
            if there.get("callback_url") == callback_url and set(wanted) <= _names(there.get("fields")):
                continue
            said = {"object": name, "callback_url": callback_url, "verify_token": verify_token, "fields": list(wanted)}
            await graph.post(path, said, effect=False)

    async def subscribe_page(self, token: str, fields: tuple[str, ...] = FIELDS["page"]) -> None:
        """The other half, with a Page's own token: without it nothing of the Page is told, nor of its Instagram.

        What its person doesn't let it tell is left out. Rejected where that is everything.
        """
        graph = self._graph(token)
        mine = [row async for row in graph.pages("me/subscribed_apps") if str(row.get("id")) == self._app.id]
        known = set().union(*(_names(row.get("subscribed_fields")) for row in mine))
        if set(fields) <= known:
            return
        try:
            await graph.post("me/subscribed_apps", {"subscribed_fields": sorted({*fields, *known})}, effect=False)
        except Rejected as refused:
            rest = {*fields, *known} - ALLOWED
            if refused.reason is not Reason.PERMISSION or not rest:
                raise
            if not rest <= known:
                await graph.post("me/subscribed_apps", {"subscribed_fields": sorted(rest)}, effect=False)

    async def accounts(self, token: str) -> dict[Platform, str]:
        """Whom a Page's token stands for: the Page, and the Instagram account behind it."""
        found = await self._graph(token).get("me", {"fields": "id,instagram_business_account"})
        instagram = (found.get("instagram_business_account") or {}).get("id")
        behind = {Platform.INSTAGRAM: str(instagram)} if instagram else {}
        return {Platform.FACEBOOK: str(found["id"])} | behind

    async def unsubscribe_page(self, token: str) -> None:
        """Have nothing more told of a Page, nor of its Instagram account; also where nothing was."""
        await self._graph(token).delete("me/subscribed_apps")

    def _graph(self, token: str, *, app: bool = False) -> Graph:
        return Graph(self._connection, Account(Platform.FACEBOOK, "me", token, self._live), proof=not app)


def _names(fields: object) -> set[str]:
    """Meta gives names, or objects with a name."""
    given = fields if isinstance(fields, list) else []
    return {str(one["name"] if isinstance(one, dict) else one) for one in given}
