"""What people call audiences, interests, places and languages, as the platform's keys; and whether they can be used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from stakazo.ads.plan import Around, Named, Place
from stakazo.ads.service import NotAllowed
from stakazo.core.settings import Settings
from stakazo.platforms.base import Account
from stakazo.platforms.errors import PlatformError, Reason, Rejected
from stakazo.platforms.meta_people import MetaPeople
from stakazo.platforms.people import USABLE, Audience, Choice, Fitness, Kind
from stakazo.publishing import outside

MOST = 5
"""Choices that a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is to be looked up, each by its name or the platform's key."""

    audiences: tuple[str, ...] = ()
    excluded_audiences: tuple[str, ...] = ()
    interests: tuple[tuple[str | None, str], ...] = ()
    """Key and name; one whose key is known is believed."""
    regions: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    """`Portland`, `Portland, Oregon` or `Portland, US`."""
    zips: tuple[str, ...] = ()
    """`US:97204`, or `97204, US`."""
    around: tuple[Around, ...] = ()
    """Of a city what it is called stands in place of its key."""
    locales: tuple[str, ...] = ()
    lead_form: str | None = None
    page_id: str = ""
    """Whose form that is to be."""
    special: bool = False
    """Whether it is for an ad of a special category, which not every audience may be used for."""

    @property
    def unknown(self) -> bool:
        """Whether the platform must be asked."""
        plain = all(key for key, _ in self.interests) and all(one.isdecimal() for one in self.locales)
        return not plain or any(
            (self.audiences, self.excluded_audiences, self.regions, self.cities, self.zips, self.around, self.lead_form)
        )


@asynccontextmanager
async def people(settings: Settings, account: Account) -> AsyncIterator[MetaPeople]:
    """Who can be asked whom the account reaches, for somebody who waits for the answer.

    Raises Conflict where its token isn't taken any more, Invalid for what the platform refuses, Unavailable where it
    doesn't answer now.
    """
    with outside.waited_for("ad account", "whom the ads would reach"):
        async with outside.connected(settings) as connection:
            yield MetaPeople(connection, account)


async def settle(meta: MetaPeople, names: Names) -> dict[str, Any]:
    """What is named, as a plan keeps it. Raises NotAllowed with all that is wrong, and the platform's errors."""
    wrong = list[str]()
    found = {
        "audiences": await _audiences(meta, names.audiences, wrong, special=names.special),
        "excluded_audiences": await _audiences(meta, names.excluded_audiences, wrong, excluded=True),
        "interests": await _interests(meta, names.interests, wrong),
        "regions": await _places(meta, Kind.REGION, names.regions, wrong),
        "cities": await _places(meta, Kind.CITY, names.cities, wrong),
        "zips": await _places(meta, Kind.ZIP, names.zips, wrong),
        "around": await _around(meta, names.around, wrong),
        "locales": await _languages(meta, names.locales, wrong),
        "lead_form_id": await _lead_form(meta, names, wrong),
    }
    if wrong:
        raise NotAllowed(" ".join(wrong))
    return {name: value for name, value in found.items() if value}


# --- audiences ----------------------------------------------------------------------------------------------


async def _audiences(
    meta: MetaPeople, given: Sequence[str], wrong: list[str], *, special: bool = False, excluded: bool = False
) -> list[Named]:
    ids = [one for one in given if one.isdecimal()]
    known = dict(zip(ids, await meta.audiences_of(ids) if ids else [], strict=True))
    found = list[Named]()
    for words in given:
        answer = known.get(words)
        if isinstance(answer, PlatformError) and getattr(answer, "reason", None) is not Reason.NOT_FOUND:
            raise answer
        fits = [answer] if isinstance(answer, Audience) else await meta.audiences_named(words)
        if len(fits) != 1:
            wrong.append(which("audience", words, [f"{one.name} ({one.id})" for one in fits]))
        elif not await meta.has(fits[0]):
            wrong.append(f"The audience {fits[0].name!r} is of another ad account, and isn't shared with this one.")
        elif why := why_not(fits[0], special=special, excluded=excluded):
            wrong.append(why)
        else:
            found.append((fits[0].id, fits[0].name))
    return list(dict.fromkeys(found))


