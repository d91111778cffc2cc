"""What is at the platform beside what was approved, and what is to be done about it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from stakazo.ads.states import CampaignState, Part
from stakazo.platforms import enhancing
from stakazo.platforms.ads import Budget, Live, Run, Terms, floor
from stakazo.platforms.errors import Reason

S = CampaignState


@dataclass(frozen=True, slots=True)
class Approved:
    """What a campaign should be at the platform."""

    run: Run
    ids: Mapping[Part, str]
    budget: Budget
    budget_on: Part
    spend_cap: int | None
    """Minor units, of the campaign."""
    shows: str | None
    """The creative of its ad; None where that isn't known."""
    terms: Terms
    """Of its ad set. What of them is None may be as it likes."""
    changing: frozenset[str] = frozenset()
    """What a person has changed here and the platform hasn't said yet."""
    enhancements: frozenset[str] = frozenset()
    """What the platform may do to the creative by itself."""

    @property
    def fixed(self) -> frozenset[str]:
        """What is not assigned: where it differs, a person must know before anything runs."""
        return FIXED - self.changing


FIXED = frozenset({"targeting", "end", "ads", "creative", "enhancements"})
"""What nobody but a person may have changed, and then here."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that isn't as it was approved."""

    part: Part
    what: str
    """status, budget, spend_cap, targeting, start, end, hours, dsa, bid, ads, creative, enhancements"""
    approved: Any
    found: Any

    def as_json(self) -> dict[str, Any]:
        return {"part": self.part, "what": self.what, "approved": self.approved, "found": self.found}


def differences(approved: Approved, live: Mapping[Part, Live]) -> tuple[Difference, ...]:
    """What to assign, or to alarm about, in the order in which it is safe: first what stops, last what lets run.

    While a campaign runs not, what its ad set and ad say of themselves is of no matter; nor, of one that is put away,
    what it might have cost.
    """
    status = _statuses(approved, live)
    if approved.run is Run.ARCHIVED:
        return tuple(status)
    terms = [*_budgets(approved, live), *_terms(approved, live), *_shown(approved, live)]
    return (*status, *terms) if approved.run is not Run.ACTIVE else (*terms, *status)


def told_of(part: Part, what: str, live: Mapping[Part, Live]) -> Any:
    """What the platform says of what may cost money, in the words of `Difference`: status, budget, spend_cap, end."""
    there = live[part]
    match what:
        case "status":
            return there.status
        case "budget":
            return {"daily_budget": there.daily_budget, "lifetime_budget": there.lifetime_budget}
        case "spend_cap":
            return int(cap) if (cap := there.raw.get("spend_cap")) else None
        case "end":
            return _said(there.ends_at)
        case _:
            raise ValueError(what)


def _statuses(approved: Approved, live: Mapping[Part, Live]) -> list[Difference]:
    parts = [Part.AD, Part.AD_SET, Part.CAMPAIGN] if approved.run is Run.ACTIVE else [Part.CAMPAIGN]
    return [
        Difference(part, "status", approved.run.value, live[part].status)
        for part in parts
        if live[part].status != approved.run.value
    ]


