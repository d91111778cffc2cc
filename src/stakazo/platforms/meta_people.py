"""Whom an ad can reach, as Meta answers it: an account's audiences; interests, places and languages by words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from stakazo.platforms import people
from stakazo.platforms.base import Account
from stakazo.platforms.customers import Customer, payload
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TryLater
from stakazo.platforms.graph import Graph, Part
from stakazo.platforms.http import Connection
from stakazo.platforms.people import PLACES, Audience, Choice, Kind, LeadForm

FIELDS = (
    "id,account_id,name,description,subtype,delivery_status,operation_status,approximate_count_lower_bound,approximate_count_upper_bound,"
    "is_eligible_for_sac_campaigns"
)
FORM = "id,name,page_id,status"
FOUND = 50
"""Choices for a few words, at most."""


class MetaPeople:
    """Whom one advertising account can reach.

    Args:
        account: Its id without `act_`, with the token of a person or a system user.
    """

    def __init__(self, connection: Connection, account: Account) -> None:
        self.graph = Graph(connection, account, allowances=("ads_management", "ad_account"))
        self._connection = connection
        self.id = account.id.removeprefix("act_")
        self.act = f"act_{self.id}"

    # --- audiences ------------------------------------------------------------------------------------------

    async def audiences(
        self, words: str = "", *, limit: int = 100, after: str | None = None
    ) -> tuple[list[Audience], str | None]:
        """One page of the account's audiences, and Meta's cursor of the next; a page may be empty before the last.

        Args:
            words: Only those with this in their name.
        """
        filtering = [{"field": "name", "operator": "CONTAIN", "value": words}] if words else None
        asked = {"fields": FIELDS, "filtering": filtering}
        rows, following = await self.graph.page(f"{self.act}/customaudiences", asked, size=limit, after=after)
        found = [people.audience(row) for row in rows]
        return [one for one in found if words.lower() in one.name.lower()], following

    async def audiences_named(self, name: str) -> list[Audience]:
        """The audiences of just this name, whatever its letters' case."""
        found, after = list[Audience](), None
        while True:
            some, after = await self.audiences(name, after=after)
            found += [one for one in some if one.name.casefold() == name.casefold()]
            if after is None:
                return found

    async def audiences_of(self, ids: Sequence[str]) -> list[Audience | PlatformError]:
        """These audiences in few requests, each with its own answer or error, in their order."""
        answers = await self.graph.batch([Part("GET", one, {"fields": FIELDS}) for one in ids], effect=False)
        return [one if isinstance(one, PlatformError) else people.audience(one) for one in answers]

    async def has(self, audience: Audience) -> bool:
        """Whether an audience is the account's own, or was shared with it."""
        if audience.owner in {"", self.id}:
            return True
        return any(one.id == audience.id for one in await self.audiences_named(audience.name))

    async def audiences_marked(self, mark: str) -> list[Audience]:
        """The audiences that say these words of themselves: at most one, if marks are unique and doubts asked about."""
        return [one async for one in self.every_audience() if mark in one.description]

    async def every_audience(self) -> AsyncIterator[Audience]:
        """All of the account's."""
        async for row in self.graph.pages(f"{self.act}/customaudiences", {"fields": FIELDS}):
            yield people.audience(row)

    async def audience(self, audience_id: str) -> Audience:
        """What it is now."""
        return people.audience(await self.graph.get(audience_id, {"fields": FIELDS}))

    # --- making and removing them ---------------------------------------------------------------------------

    async def create_audience(self, name: str, description: str, params: Mapping[str, Any]) -> str:
        """Make an audience; says its id. After `Unknown`: look for it by the mark in its description.

        Args:
            params: Who is in it: of `crowds`.
        """
        said = {"name": name, "description": description, **params}
        return str((await self.graph.post(f"{self.act}/customaudiences", said, effect=True))["id"])

    async def add_customers(self, audience_id: str, customers: Sequence[Customer], session: int) -> int:
        """Put hashed customers on a list; says how many Meta can't read. Who is on it already stays once.

        Args:
            customers: Of `customers`, ten thousand at most.
            session: A number that stands for just these.
        """
        whole = {
            "session_id": session, "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": len(customers),
        }  # fmt: skip
        said = {"session": whole, "payload": payload(customers)}
        answer = await self.graph.post(f"{audience_id}/users", said, effect=False)
        return int(answer.get("num_invalid_entries") or 0)

    async def remove_audience(self, audience_id: str) -> None:
        """Remove it; what isn't there is removed already. Raises TryLater where that isn't sure."""
        try:
            await self.graph.delete(audience_id)
        except Rejected as refused:
            if refused.reason is not Reason.NOT_FOUND:
                raise
            await self.require_gone(audience_id)

    async def require_gone(self, audience_id: str) -> None:
        """Raises TryLater unless the account's list is without it: what Meta can't load just now it calls gone, too."""
        try:
            listed = {one.id async for one in self.every_audience()}
        except Rejected as refused:
            sentence = f"Whether it is gone can't be seen: {refused}"
            raise TryLater(sentence, Reason.BUSY, refused.said, after=60.0) from refused
        if audience_id in listed:
            raise TryLater("It is called not there, and is listed all the same.", Reason.BUSY, after=10.0)

    async def terms(self) -> dict[str, bool]:
        """Which terms were accepted for the account, as far as Meta says it."""
        found = await self.graph.get(self.act, {"fields": "tos_accepted"})
        said = found.get("tos_accepted")
        return {str(name): bool(value) for name, value in said.items()} if isinstance(said, Mapping) else {}

    async def require_pixel(self, pixel_id: str) -> None:
        """Raises Rejected where there is no such pixel, or none that this account sees."""
        await self.graph.get(pixel_id, {"fields": "id,name"})

    # --- forms ----------------------------------------------------------------------------------------------

    async def lead_form(self, form_id: str) -> LeadForm:
        """A form of a Page's. Raises Rejected where it isn't there."""
        return people.lead_form(await self.graph.get(form_id, {"fields": FORM}))

    async def lead_forms(
        self, page_id: str, words: str = "", *, limit: int = 100, after: str | None = None
    ) -> tuple[list[LeadForm], str | None]:
        """One page of a Page's forms, and Meta's cursor of the next. Only the Page is told: its token is got first.

        A page may be empty before the last. Raises Rejected where this token may not act for the Page.
        """
        token = (await self.graph.get(page_id, {"fields": "id,access_token"})).get("access_token")
        if not token:
            raise Rejected(
                "The ad account's token may not act for its Page: connect it again with one that may manage the Page "
                "(pages_manage_ads, pages_show_list).",
                Reason.PERMISSION,
            )
        page = Account(self.graph.account.platform, page_id, str(token), live=self.graph.account.live)
        graph = Graph(self._connection, page, allowances=("pages",))
        rows, following = await graph.page(f"{page_id}/leadgen_forms", {"fields": FORM}, size=limit, after=after)
        found = [people.lead_form(row) for row in rows]
        return [one for one in found if words.lower() in one.name.lower()], following

    # --- what people can be chosen by -----------------------------------------------------------------------

    async def search(self, kind: Kind, words: str) -> list[Choice]:
        """Choices for a few words, the likeliest first."""
        if kind is Kind.INTEREST:
            asked = {"q": words, "limit_type": "interests", "limit": FOUND}
            answer = await self.graph.get(f"{self.act}/targetingsearch", asked, urgent=False)
            return [people.interest(row) for row in answer["data"]]
        if kind is Kind.LANGUAGE:
            asked = {"type": "adlocale", "q": words, "limit": FOUND}
            answer = await self.graph.get("search", asked, urgent=False)
            return [people.language(row) for row in answer["data"]]
        places = {"type": "adgeolocation", "location_types": [kind.value], "q": words, "limit": FOUND}
        answer = await self.graph.get("search", places, urgent=False)
        return [people.place(row) for row in answer["data"] if row.get("type") == kind]

    async def places_of(self, kind: Kind, keys: Collection[str]) -> dict[str, Choice]:
        """What Meta calls by these keys; what it doesn't know is left out."""
        several = PLACES[kind]
        answer = await self.graph.get("search", {"type": "adgeolocationmeta", several: list(keys)}, urgent=False)
        rows = (answer["data"] or {}).get(several) or {}
        return {str(row["key"]): people.place({"type": kind.value, **row}) for row in rows.values()}