def why_not(audience: Audience, *, special: bool = False, excluded: bool = False) -> str | None:
    """Why ads can't be shown to this audience now, and what to do; None where they can.

    Args:
        special: By an ad of a special category.
        excluded: It isn't to see them: then it may be small.
    """
    called = f"The audience {audience.name!r}"
    said = f" ({audience.says.rstrip('.')})" if audience.says else ""
    match audience.fitness:
        case Fitness.TOO_SMALL if not excluded:
            return f"{called} is too small to advertise to{said}. Add people to it, or advertise to a lookalike of it."
        case Fitness.BUILDING:
            return f"{called} is still being made{said}. Try again when it is ready; that takes up to a day."
        case Fitness.FLAGGED:
            return f"{called} was blocked by the platform{said}. Review it in Ads Manager, or choose another."
        case Fitness.UNUSABLE:
            return f"{called} can't be used{said}. Repair it in Ads Manager, or choose another."
    if special and not audience.special:
        return f"{called} may not be used by ads of a special category. Make a special ad audience, or leave it out."
    assert excluded or audience.fitness in USABLE
    return None


# --- by words -----------------------------------------------------------------------------------------------


async def _interests(meta: MetaPeople, given: Iterable[tuple[str | None, str]], wrong: list[str]) -> list[Named]:
    found = list[Named]()
    for key, name in given:
        if key:
            found.append((key, name))
        elif one := await _one(meta, Kind.INTEREST, name, wrong):
            found.append((one.key, one.name))
    return found


async def _languages(meta: MetaPeople, given: Iterable[str], wrong: list[str]) -> list[int]:
    found = list[int]()
    for words in given:
        if words.isdecimal():
            found.append(int(words))
        elif one := await _one(meta, Kind.LANGUAGE, words, wrong):
            found.append(int(one.key))
    return found


async def _places(meta: MetaPeople, kind: Kind, given: Sequence[str], wrong: list[str]) -> list[Place]:
    """Also what is given by its key is asked for: in which country it is decides what an ad there must have."""
    keys = [one for one in given if _is_key(one)]
    known = await meta.places_of(kind, keys) if keys else {}
    found = list[Place]()
    for words in given:
        one = known.get(words) if _is_key(words) else await _one(meta, kind, words, wrong)
        if one is not None:
            found.append((one.key, one.full_name, one.country))
        elif _is_key(words):
            wrong.append(which(kind.value, words, []))
    return found


def _is_key(words: str) -> bool:
    """Whether that is a place's key: `551400` of a city, `US:97204` of a postal code."""
    return words.isdecimal() or ":" in words


async def _around(meta: MetaPeople, given: Iterable[Around], wrong: list[str]) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    for one in given:
        cities = await _places(meta, Kind.CITY, [one.city[0]], wrong) if one.city else []
        found += [asdict(replace(one, city=city)) for city in (cities if one.city else [None])]
    return found


async def _lead_form(meta: MetaPeople, names: Names, wrong: list[str]) -> str | None:
    if names.lead_form is None:
        return None
    try:
        form = await meta.lead_form(names.lead_form)
    except Rejected as error:
        if error.reason is not Reason.NOT_FOUND:
            raise
        wrong.append(
            f"There is no form {names.lead_form} at the platform; GET /ad-accounts/{{id}}/lead-forms shows all."
        )
        return None
    if form.page_id != names.page_id:
        wrong.append(f"The form {form.name!r} is of another Page than the one that the ad account advertises for.")
    elif not form.open:
        wrong.append(f"The form {form.name!r} was closed: nobody can fill it in. Open it, or name another.")
    return form.id


async def _one(meta: MetaPeople, kind: Kind, words: str, wrong: list[str]) -> Choice | None:
    offered = await meta.search(kind, words.partition(",")[0].strip() if kind is not Kind.INTEREST else words)
    fits = [one for one in offered if is_meant(one, words)]
    if len(fits) == 1:
        return fits[0]
    wrong.append(which(kind.value, words, [f"{one.full_name} ({one.key})" for one in fits or offered]))
    return None


def is_meant(choice: Choice, words: str) -> bool:
    """Whether these words are its name; of a place, followed by where that is."""
    if choice.name.casefold() == words.strip().casefold():
        return True
    name, *where = (part.strip().casefold() for part in words.split(","))
    about = {choice.region.casefold(), choice.country.casefold(), choice.country_name.casefold()} - {""}
    return choice.name.casefold() == name and bool(where) and set(where) <= about


def which(what: str, words: str, several: list[str]) -> str:
    if several:
        more = f" and {len(several) - MOST} more" if len(several) > MOST else ""
        return f"Which {what} is {words!r}: {'; '.join(several[:MOST])}{more}? Say its key."
    shown = "GET /ad-accounts/{id}/audiences" if what == "audience" else "GET /ad-accounts/{id}/targeting"
    return f"There is no {what} {words!r} at the platform. {shown} shows what there is."
