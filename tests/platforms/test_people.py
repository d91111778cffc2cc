"""Whom ads can reach: audiences in every state, interests, places and languages, as Meta says them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platforms.conftest import There

from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.meta_people import MetaPeople
from stakazo.platforms.people import Fitness, Kind, audience
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import AUDIENCES

FOLLOWERS, ALIKE, FEW, FLAGGED = (one[0] for one in AUDIENCES)


def people(there: There) -> MetaPeople:
    return MetaPeople(there.connection, there.advertiser)


@pytest.mark.parametrize(
    ("delivery", "operation", "fitness"),
    [
        (200, 200, Fitness.READY),
        (200, 411, Fitness.READY),  # few were matched; those that were can be reached
        (None, None, Fitness.READY),
        (300, 200, Fitness.TOO_SMALL),
        (300, 441, Fitness.FILLING),
        (300, 434, Fitness.BUILDING),
        (200, 471, Fitness.FLAGGED),
        (200, 470, Fitness.UNUSABLE),
        (300, 432, Fitness.UNUSABLE),
        (400, 200, Fitness.UNUSABLE),
    ],
)
def test_metas_numbers_say_whether_an_audience_can_be_used(
    delivery: int | None, operation: int | None, fitness: Fitness
) -> None:
    said: dict[str, Any] = {"id": "1", "name": "x", "approximate_count_lower_bound": -1}
    said |= {"delivery_status": {"code": delivery, "description": "D"}} if delivery else {}
    said |= {"operation_status": {"code": operation, "description": "O"}} if operation else {}
    found = audience(said)
    assert (found.fitness, found.lowest) == (fitness, None)
    if fitness not in {Fitness.READY, Fitness.TOO_SMALL}:
        assert found.says == "O"


async def test_audiences_come_in_pages_also_past_an_empty_one(there: There):
    there.world.faults.add(Fault("empty_page", "GET AdAccount/customaudiences", times=1))
    found, after, pages = list[str](), None, 0
    while pages == 0 or after is not None:
        some, after = await people(there).audiences(limit=1, after=after)
        found += [one.id for one in some]
        pages += 1
    assert (sorted(found), pages) == ([FOLLOWERS, ALIKE, FEW, FLAGGED], 5)
    named = await people(there).audiences_named("blue note FOLLOWERS")
    assert [(one.id, one.fitness, one.kind) for one in named] == [(FOLLOWERS, Fitness.READY, "ENGAGEMENT")]
    with pytest.raises(Rejected):
        await people(there).audiences(after="nonsense")


async def test_audiences_are_asked_for_by_their_ids_too(there: There):
    few, flagged, nobody = await people(there).audiences_of([FEW, FLAGGED, "77"])
    assert (getattr(few, "fitness", None), getattr(flagged, "fitness", None)) == (Fitness.TOO_SMALL, Fitness.FLAGGED)
    assert isinstance(nobody, Rejected)
    assert nobody.reason is Reason.NOT_FOUND


async def test_a_new_audience_fills_and_is_copied(there: There):
    watched = await people(there).create_audience("Watched", video_ids=["1"], watched=75)
    (filling,) = await people(there).audiences_named("Watched")
    assert (filling.id, filling.fitness, filling.lowest) == (watched, Fitness.FILLING, None)
    there.world.move_on(60)
    (ready,) = await people(there).audiences_named("Watched")
    assert ready.fitness is Fitness.READY
    assert ready.lowest is not None
    assert await people(there).create_lookalike("Like them", watched, "US", 0.02)
    with pytest.raises(Rejected):
        await people(there).create_lookalike("Like them", watched, "US", 0.5)


async def test_interests_places_and_languages_by_words(there: There):
    asked = people(there)
    assert [one.key for one in await asked.search(Kind.INTEREST, "jazz")] == ["6003139266461"]
    towns = await asked.search(Kind.CITY, "portland")
    assert [one.full_name for one in towns] == ["Portland, Oregon, US", "Portland, Maine, US"]
    assert [one.full_name for one in await asked.search(Kind.REGION, "berlin")] == ["Berlin, DE"]
    assert [one.country for one in await asked.search(Kind.COUNTRY, "Germ")] == ["DE"]
    assert [one.key for one in await asked.search(Kind.LANGUAGE, "english")] == ["6", "24"]
    known = await asked.places_of(Kind.CITY, ["551400", "1"])
    assert {key: one.country for key, one in known.items()} == {"551400": "DE"}
