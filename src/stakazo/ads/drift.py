"""What isn't as approved, in words for people: what differs, what is done about it, what they can do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from stakazo.ads.comparing import Difference
from stakazo.platforms.ads import major_units
from stakazo.publishing.states import Trouble

CODE = "drifted"


class Done(StrEnum):
    """What is done about it; what is under way is said in the past tense once it has happened."""

    LEFT = "It was not let run."
    SETTING_RIGHT = "It is being set right."
    STOPPING = "It is being stopped."


_ONCE_DONE = {Done.SETTING_RIGHT: "It was set right.", Done.STOPPING: "It was stopped."}


def trouble(found: Sequence[Difference], done: Done, currency: str) -> Trouble:
    """What a person is told of a campaign that differs from what was approved."""
    words = "; ".join(_sentence(one, currency) for one in found)
    said = {"found": [one.as_json() for one in found]}
    return Trouble(CODE, f"Not as approved: {words}. {done}", _todo({one.what for one in found}), said)


def over(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A campaign's error once the platform says what was wanted: what drifted stays to be seen, as what has been."""
    if error is None:
        return None
    detail = str(error.get("detail") or "")
    for under_way, past in _ONCE_DONE.items():
        if error.get("code") == CODE and detail.endswith(under_way):
            return {**error, "detail": detail.removesuffix(under_way) + past}
    return dict(error)


# --- in words -----------------------------------------------------------------------------------------------

_CALLED = {
    "spend_cap": "spending cap", "dsa": "beneficiary and payer", "hours": "hours of the week", "ads": "running ads",
    "enhancements": "enhancements by the platform",
}  # fmt: skip


def _sentence(one: Difference, currency: str) -> str:
    what = f"{one.part.value.replace('_', ' ')}'s {_CALLED.get(one.what, one.what)}"
    found, approved = (_value(one.what, value, currency) for value in (one.found, one.approved))
    return f"the {what}: {found}, approved: {approved}"


def _value(what: str, value: Any, currency: str) -> str:
    match what, value:
        case "budget", {"daily_budget": daily, "lifetime_budget": total}:
            parts = [
                f"{major_units(units, currency)} {per}" for units, per in ((daily, "a day"), (total, "in all")) if units
            ]
            return " and ".join(parts) or "none"
        case "spend_cap", int():
            return major_units(value, currency)
        case "bid", {"bid_strategy": way, "bid_amount": amount, **more}:
            bid = [str(way or "any"), *([major_units(amount, currency)] if amount is not None else [])]
            return ", ".join([*bid, *([_plain(more)] if any(more.values()) else [])])
        case "start" | "end", str():
            return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
        case _:
            return _plain(value)


def _plain(value: Any) -> str:
    """Whatever it is, without the signs of a programming language."""
    match value:
        case {"name": str() as name}:
            return name
        case Mapping():
            inner = ((name, _plain(one)) for name, one in value.items())
            return (
                ", ".join(f"{name.replace('_', ' ') if ' ' in name else name} {words}" for name, words in inner)
                or "none"
            )
        case list() | tuple():
            return ", ".join(_plain(one) for one in value) or "none"
        case None | "":
            return "none"
        case _:
            return str(value)


def _todo(what: set[str]) -> str:
    """What a person can do, by what differs; first of all about what nobody but they can set right."""
    if "enhancements" in what:
        return "Duplicate it: the copy's creative is made anew, without them. Or archive it."
    here = [words for name, words in _ANEW.items() if name in what]
    if here:
        return f"See who changes it in Ads Manager. {' '.join(here)} Then activate it; or archive it."
    if what == {"status"}:
        return "See who lets it run in Ads Manager. Activate it here, if it is to run: then it is within the limits."
    return "See who changes it in Ads Manager. If it was meant, change it here (PATCH): then it is within the limits."


_ANEW = {
    "targeting": "Say here anew (PATCH) for whom it is.",
    "end": "Say here anew (PATCH) until when it is.",
    "ads": "Stop the other ads there.",
    "creative": "Have its ad show there what was approved, or duplicate it.",
}
