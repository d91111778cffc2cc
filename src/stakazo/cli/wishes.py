"""How a campaign is described on the command line: options that several commands share, and what they mean."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from stakazo.cli.output import USAGE, Failure
from stakazo.cli.publishing import MOMENT
from stakazo.platforms.ads import Bid


class Gender(StrEnum):
    MEN = "men"
    WOMEN = "women"


class BudgetOn(StrEnum):
    CAMPAIGN = "campaign"
    AD_SET = "ad_set"


class Special(StrEnum):
    HOUSING = "HOUSING"
    EMPLOYMENT = "EMPLOYMENT"
    FINANCIAL_PRODUCTS_SERVICES = "FINANCIAL_PRODUCTS_SERVICES"
    ISSUES_ELECTIONS_POLITICS = "ISSUES_ELECTIONS_POLITICS"


class Dropped(StrEnum):
    """What can be taken away from whom it is shown to, and where."""

    COUNTRIES = "countries"
    REGIONS = "regions"
    CITIES = "cities"
    ZIPS = "zips"
    AROUND = "around"
    HOURS = "hours"
    AUDIENCES = "audiences"
    EXCLUDED = "excluded_audiences"
    INTERESTS = "interests"
    LANGUAGES = "locales"
    GENDERS = "genders"
    PLACEMENTS = "placements"
    FACEBOOK = "facebook_positions"
    INSTAGRAM = "instagram_positions"


Country = Annotated[list[str] | None, typer.Option(help="Where, in two letters; may be repeated.")]
Region = Annotated[list[str] | None, typer.Option(help="A state or province, as in 'California, US'.")]
City = Annotated[list[str] | None, typer.Option(help="As in 'Portland, Oregon'; may be repeated.")]
Zip = Annotated[list[str] | None, typer.Option("--zip", help="A postal code, as in US:97204; may be repeated.")]
Around = Annotated[
    list[str] | None,
    typer.Option(help="So many km around a city or a point: 'Portland, Oregon:30', 45.52,-122.68,US:5."),
]
Week = Annotated[
    list[str] | None,
    typer.Option("--hours", help="When it is shown, by the viewer's clock: mon-fri:18-23; may be repeated."),
]
Audience = Annotated[list[str] | None, typer.Option(help="A custom or lookalike audience, by name or id.")]
Without = Annotated[list[str] | None, typer.Option(help="An audience that doesn't see it.")]
Interest = Annotated[list[str] | None, typer.Option(help="By name, as in 'Jazz music'; may be repeated.")]
Language = Annotated[list[str] | None, typer.Option(help="As in 'German'; may be repeated.")]
Age = Annotated[str | None, typer.Option(help="As in 18-40, or 25-.")]
GenderOption = Annotated[Gender | None, typer.Option("--gender", help="Else all.")]
Placement = Annotated[
    list[str] | None, typer.Option(help="facebook, instagram, audience_network, messenger; else the platform chooses.")
]
Position = Annotated[list[str] | None, typer.Option(help="As in instagram:reels or facebook:feed.")]
Widen = Annotated[
    bool | None,
    typer.Option("--widen/--no-widen", help="Let the platform go beyond these people (Advantage audience)."),
]
Drop = Annotated[list[Dropped] | None, typer.Option("--drop", help="Take away all of these; may be repeated.")]
Starts = Annotated[datetime | None, typer.Option(formats=MOMENT, help="In this machine's time zone; else at once.")]
Ends = Annotated[datetime | None, typer.Option(formats=MOMENT, help="Its end, in this machine's time zone.")]
BidOption = Annotated[Bid | None, typer.Option("--bid", case_sensitive=False, help="How the platform bids.")]
MinRoas = Annotated[
    float | None, typer.Option("--min-roas", help="How many times what is spent is to come back at least: 1.5.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it could cost and reach.")]
LeadForm = Annotated[
    str | None, typer.Option("--lead-form", help="The id of the Page's form that the button opens, in place of a link.")
]
Enhance = Annotated[
    list[str] | None, typer.Option(help="What the platform may do to it by itself, as in text_optimizations.")
]
BidAmount = Annotated[str | None, typer.Option("--bid-amount", help="Of a bid or cost cap, as in 0.50.")]


def people(  # noqa: PLR0917 - one argument per option
    countries: list[str] | None,
    regions: list[str] | None,
    cities: list[str] | None,
    audiences: list[str] | None,
    without: list[str] | None,
    interests: list[str] | None,
    languages: list[str] | None,
    age: str | None,
    gender: Gender | None,
) -> dict[str, Any]:
    """Whom it is shown to, as the API takes it; what wasn't said is left out."""
    said: dict[str, Any] = {
        "countries": countries,
        "regions": regions,
        "cities": cities,
        "audiences": audiences,
        "excluded_audiences": without,
        "interests": [{"name": name} for name in interests] if interests else None,
        "locales": languages,
        "genders": [1 if gender is Gender.MEN else 2] if gender else None,
        **_ages(age),
    }
    return {name: value for name, value in said.items() if value}


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def closer(
    zips: list[str] | None, circles: list[str] | None, week: list[str] | None, min_roas: float | None
) -> dict[str, Any]:
    """Where more closely, at which hours, and for what return; what wasn't said is left out."""
    said = {"zips": zips, "around": _around(circles), "hours": _hours(week), "min_roas": min_roas}
    return {name: value for name, value in said.items() if value}


