"""Whom ads can reach: audiences in every state, interests, places and languages, as Meta says them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platforms.conftest import There

from stakazo.platforms import crowds
from stakazo.platforms.crowds import Crowd, Source, Watched
from stakazo.platforms.customers import customer
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.meta_people import MetaPeople
from stakazo.platforms.people import Fitness, Kind, audience
from stakazo.platforms.sandbox.control import ACCOUNTS
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import AUDIENCES, FORM, PAGE, PIXEL

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


async def test_an_audience_of_every_kind_is_made_by_metas_rules_and_found_by_its_mark(there: There):
    """The contract has no word against any of them: the fixture looks."""
    meta, page, film = people(there), ACCOUNTS["facebook"]["id"], there.world.new("AdVideo", page=PAGE)["id"]
    wanted = {
        "page": crowds.engaged(Crowd.PAGE, page, 365),
        "instagram": crowds.engaged(Crowd.INSTAGRAM, ACCOUNTS["instagram"]["id"], 30),
        "viewers": crowds.viewers([film], page, Watched.ALL, 90),
        "visitors": crowds.website(PIXEL, 180),
        "readers": crowds.website(PIXEL, 30, url="/blue"),
        "buyers": crowds.website(PIXEL, 30, event="Purchase"),
        "list": crowds.customers(Source.USER),
        "alike": crowds.lookalike(FOLLOWERS, "DE", 3),
    }
    for name, params in wanted.items():
        await meta.create_audience(name, f"by mark-{name}", params)
    made = {name: (await meta.audiences_marked(f"mark-{name}"))[0] for name in wanted}
    assert {name: (one.name, one.fitness) for name, one in made.items()} == {
        name: (name, Fitness.FILLING) for name in wanted
    }
    assert {one.kind for one in made.values()} == {"ENGAGEMENT", "WEBSITE", "CUSTOM", "LOOKALIKE"}
    there.world.move_on(60)
    assert (await meta.audience(made["page"].id)).fitness is Fitness.READY
    assert (await meta.audience(made["list"].id)).fitness is Fitness.TOO_SMALL
    await meta.remove_audience(made["page"].id)
    await meta.remove_audience(made["page"].id)  # twice is once
    assert await meta.audiences_marked("mark-page") == []


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (crowds.lookalike(FEW, "DE", 1), Reason.INVALID),
        (crowds.lookalike(FOLLOWERS, "DE", 21), Reason.INVALID),
        (crowds.lookalike("77", "DE", 1), Reason.NOT_FOUND),
        (crowds.website(PIXEL, 181), Reason.INVALID),
        ({**crowds.engaged(Crowd.PAGE, PAGE, 30), "subtype": "ENGAGEMENT"}, Reason.INVALID),
        (crowds.viewers(["77"], PAGE, Watched.HALF, 30), Reason.INVALID),
    ],
)
async def test_what_meta_refuses_of_an_audience_is_rejected_and_nothing_is_there(
    there: There, params: dict[str, Any], reason: Reason
):
    before = len(list(there.world.of("CustomAudience")))
    with pytest.raises(Rejected) as refused:
        await people(there).create_audience("x", "", params)
    assert refused.value.reason is reason
    assert len(list(there.world.of("CustomAudience"))) == before


async def test_terms_that_nobody_has_accepted_are_told_by_their_numbers(there: There):
    account = there.world.things[f"act_{there.advertiser.id.removeprefix('act_')}"]
    assert await people(there).terms() == {"custom_audience_tos": True, "web_custom_audience_tos": True}
    there.world.change(account, tos_accepted={})
    for params in (crowds.customers(Source.USER), crowds.website(PIXEL, 30)):
        with pytest.raises(Rejected) as refused:
            await people(there).create_audience("x", "", params)
        assert refused.value.reason is Reason.TERMS


async def test_customers_are_put_on_a_list_once_and_only_their_hashes_are_sent(there: There):
    meta = people(there)
    made = await meta.create_audience("list", "", crowds.customers(Source.USER))
    some = [one for n in range(100) if (one := customer(f"ann{n}@example.com", None))]
    assert await meta.add_customers(made, some, 7) == 0
    assert await meta.add_customers(made, some, 7) == 0
    assert there.world.things[made]["people"] == 100
    there.world.move_on(60)
    assert (await meta.audience(made)).fitness is Fitness.READY
    assert "ann" not in str([call["params"] for call in there.world.calls if "payload" in call["params"]])


async def test_a_page_s_forms_are_told_to_the_page(there: There):
    closed = there.world.new("LeadgenForm", name="Old", page_id=PAGE, status="ARCHIVED")["id"]
    first, after = await people(there).lead_forms(PAGE, limit=1)
    second, end = await people(there).lead_forms(PAGE, limit=1, after=after)
    assert {one.id: one.open for one in [*first, *second]} == {closed: False, FORM: True}
    assert end is None
    assert [one.id for one in (await people(there).lead_forms(PAGE, "concert"))[0]] == [FORM]
    there.world.change(there.world.things[PAGE], owner="somebody else")
    with pytest.raises(Rejected) as refused:
        await people(there).lead_forms(PAGE)
    assert refused.value.reason is Reason.PERMISSION


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
