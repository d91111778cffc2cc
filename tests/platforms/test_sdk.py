"""Meta's own SDK as a second client: if it can work with the sandbox, the sandbox isn't just our imagination."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from tests.platforms.conftest import There
from tests.platforms.test_ads import WHO, whole
from tests.platforms.test_ads import ad_set as ad_set_of

from stakazo.platforms.ads import Run
from stakazo.platforms.base import Media
from stakazo.platforms.meta_ads import Level
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from facebook_business.adobjects.ad import Ad
    from facebook_business.adobjects.adaccount import AdAccount
    from facebook_business.adobjects.adreportrun import AdReportRun
    from facebook_business.adobjects.iguser import IGUser
    from facebook_business.api import FacebookAdsApi
    from facebook_business.exceptions import FacebookRequestError
    from facebook_business.session import FacebookSession

ACCOUNT = f"act_{known.AD_ACCOUNT}"


@pytest.fixture
def sdk(there: There) -> Any:
    session = FacebookSession(known.META_APP, known.META_SECRET, known.META_TOKEN)
    session.GRAPH = f"{there.url}/graph"
    return FacebookAdsApi(session)


async def off_loop(act: Any, *arguments: Any, **named: Any) -> Any:
    """The SDK blocks."""
    return await asyncio.to_thread(act, *arguments, **named)


async def test_the_sdk_advertises(there: There, sdk: Any):
    def everything() -> tuple[str, str]:
        account = AdAccount(ACCOUNT, api=sdk)
        campaign = account.create_campaign(
            params={"name": "sdk", "objective": "OUTCOME_ENGAGEMENT", "status": "PAUSED",
                    "special_ad_categories": ["NONE"], "is_adset_budget_sharing_enabled": False}
        )  # fmt: skip
        ad_set = account.create_ad_set(
            params={"name": "sdk", "campaign_id": campaign["id"], "daily_budget": 1500, "billing_event": "IMPRESSIONS",
                    "optimization_goal": "THRUPLAY", "status": "PAUSED", "promoted_object": {"page_id": known.PAGE},
                    "targeting": {"geo_locations": {"countries": ["US"]},
                                  "targeting_automation": {"advantage_audience": 0}}}
        )  # fmt: skip
        story = {"page_id": known.PAGE, "video_data": {"video_id": "1", "image_url": "https://example.com/i.jpg"}}
        creative = account.create_ad_creative(params={"name": "sdk", "object_story_spec": story})
        ad = account.create_ad(
            params={
                "name": "sdk",
                "adset_id": ad_set["id"],
                "creative": {"creative_id": creative["id"]},
                "status": "PAUSED",
            }
        )
        return campaign["id"], ad["id"]

    campaign, ad = await off_loop(everything)
    assert there.world.things[campaign]["kind"] == "Campaign"
    read = await off_loop(Ad(ad, api=sdk).api_get, fields=["status", "effective_status", "adset_id"])
    assert (read["status"], read["effective_status"]) == ("PAUSED", "PAUSED")


async def test_the_sdk_reads_back_what_our_client_has_made(there: There, sdk: Any, film: Media):
    meta, ids = await whole(there, film)
    for level in (Level.CAMPAIGN, Level.AD_SET, Level.AD):
        await meta.set_status(ids[level], Run.ACTIVE)
    there.world.move_on(3 * 86400)
    account = AdAccount(ACCOUNT, api=sdk)
    campaigns = await off_loop(lambda: list(account.get_campaigns(fields=["name", "effective_status"])))
    assert [(one["id"], one["effective_status"]) for one in campaigns] == [(ids[Level.CAMPAIGN], "ACTIVE")]
    fields = ["name", "campaign_id", "daily_budget", "optimization_goal", "targeting", "effective_status"]
    (ad_set,) = await off_loop(lambda: list(account.get_ad_sets(fields=fields)))
    ours = ad_set_of(ids[Level.CAMPAIGN])
    assert ad_set.export_all_data() == {
        "id": ids[Level.AD_SET], "name": ours.name, "campaign_id": ours.campaign_id,
        "daily_budget": "2000", "optimization_goal": ours.goal.value, "targeting": WHO.params(),
        "effective_status": "ACTIVE",
    }  # fmt: skip
    fields = ["name", "adset_id", "campaign_id", "creative", "status", "effective_status"]
    (ad,) = await off_loop(lambda: list(account.get_ads(fields=fields)))
    assert ad.export_all_data() == {
        "id": ids[Level.AD], "name": "Ad [s:1]", "adset_id": ids[Level.AD_SET], "campaign_id": ids[Level.CAMPAIGN],
        "creative": {"id": ids[Level.CREATIVE]}, "status": "ACTIVE", "effective_status": "ACTIVE",
    }  # fmt: skip
    wanted = {"level": "ad", "date_preset": "last_7d", "time_increment": 1}
    fields = ["ad_id", "spend", "impressions", "actions"]
    rows = await off_loop(lambda: list(account.get_insights(fields=fields, params=wanted)))
    assert {row["ad_id"] for row in rows} == {ids[Level.AD]}

    run: AdReportRun = await off_loop(account.get_insights, fields=fields, params=wanted, is_async=True)
    there.world.move_on(60)
    run = await off_loop(run.api_get)
    assert (run["async_status"], run["async_percent_completion"]) == ("Job Completed", 100)
    later = await off_loop(lambda: list(run.get_insights()))
    assert [row["spend"] for row in later] == [row["spend"] for row in rows]


async def test_the_sdk_reads_audiences(there: There, sdk: Any):
    account = AdAccount(ACCOUNT, api=sdk)
    fields = ["name", "subtype", "delivery_status", "approximate_count_lower_bound"]
    found = await off_loop(lambda: list(account.get_custom_audiences(fields=fields, params={"limit": 3})))
    assert {one["id"] for one in found} == {key for key, *_ in known.AUDIENCES}
    assert {one["name"]: one["delivery_status"]["code"] for one in found}["Newsletter"] == 300
    words = {"q": "jazz", "limit_type": "interests"}
    (jazz,) = await off_loop(lambda: list(account.get_targeting_search(params=words)))
    assert jazz["name"] == "Jazz music"


async def test_the_sdk_publishes_a_reel(there: There, sdk: Any):
    user = IGUser(known.IG_USER, api=sdk)
    params = {"media_type": "REELS", "video_url": "https://example.com/f.mp4", "caption": "Schön"}
    made = await off_loop(user.create_media, params=params)
    there.world.move_on(60)
    post = await off_loop(user.create_media_publish, params={"creation_id": made["id"]})
    found = await off_loop(lambda: list(user.get_media(fields=["caption", "permalink", "media_product_type"])))
    assert [(one["id"], one["caption"]) for one in found] == [(post["id"], "Schön")]
    limit = await off_loop(lambda: list(user.get_content_publishing_limit(fields=["quota_usage", "config"])))
    assert limit[0]["quota_usage"] == 1


async def test_the_sdk_understands_the_errors(there: There, sdk: Any):
    there.world.faults.add(Fault("rate_limit", times=1, detail={"code": 17, "subcode": 2446079}))
    with pytest.raises(FacebookRequestError) as limited:
        await off_loop(AdAccount(ACCOUNT, api=sdk).api_get)
    assert (limited.value.api_error_code(), limited.value.api_error_subcode()) == (17, 2446079)
    assert limited.value.api_transient_error()
    there.world.faults.add(Fault("error_in_200", times=1))
    with pytest.raises(FacebookRequestError) as hidden:
        await off_loop(AdAccount(ACCOUNT, api=sdk).api_get)
    assert hidden.value.http_status() == 200


async def test_the_sdk_batches(there: There, sdk: Any):
    names: list[str] = []

    def ask() -> None:
        batch = sdk.new_batch()
        for _ in range(3):
            AdAccount(ACCOUNT, api=sdk).api_get(
                fields=["name"], batch=batch, success=lambda answer: names.append(answer.json()["name"])
            )
        batch.execute()

    await off_loop(ask)
    assert names == ["Blue Note ads (sandbox)"] * 3