def _around(given: list[str] | None) -> list[dict[str, Any]]:
    """`Portland, Oregon:30` or `45.52,-122.68,US:5`."""
    found = list[dict[str, Any]]()
    for one in given or []:
        where, _, km = one.rpartition(":")
        try:
            known: dict[str, Any] = {"km": float(km)}
            parts = [part.strip() for part in where.split(",")]
            if len(parts) == 3 and parts[0].lstrip("-").replace(".", "", 1).isdecimal():
                known |= {"latitude": float(parts[0]), "longitude": float(parts[1]), "country": parts[2]}
            elif where:
                known |= {"city": where}
        except ValueError:
            known = {}
        if len(known) < 2:
            raise Failure(f"{one!r} is no circle; write it like 'Portland, Oregon:30' or 45.52,-122.68,US:5.", USAGE)
        found.append(known)
    return found


def _hours(given: list[str] | None) -> list[dict[str, Any]]:
    """`mon-fri:18-23`, `sun:10-12`."""
    found = list[dict[str, Any]]()
    for one in given or []:
        days, _, span = one.lower().partition(":")
        first, _, last = days.partition("-")
        begin, _, end = span.partition("-")
        if not ({first, last or first} <= {*DAYS} and begin.isdecimal() and end.isdecimal()):
            raise Failure(f"{one!r} are no hours; write them like mon-fri:18-23.", USAGE)
        since, until = DAYS.index(first), DAYS.index(last or first)
        if until < since:
            raise Failure(f"{one!r} goes past Sunday; say it in two parts.", USAGE)
        found.append({"days": [*range(since, until + 1)], "begin": int(begin), "end": int(end)})
    return found


def _ages(age: str | None) -> dict[str, int]:
    if age is None:
        return {}
    youngest, dash, oldest = age.partition("-")
    if not (youngest.isdecimal() and dash and (not oldest or oldest.isdecimal())):
        raise Failure(f"{age!r} is no span of ages; write it like 18-40, or 25- for no end.", USAGE)
    return {"age_min": int(youngest), "age_max": int(oldest or 65)}


def places(placements: list[str] | None, positions: list[str] | None, *, widen: bool | None) -> dict[str, Any]:
    """Where it is shown, and whether the platform may go further."""
    said: dict[str, Any] = {"placements": list(placements or [])}
    for one in positions or []:
        where, _, position = one.partition(":")
        if where not in {"facebook", "instagram"} or not position:
            raise Failure(f"{one!r} is no position; write it like instagram:reels or facebook:feed.", USAGE)
        said.setdefault(f"{where}_positions", []).append(position)
        if where not in said["placements"]:
            said["placements"].append(where)
    found = {name: value for name, value in said.items() if value}
    return found | ({"widen": widen} if widen is not None else {})


def times(starts: datetime | None, ends: datetime | None) -> dict[str, str]:
    """In this machine's time zone."""
    said = {"starts_at": starts, "ends_at": ends}
    return {name: moment.astimezone().isoformat() for name, moment in said.items() if moment}


def pairs(given: list[str] | None) -> dict[str, str]:
    """`source=ig` as a member."""
    for one in given or []:
        if not one.partition("=")[2]:
            raise Failure(f"{one!r} says nothing; write it like source=ig.", USAGE)
    return dict(one.split("=", 1) for one in given or [])
