"""Whom ads can be shown to, as Meta names it: audiences of the account's own, interests, places, languages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Fitness(StrEnum):
    """Whether an audience can be advertised to."""

    READY = "ready"
    FILLING = "filling"
    """People are still being found for it; it may be used meanwhile."""
    BUILDING = "building"
    """It can't be used before the platform has made it."""
    TOO_SMALL = "too_small"
    FLAGGED = "flagged"
    """The platform finds that it tells something of its people that ads may not know."""
    UNUSABLE = "unusable"


USABLE = frozenset({Fitness.READY, Fitness.FILLING})

# Meta's numbers: https://developers.facebook.com/docs/marketing-api/reference/custom-audience
_READY, _TOO_SMALL = 200, 300
_FILLING, _FLAGGED = 441, 471
_BUILDING = frozenset({414, 434})
_ENDED = frozenset({431, 432, 433, 470, 500})


@dataclass(frozen=True, slots=True)
class Audience:
    """People whom an ad account knows: a custom audience, or a lookalike of one."""

    id: str
    name: str
    kind: str
    """CUSTOM, WEBSITE, ENGAGEMENT, LOOKALIKE, ..."""
    fitness: Fitness
    says: str
    """The platform's own words about its state."""
    lowest: int | None
    """How many people, roughly; None where it isn't known."""
    highest: int | None
    special: bool
    """Whether ads of a special category (housing, credit, work, politics) may use it."""
    owner: str = ""
    """The ad account whose it is, without `act_`; empty where the platform doesn't say."""
    description: str = ""


class Kind(StrEnum):
    """What can be looked for by a few words."""

    INTEREST = "interest"
    COUNTRY = "country"
    REGION = "region"
    CITY = "city"
    ZIP = "zip"
    LANGUAGE = "language"


PLACES = {Kind.COUNTRY: "countries", Kind.REGION: "regions", Kind.CITY: "cities", Kind.ZIP: "zips"}
"""What Meta calls several of a kind."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that people can be chosen by."""

    kind: Kind
    key: str
    """The platform's."""
    name: str
    country: str = ""
    """Of a place: two letters."""
    country_name: str = ""
    region: str = ""
    """Of a city, or of a postal code."""
    highest: int | None = None
    """People, at most, roughly; of an interest."""

    @property
    def full_name(self) -> str:
        """`Portland, Oregon, US`."""
        return ", ".join(filter(None, (self.name, self.region, self.country)))


def audience(row: Mapping[str, Any]) -> Audience:
    """From a row of Meta's."""
    delivery, operation = row.get("delivery_status") or {}, row.get("operation_status") or {}
    fitness = _fitness(_code(delivery), _code(operation))
    about = delivery if fitness is Fitness.TOO_SMALL else operation if fitness is not Fitness.READY else {}
    return Audience(
        id=str(row["id"]),
        name=str(row.get("name", "")),
        kind=str(row.get("subtype", "")),
        fitness=fitness,
        says=str(about.get("description") or delivery.get("description") or ""),
        lowest=_people(row.get("approximate_count_lower_bound")),
        highest=_people(row.get("approximate_count_upper_bound")),
        special=row.get("is_eligible_for_sac_campaigns") is not False,
        owner=str(row.get("account_id") or ""),
        description=str(row.get("description") or ""),
    )


def _fitness(delivery: int | None, operation: int | None) -> Fitness:
    """By numbers, never by words. What Meta says nothing of is believed to be ready: it refuses it later, if not."""
    if operation == _FLAGGED:
        return Fitness.FLAGGED
    if operation in _ENDED:
        return Fitness.UNUSABLE
    if operation == _FILLING:  # its size is said to be too small until it is known
        return Fitness.FILLING
    if delivery in {None, _READY}:
        return Fitness.READY
    if operation in _BUILDING:
        return Fitness.BUILDING
    return Fitness.TOO_SMALL if delivery == _TOO_SMALL else Fitness.UNUSABLE


def place(row: Mapping[str, Any]) -> Choice:
    """From a row of Meta's search for places."""
    kind = Kind(row["type"])
    return Choice(
        kind=kind,
        key=str(row["key"]),
        name=str(row["name"]),
        country=str(row.get("country_code") or (row["key"] if kind is Kind.COUNTRY else "")),
        country_name=str(row.get("country_name") or ""),
        region=str(row.get("region") or "") if kind in {Kind.CITY, Kind.ZIP} else "",
    )


def interest(row: Mapping[str, Any]) -> Choice:
    highest = _people(row.get("audience_size_upper_bound"))
    return Choice(Kind.INTEREST, str(row["id"]), str(row["name"]), highest=highest)


@dataclass(frozen=True, slots=True)
class LeadForm:
    """A form of a Page's, which people fill in to be called back."""

    id: str
    name: str
    page_id: str
    open: bool
    """Whether it can be filled in."""


def lead_form(row: Mapping[str, Any]) -> LeadForm:
    """From a row of Meta's."""
    page = str(row.get("page_id") or (row.get("page") or {}).get("id") or "")
    return LeadForm(str(row["id"]), str(row.get("name", "")), page, row.get("status", "ACTIVE") == "ACTIVE")


def language(row: Mapping[str, Any]) -> Choice:
    return Choice(Kind.LANGUAGE, str(row["key"]), str(row["name"]))


def _code(status: Mapping[str, Any]) -> int | None:
    return int(status["code"]) if "code" in status else None


def _people(value: Any) -> int | None:
    """Meta says -1 where it doesn't say."""
    return int(value) if value is not None and int(value) >= 0 else None