def _budgets(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    wanted, there = approved.budget.params(), told_of(approved.budget_on, "budget", live)
    if wanted != there:
        yield Difference(approved.budget_on, "budget", wanted, there)
    there_cap = told_of(Part.CAMPAIGN, "spend_cap", live)
    if approved.spend_cap is not None and there_cap != approved.spend_cap:
        yield Difference(Part.CAMPAIGN, "spend_cap", approved.spend_cap, there_cap)


def _terms(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    yield from _times(approved, live)
    yield from _dsa(approved, live)
    yield from _targeting(approved, live)
    yield from _bid(approved, live)
    yield from _hours(approved, live)


def _times(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    """A later end is more money than was approved; an earlier one is somebody's caution, unless it was changed here."""
    there = live[Part.AD_SET]
    wanted, found = _seconds(approved.terms.ends_at), there.ends_at
    if wanted is not None and (found is None or found > wanted or ("end" in approved.changing and found < wanted)):
        yield Difference(Part.AD_SET, "end", _said(wanted), _said(found))
    wanted, found = _seconds(approved.terms.starts_at), there.starts_at
    if "start" in approved.changing and wanted is not None and found != wanted:
        yield Difference(Part.AD_SET, "start", _said(wanted), _said(found))


def _shown(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    """Another ad below the campaign spends what nobody has approved; another creative shows it."""
    below = (live[Part.CAMPAIGN].raw.get("ads") or {}).get("data") or []
    mine = approved.ids.get(Part.AD)
    others = sorted(str(one["id"]) for one in below if one.get("status") == Run.ACTIVE and str(one["id"]) != mine)
    if others:
        yield Difference(Part.CAMPAIGN, "ads", [mine], [mine, *others])
    shows = creative_of(live)
    if None not in {shows, approved.shows} and shows != approved.shows:
        yield Difference(Part.AD, "creative", approved.shows, shows)
    done = enhancing.switched_on(live[Part.CREATIVE].raw) if Part.CREATIVE in live else frozenset()
    if done - approved.enhancements:  # a creative is made once: nothing of it can be assigned back
        yield Difference(Part.CREATIVE, "enhancements", sorted(approved.enhancements), sorted(done))


def creative_of(live: Mapping[Part, Live]) -> str | None:
    """What its ad shows, as the platform says."""
    creative = live[Part.AD].raw.get("creative") or {} if Part.AD in live else {}
    return str(creative["id"]) if "id" in creative else None


def _seconds(moment: datetime | None) -> datetime | None:
    """As the platform keeps it."""
    return moment.replace(microsecond=0) if moment else None


def _said(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _dsa(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    """Who profits and who pays stand before people in the EU do."""
    names = ("dsa_beneficiary", "dsa_payor")
    wanted = {name: value for name in names if (value := getattr(approved.terms, name))}
    found = {name: live[Part.AD_SET].raw.get(name) for name in wanted}
    if "dsa" in approved.changing and wanted != found:
        yield Difference(Part.AD_SET, "dsa", wanted, found)


def _bid(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    """Where Meta doesn't say how it bids, that is no difference."""
    terms, raw = approved.terms, live[Part.AD_SET].raw
    amount = int(raw["bid_amount"]) if raw.get("bid_amount") else None
    other_way = terms.bid is not None and raw.get("bid_strategy") not in {None, terms.bid.value}
    least, there = floor(terms.min_roas), raw.get("bid_constraints")
    other_amount = terms.bid_amount is not None and amount != terms.bid_amount
    if other_way or other_amount or (least is not None and not _same(least, there)):
        wanted: dict[str, Any] = {"bid_strategy": terms.bid and terms.bid.value, "bid_amount": terms.bid_amount}
        found: dict[str, Any] = {"bid_strategy": raw.get("bid_strategy"), "bid_amount": amount}
        if least is not None:
            wanted, found = wanted | {"bid_constraints": least}, found | {"bid_constraints": there}
        yield Difference(Part.AD_SET, "bid", wanted, found)


def _hours(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    """Fewer hours than always are somebody's caution, unless they were taken away here."""
    hours = approved.terms.hours
    if hours is None or not (hours or "hours" in approved.changing):
        return
    wanted, found = [one.params() for one in hours], live[Part.AD_SET].raw.get("adset_schedule") or []
    if not _same(wanted, found):
        yield Difference(Part.AD_SET, "hours", wanted, found)


WIDENS = ("targeting_automation", "targeting_relaxation_types", "targeting_optimization")
"""Options by which Meta goes beyond what was asked for, and which it has been known to switch on again."""

CHOOSES = frozenset({
    "genders", "flexible_spec", "custom_audiences", "excluded_custom_audiences", "locales", "publisher_platforms",
    "facebook_positions", "instagram_positions",
})  # fmt: skip
"""What of a targeting we may have said before, and leave out now."""


def _targeting(approved: Approved, live: Mapping[Part, Live]) -> Iterator[Difference]:
    found, terms = live[Part.AD_SET].targeting, approved.terms.targeting
    if not terms:
        return
    wrong = [name for name, value in terms.items() if not _same(value, found.get(name))]
    wrong += [name for name in WIDENS if name not in terms and _on(found.get(name))]
    if "geo_locations" not in wrong and _elsewhere(terms.get("geo_locations") or {}, found.get("geo_locations") or {}):
        wrong.append("geo_locations")
    if "targeting" in approved.changing:  # what was taken away here is taken away there
        wrong += [name for name in found if name in CHOOSES and name not in terms]
    if wrong:
        wanted = {name: terms.get(name) for name in wrong}
        yield Difference(Part.AD_SET, "targeting", wanted, {name: found.get(name) for name in wrong})


NEAR = 1e-4
"""Degrees, or kilometres: a place may be told back rounded, and a whole number without its point."""


def _elsewhere(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether it is shown in places of a kind that nobody has named."""
    return any(value for name, value in found.items() if name not in wanted and name != "location_types")


def _same(wanted: Any, found: Any) -> bool:
    """Whether what was wanted is what is there; Meta adds members of its own to what it was told."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_same(value, found.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        rest = list(found) if isinstance(found, list | tuple) else []
        if len(rest) != len(wanted):
            return False
        for one in wanted:
            match = next((other for other in rest if _same(one, other)), None)
            if match is None:
                return False
            rest.remove(match)
        return True
    if isinstance(wanted, float):
        return isinstance(found, int | float | str) and math.isclose(wanted, float(found), abs_tol=NEAR)
    return str(wanted) == str(found)


def _on(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_on(one) for one in value.values())
    return bool(value) and value != "none"


class Answer(StrEnum):
    """What is done about what the watcher finds."""

    NOTHING = "nothing"
    REVERT = "revert"
    """Assign what was approved."""
    STOP = "stop"
    """Pause it, and tell a person: it can't be assigned without one."""
    FOLLOW = "follow"
    """Somebody has stopped it, or its ad set or ad, at the platform: nobody's caution is overruled from here."""
    GONE = "gone"
    """It isn't there any more."""


def answer(state: CampaignState, found: tuple[Difference, ...], live: Mapping[Part, Live]) -> Answer:
    """What is to be done about a campaign that differs from what was approved."""
    status = live[Part.CAMPAIGN].status
    if status in {Run.DELETED, Run.ARCHIVED}:
        return Answer.GONE
    if state is S.ACTIVE and any(part.status == Run.PAUSED for part in live.values()):
        return Answer.FOLLOW
    if state in {S.NEEDS_HUMAN, S.COMPLETED} and status != Run.ACTIVE:
        return Answer.NOTHING
    if state is S.COMPLETED:
        found = tuple(one for one in found if one.what != "status")
    rests = state is S.PAUSED and status != Run.ACTIVE  # before it runs again it is looked at again
    if not found or rests:
        return Answer.NOTHING
    running = state is S.ACTIVE
    return Answer.STOP if running and any(one.what in FIXED for one in found) else Answer.REVERT


REFUSED = frozenset({"DISAPPROVED", "WITH_ISSUES"})


def review(live: Mapping[Part, Live]) -> dict[str, Any]:
    """What the platform says of a campaign as a whole: whether it delivers, and why not."""
    parts = {part.value: found.effective_status for part, found in live.items() if part is not Part.CREATIVE}
    issues = [words for found in live.values() for words in found.issues]
    refused = [state for state in parts.values() if state in REFUSED]
    waits = any(state in {"PENDING_REVIEW", "IN_PROCESS", "PREAPPROVED"} for state in parts.values())
    says = refused[0] if refused else "PENDING_REVIEW" if waits else parts.get("campaign", "")
    return {"says": says, "parts": parts, "issues": list(dict.fromkeys(issues)), "shows": creative_of(live)}


# --- troubles -----------------------------------------------------------------------------------------------


def is_of_change(what: Difference, reason: Reason, *, changing: bool) -> bool:
    """Whether what the platform refuses can be taken back: a change, not whether it runs, nor what is gone."""
    return changing and what.what != "status" and reason is not Reason.NOT_FOUND
