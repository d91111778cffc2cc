"""Posts measured over HTTP, through a real worker, at the sandbox; what it corrects is kept beside what it said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.conftest import People
from tests.publishing.press import Desk

from stakazo.ads.models import AdAccount, AdMetric, Campaign
from stakazo.ads.states import CampaignState
from stakazo.core import postgres
from stakazo.core.actor import new_id
from stakazo.insights import looks
from stakazo.jobs.models import Job
from stakazo.platforms.sandbox.faults import Fault

HOUR = 3600.0


def posted(desk: Desk, platform: str = "instagram", recipe: str = "instagram_reel") -> dict[str, Any]:
    (wanted,) = desk.want(desk.variants(recipe), [desk.channel(platform)], details={"title": "Blue"})
    return desk.until(wanted, "PUBLISHED")


def look(desk: Desk, publication: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask now; every sample there is afterwards, the newest first."""
    job = desk.http.post(f"/publications/{publication['id']}/metrics")
    assert job.status_code == 202, job.text
    desk.eventually(lambda: desk.http.get(f"/jobs/{job.json()['id']}").json()["state"] == "COMPLETED")
    return samples(desk, publication)


def samples(desk: Desk, publication: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    found = desk.http.get(f"/publications/{publication['id']}/metrics", params=query)
    assert found.status_code == 200, found.text
    return list(found.json()["items"])


def looks_to_come(desk: Desk, publication: dict[str, Any]) -> list[datetime]:
    async def find(session: AsyncSession) -> list[datetime]:
        waiting = select(Job.run_at).where(
            Job.type == "measure_publication",
            Job.payload.contains({"publication_id": publication["id"]}),
            Job.run_at.is_not(None),
            Job.finished_at.is_(None),
        )
        return [moment for moment in await session.scalars(waiting) if moment is not None]

    return list(desk.site.within(find))


def test_what_is_published_is_measured_from_then_on(desk: Desk) -> None:
    publication = posted(desk)
    assert samples(desk, publication) == []
    out = datetime.fromisoformat(publication["published_at"])
    assert looks_to_come(desk, publication) == [out + timedelta(minutes=10)]
    desk.world.move_on(2 * 24 * HOUR)
    (found,) = look(desk, publication)
    assert looks_to_come(desk, publication) == [out + timedelta(minutes=10)]  # the same one, not another
    assert found["views"] > 0
    assert found["hold_rate"] == pytest.approx(1 - found["raw"]["reels_skip_rate"] / 100)
    assert found["average_watch"] == pytest.approx(found["raw"]["ig_reels_avg_watch_time"] / 1000)
    assert found["watched_share"] == pytest.approx(found["average_watch"] / 8.0)
    assert (found["follows"], found["completion"], found["retention"]) == (None, None, [])  # nobody says; it isn't 0
    assert (found["restated"], found["told"]) == (False, False)
    assert "publication_measured" in desk.events(publication)


def test_what_is_corrected_is_another_sample_and_the_first_one_stays(desk: Desk) -> None:
    publication = posted(desk)
    desk.world.move_on(30 * 24 * HOUR)
    (first,) = look(desk, publication)
    desk.world.faults.add(Fault("restated_insights", times=1))
    newest, before = look(desk, publication)
    assert before == first
    assert newest["views"] < first["views"]
    assert newest["restated"]
    assert [one["id"] for one in samples(desk, publication, sort="oldest")] == [before["id"], newest["id"]]
    assert samples(desk, publication, since=newest["sampled_at"]) == [newest]
    assert samples(desk, publication, until=newest["sampled_at"]) == [before]
    with psycopg.connect(postgres.conninfo(desk.site.urls.owner), autocommit=True) as owner:
        owner.execute("select set_config('stakazo.workspace', %s, false)", [str(desk.site.workspace_id)])
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute("update post_metrics set views = 1")


def test_a_curve_is_kept_where_a_platform_draws_one(desk: Desk) -> None:
    publication = posted(desk, "youtube", "youtube_short")
    desk.world.move_on(5 * 24 * HOUR)
    (found,) = look(desk, publication)
    curve = found["retention"]
    assert len(curve) > 10
    assert found["completion"] == curve[-1]
    assert min(curve) <= found["hold_rate"] <= max(curve)
    assert found["saves"] is None


def test_a_look_that_failed_is_a_gap_and_not_the_end(desk: Desk) -> None:
    publication = posted(desk)
    desk.world.faults.add(Fault("expired_token", "GET IGMedia/insights", times=1, detail={"subcode": 463}))
    job = desk.http.post(f"/publications/{publication['id']}/metrics").json()["id"]
    desk.eventually(lambda: desk.http.get(f"/jobs/{job}").json()["state"] == "FAILED")
    channel = desk.http.get(f"/channels/{publication['channel_id']}").json()
    assert channel["health"] == "needs_reauth"
    assert len(looks_to_come(desk, publication)) == 1
    assert samples(desk, publication) == []


def test_what_is_gone_is_asked_about_no_more(desk: Desk) -> None:
    publication = posted(desk)
    desk.world.drop(publication["external_id"])
    assert look(desk, publication) == []
    assert "publication_missed" in desk.events(publication)


def test_what_a_person_posted_long_ago_is_looked_at_at_once_and_then_as_its_age_says(desk: Desk) -> None:
    known = posted(desk)
    desk.http.delete(f"/publications/{known['id']}").raise_for_status()
    desk.until(known, "REMOVED")
    media = desk.world.new("IGMedia", **{**_media(desk), "permalink": "https://www.instagram.com/reel/abc/"})
    (variant,) = desk.variants("instagram_reel")
    out = datetime.now(UTC) - timedelta(days=3, hours=1)
    said = {
        "variant_id": variant, "platform": "instagram", "channel_id": known["channel_id"], "external_id": media["id"],
        "published_at": out.isoformat(),
    }  # fmt: skip
    publication = desk.http.post("/confirm_publish", json=said).json()
    desk.eventually(lambda: samples(desk, publication))
    assert samples(desk, publication)[0]["age"] == pytest.approx((3 * 24 + 1) * HOUR, abs=120)
    expected = looks.next_look(out, out + timedelta(days=3, hours=1))
    desk.eventually(lambda: looks_to_come(desk, publication) == [expected])


def _media(desk: Desk) -> dict[str, Any]:
    (owner,) = {one["id"] for one in desk.world.of("IGUser", username="bluenote.sandbox")}
    return {"owner": owner, "caption": "by hand", "media_product_type": "REELS", "media_type": "VIDEO"}


def test_a_clip_has_one_series_over_all_its_posts_and_ads(desk: Desk) -> None:
    variants = desk.variants("instagram_reel", "youtube_short")
    channels = [desk.channel("instagram"), desk.channel("youtube")]
    both = [desk.until(one, "PUBLISHED") for one in desk.want(variants, channels, details={"title": "Blue"})]
    desk.world.move_on(24 * HOUR)
    newest = [look(desk, one)[0] for one in both]
    clip = desk.http.get(f"/variants/{variants[0]}").json()["clip_id"]
    today = datetime.now(UTC).date()

    async def advertise(session: AsyncSession) -> None:
        account = AdAccount(
            id=new_id(), external_id="1", name="b", sandbox=True, token=b"sealed", currency="EUR", time_zone="UTC",
            page_id="2",
        )  # fmt: skip
        session.add(account)
        await session.flush()
        campaign = Campaign(
            id=new_id(), variant_id=variants[0], account_id=account.id, platform="meta", name="b", objective="o",
            state=CampaignState.PAUSED, total_budget=9000, currency="EUR", planned_by="user/ann",
        )  # fmt: skip
        session.add(campaign)
        await session.flush()
        counts = {"impressions": 100, "clicks": 4, "views": 50, "currency": "EUR", "campaign_id": campaign.id}
        for hours, spend in ((2, 400), (1, 380)):  # corrected
            moment = datetime.now(UTC) - timedelta(hours=hours)
            session.add(AdMetric(day=today, sampled_at=moment, spend=spend, **counts))

    desk.site.within(advertise)
    series = desk.http.get(f"/clips/{clip}/series").json()
    assert series["organic"]["views"] == sum(one["views"] for one in newest)
    assert [one["platform"] for one in series["platforms"]] == ["instagram", "youtube"]
    assert series["paid"][0]["spend"] == 380
    assert series["paid"][0]["cost_per_click"] == 95.0
    assert series["points"][-1]["paid"] == series["paid"]
    assert series["points"][-1]["organic"] == series["organic"]
    assert desk.http.get(f"/clips/{clip}/series", params={"time_zone": "Mars"}).status_code == 422


def test_who_may_not_see_what_came_back_does_not(desk: Desk, people: People) -> None:
    publication = posted(desk)
    viewer, analyst = people.join("VIEWER"), people.join("ANALYST")
    path = f"/publications/{publication['id']}/metrics"
    assert viewer.http.get(path).status_code == 403
    assert analyst.http.get(path).status_code == 200
    assert analyst.http.post(path).status_code == 403
