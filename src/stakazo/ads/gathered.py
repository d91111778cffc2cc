"""An audience that somebody wants to have: who is in it, how far it is, and what is said where it goes wrong. Pure.

    MAKING ──> MADE ──> REMOVING ──> REMOVED        FAILED: nothing of it is there; NEEDS_HUMAN: only a person can say

An audience costs nothing and shows nothing to anybody before a campaign names it. So making it is no risk but that of
two that are called the same: its mark stands in its description, and what was made twice is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from stakazo.platforms import crowds
from stakazo.platforms.crowds import Crowd, Source, Watched
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.people import Audience, Fitness
from stakazo.publishing.states import Trouble


class AudienceState(StrEnum):
    """How far it has come."""

    MAKING = "MAKING"
    MADE = "MADE"
    """It is at the platform, which may still be finding people for it."""
    REMOVING = "REMOVING"
    REMOVED = "REMOVED"
    FAILED = "FAILED"
    NEEDS_HUMAN = "NEEDS_HUMAN"


S = AudienceState

PATIENCE = 6 * 3600.0
"""Seconds after its begin at which what has come to nothing is given to a person: see `patience`."""
LOOKS = 86400.0
"""Seconds for which it is looked at how it fills, and whether one came late."""
FIRST_LOOK, LAST_LOOK = 2.0, 1800.0
FILLING = frozenset({Fitness.FILLING, Fitness.BUILDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who is to be in it, settled when somebody wished for it."""

    crowd: Crowd
    days: int | None = None
    page_id: str | None = None
    instagram_id: str | None = None
    video_ids: tuple[str, ...] = ()
    """The platform's."""
    watched: Watched | None = None
    pixel_id: str | None = None
    url: str | None = None
    """Words in the addresses that count; None: all."""
    event: str | None = None
    source: Source | None = None
    origin: str | None = None
    """The other audience's name, or the platform's key."""
    country: str | None = None
    percent: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is kept: what isn't said is left out."""
        return {name: value for name, value in asdict(self).items() if value not in {None, ()}}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Wanted:
        known = dict(said)
        for name, kind in (("crowd", Crowd), ("watched", Watched), ("source", Source), ("video_ids", tuple)):
            if name in known:
                known[name] = kind(known[name])
        return cls(**known)

    def params(self, origin_id: str | None = None) -> dict[str, Any]:
        """As the platform takes it.

        Args:
            origin_id: The platform's key of the other audience, of a lookalike.
        """
        days = self.days or 0
        match self.crowd:
            case Crowd.PAGE:
                return crowds.engaged(self.crowd, str(self.page_id), days)
            case Crowd.INSTAGRAM:
                return crowds.engaged(self.crowd, str(self.instagram_id), days)
            case Crowd.VIDEO:
                return crowds.viewers(self.video_ids, str(self.page_id), self.watched or Watched.QUARTER, days)
            case Crowd.WEBSITE:
                return crowds.website(str(self.pixel_id), days, url=self.url, event=self.event)
            case Crowd.CUSTOMERS:
                return crowds.customers(self.source or Source.USER)
            case Crowd.LOOKALIKE:
                assert origin_id is not None
                return crowds.lookalike(origin_id, str(self.country), self.percent or 1)


def seen(audience: Audience, at: str) -> dict[str, Any]:
    """What the platform says of it, as it is kept."""
    return {
        "fitness": audience.fitness.value, "says": audience.says, "lowest": audience.lowest,
        "highest": audience.highest, "special": audience.special, "at": at,
    }  # fmt: skip


def look_again(fitness: Fitness | None, age: float, *, doubted: bool) -> float | None:
    """Seconds until the next look; None where nothing is to be seen any more.

    Args:
        fitness: Of one that is there.
        age: Seconds since it was begun.
        doubted: Whether a request for it was lost: then another may still come.
    """
    if age > LOOKS or not (doubted or fitness in FILLING):
        return None
    return min(LAST_LOOK, max(FIRST_LOOK, age / 2))


def patience(state: AudienceState, *, waiting: bool) -> float:
    """Seconds for which the platform may put it off: what is there with everybody on it is only looked at.

    Args:
        waiting: Whether customers wait for being sent.
    """
    return LOOKS if state is S.MADE and not waiting else PATIENCE


# --- troubles -----------------------------------------------------------------------------------------------


def terms_at(account_id: str, crowd: Crowd) -> str:
    """Where a person accepts the platform's terms for an account."""
    if crowd is Crowd.CUSTOMERS:
        return f"https://business.facebook.com/ads/manage/customaudiences/tos/?act={account_id}"
    return f"https://www.facebook.com/customaudiences/app/tos/?act={account_id}"


def terms_missing(account_id: str, crowd: Crowd) -> str:
    """What somebody has to do before audiences of this kind can be made."""
    return (
        f"Whoever has a role in the ad account opens {terms_at(account_id, crowd)} and accepts them: no program can. "
        "Then this can be tried again."
    )


_WHAT_TO_DO = {
    Reason.PERMISSION: "Connect the ad account again with a token that may manage ads (ads_management).",
    Reason.NOT_FOUND: "Look at what it names: Page, Instagram account, videos, pixel or audience.",
}


def refusal(error: Rejected, account_id: str, crowd: Crowd) -> Trouble:
    """What the platform refuses, as trouble of ours."""
    said = error.said.as_json() or None
    if error.reason is Reason.TERMS:
        return Trouble("terms", str(error), terms_missing(account_id, crowd), said)
    todo = _WHAT_TO_DO.get(error.reason, "Remove it, and wish for another that the platform takes.")
    return Trouble(error.reason.value, str(error), todo, said)


def unwatched(detail: str) -> Trouble:
    """It is there, and nobody looks at it any more."""
    todo = (
        "It stays as it is at the platform, and campaigns can name it: they ask whether it is ready. Retry looks again."
    )
    return Trouble("unwatched", detail, todo)


def cut_off(lost: int) -> Trouble:
    """Its account was disconnected, and so many customers who waited were forgotten."""
    detail, todo = "Its ad account was disconnected.", "Connect the account again, then retry."
    if lost:
        detail += f" {lost} customers had not been sent, and are forgotten."
        todo += " Then bring the customers once more."
    return Trouble("disconnected", detail, todo)


def waiting(size: int, until: datetime) -> str:
    """What to know of customers who are not sent."""
    return f"{size} customers wait for that here until {until:%Y-%m-%d %H:%M} UTC; then they are forgotten."


def doubt(detail: str) -> Trouble:
    """Whether it is there isn't known."""
    return Trouble("doubtful", detail, "Have it made again: what is there already is found by its mark, or remove it.")
