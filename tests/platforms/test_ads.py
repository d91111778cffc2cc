"""Advertising against the sandbox: made paused, found by a mark, let run, and stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.platforms.conftest import There

from stakazo.platforms.ads import AdSet, Budget, Campaign, Creative, Goal, Objective, Run, minor_units
from stakazo.platforms.base import Media
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TryLater, Unknown
from stakazo.platforms.meta_ads import Level, MetaAds
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.targeting import Targeting

CAMPAIGN = Campaign(name="Ça ira [s:1]", objective=Objective.ENGAGEMENT)
WHO = Targeting(countries=("US",), age_min=18, age_max=44, interests=(("6003139266461", "Jazz music"),))


def ads(there: There) -> MetaAds:
    return MetaAds(there.connection, there.advertiser)


def ad_set(campaign_id: str, **changes: object) -> AdSet:
    base = AdSet(
        name="Set [s:1]",
        campaign_id=campaign_id,
        goal=Goal.THRUPLAY,
        targeting=WHO,
        budget=Budget(daily=2000),
        page_id=known.PAGE,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


async def whole(there: There, film: Media) -> tuple[MetaAds, dict[Level, str]]:
    """Everything from the campaign to the ad, paused."""
    assert film.source is not None
    meta = ads(there)
    video = await meta.upload(film.source, "film")
    assert not await meta.ready(video)
    there.world.move_on(60)
    assert await meta.ready(video)
    campaign = await meta.create_campaign(CAMPAIGN)
    made = await meta.create_ad_set(ad_set(campaign))
    creative = await meta.create_creative(
        Creative(
            name="Creative [s:1]",
            page_id=known.PAGE,
            instagram_id=known.IG_USER,
            video_id=video,
            text="Ça ira 🎺",
            thumbnail_url=await meta.thumbnail(video),
            link="https://example.com/l",
            button="LISTEN_NOW",
            url_tags="utm_source=ig",
        )
    )
    ad = await meta.create_ad("Ad [s:1]", made, creative)
    return meta, {Level.CAMPAIGN: campaign, Level.AD_SET: made, Level.CREATIVE: creative, Level.AD: ad}


async def test_everything_is_made_paused(there: There, film: Media):
    meta, ids = await whole(there, film)
    for level in (Level.CAMPAIGN, Level.AD_SET, Level.AD):
        assert (await meta.get(level, ids[level])).status == "PAUSED"
    made = await meta.get(Level.AD_SET, ids[Level.AD_SET])
    assert (made.daily_budget, made.lifetime_budget) == (2000, None)
    assert made.targeting == WHO.params()
    there.world.move_on(30 * 86400)
    assert all(not ad["active"] for ad in there.world.of("Ad")), "nothing has run"
    assert await meta.running() == []


async def test_a_campaign_runs_when_all_of_it_is_let(there: There, film: Media):
    meta, ids = await whole(there, film)
    await meta.set_status(ids[Level.CAMPAIGN], Run.ACTIVE)
    await meta.set_status(ids[Level.AD], Run.ACTIVE)
    assert (await meta.get(Level.AD, ids[Level.AD])).effective_status == "PENDING_REVIEW"
    there.world.move_on(60)
    assert (await meta.get(Level.AD, ids[Level.AD])).effective_status == "ADSET_PAUSED"
    await meta.set_status(ids[Level.AD_SET], Run.ACTIVE)
    found = await meta.get_all([(level, ids[level]) for level in (Level.CAMPAIGN, Level.AD_SET, Level.AD)])
    assert [one.effective_status for one in found if not isinstance(one, PlatformError)] == ["ACTIVE"] * 3
    assert [one.id for one in await meta.running()] == [ids[Level.CAMPAIGN]]
    assert await meta.set_status_of_all([*ids.values()][:2], Run.PAUSED) == {}
    assert await meta.running() == []


@pytest.mark.parametrize(("what", "made"), [("lost_reply", 1), ("never_arrived", 0)])
async def test_a_lost_answer_is_settled_by_the_mark(there: There, what: str, made: int):
    there.world.faults.add(Fault(what, "POST AdAccount/campaigns", times=1))
    with pytest.raises(Unknown):
        await ads(there).create_campaign(CAMPAIGN)
    assert len(await ads(there).find(Level.CAMPAIGN, "[s:1]")) == made
    assert await ads(there).find(Level.CAMPAIGN, "[s:2]") == []


async def test_a_dry_run_makes_nothing(there: There):
    meta = ads(there)
    await meta.validate(CAMPAIGN)
    assert list(there.world.of("Campaign")) == []
    with pytest.raises(Rejected) as low:
        await meta.validate(replace(CAMPAIGN, budget=Budget(daily=5)))
    assert low.value.reason is Reason.BUDGET


@pytest.mark.parametrize(
    ("changes", "subcode"),
    [
        ({"budget": Budget(daily=5)}, 1885272),
        ({"budget": None}, 1885621),
        ({"budget": Budget(total=9000)}, 1885014),
        ({"targeting": replace(WHO, countries=("DE",))}, 3858079),
        ({"targeting": replace(WHO, countries=())}, 1885364),
    ],
)
async def test_metas_rules_for_ad_sets(there: There, changes: dict, subcode: int):
    campaign = await ads(there).create_campaign(CAMPAIGN)
    with pytest.raises(Rejected) as refused:
        await ads(there).create_ad_set(ad_set(campaign, **changes))
    assert refused.value.said.subcode == subcode


async def test_in_the_eu_who_pays_is_said(there: There):
    campaign = await ads(there).create_campaign(replace(CAMPAIGN, budget=Budget(total=50000)))
    made = await ads(there).create_ad_set(
        ad_set(
            campaign,
            budget=None,
            targeting=replace(WHO, countries=("DE", "AT")),
            dsa_beneficiary="Blue Note",
            dsa_payor="Blue Note",
            ends_at=datetime.fromtimestamp(there.world.now(), UTC) + timedelta(days=7),
        )
    )
    assert (await ads(there).get(Level.AD_SET, made)).daily_budget is None
    assert (await ads(there).get(Level.CAMPAIGN, campaign)).lifetime_budget == 50000


async def test_a_budget_changes_four_times_an_hour(there: There):
    campaign = await ads(there).create_campaign(CAMPAIGN)
    made = await ads(there).create_ad_set(ad_set(campaign))
    for amount in (2100, 2200, 2300, 2400):
        await ads(there).set_budget(made, Budget(daily=amount))
    with pytest.raises(TryLater) as often:
        await ads(there).set_budget(made, Budget(daily=2500))
    assert (often.value.reason, often.value.after) == (Reason.QUOTA, 3600)
    assert (await ads(there).get(Level.AD_SET, made)).daily_budget == 2400


async def test_a_refused_ad_says_why(there: There, film: Media):
    there.world.faults.add(Fault("disapproved"))
    meta, ids = await whole(there, film)
    for level in (Level.CAMPAIGN, Level.AD_SET, Level.AD):
        await meta.set_status(ids[level], Run.ACTIVE)
    there.world.move_on(60)
    ad = await meta.get(Level.AD, ids[Level.AD])
    assert ad.effective_status == "DISAPPROVED"
    assert ad.issues == ("Personal Attributes: Ads must not assert personal attributes.",)


async def test_a_live_post_can_be_boosted(there: There):
    media = there.world.new("IGMedia", owner=known.IG_USER, media_product_type="REELS")["id"]
    boost = Creative(name="Boost", page_id=known.PAGE, instagram_id=known.IG_USER, instagram_media_id=media)
    assert await ads(there).create_creative(boost)
    with pytest.raises(Rejected):
        await ads(there).create_creative(replace(boost, instagram_media_id="17800000009999999"))
    with pytest.raises(ValueError, match="either"):
        replace(boost, post_id="1_2")


async def test_a_stop_for_all_names_what_is_left_in_doubt(there: There):
    made = [await ads(there).create_campaign(CAMPAIGN) for _ in range(3)]
    await ads(there).set_status_of_all(made, Run.ACTIVE)
    there.world.faults.add(Fault("never_arrived", "POST Campaign", times=1))
    left = await ads(there).set_status_of_all(made, Run.PAUSED)
    assert [type(error) for error in left.values()] == [Unknown]
    assert [one.id for one in await ads(there).running()] == list(left)
    assert await ads(there).set_status_of_all(list(left), Run.PAUSED) == {}
    assert await ads(there).running() == []


async def test_how_many_people_that_reaches(there: There):
    preview = await ads(there).preview(WHO, Goal.THRUPLAY)
    assert preview.ready
    assert 0 < preview.lowest_reach < preview.highest_reach


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.34", "EUR", 1234), ("0.005", "USD", 1), ("1200", "JPY", 1200), ("0", "EUR", 0), ("19.99", "GBP", 1999)],
)
def test_reports_count_a_hundred_times_as_coarsely_as_budgets(amount: str, currency: str, minor: int):
    assert minor_units(amount, currency) == minor


def test_a_budget_is_one_or_the_other():
    for wrong in ({}, {"daily": 1, "total": 1}, {"daily": -1}):
        with pytest.raises(ValueError, match="budget"):
            Budget(**wrong)
