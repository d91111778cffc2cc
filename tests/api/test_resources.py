"""Videos, clips, variants, rules and jobs over HTTP: found, changed, removed; always only one's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads.models import AdAccount, AdMetric, Campaign
from stakazo.ads.states import CampaignState
from stakazo.clips import service as clips
from stakazo.core import postgres
from stakazo.core.actor import new_id
from stakazo.core.storage import DiskStorage
from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.platforms.base import Kind
from stakazo.publishing.models import Publication
from stakazo.publishing.states import PublicationState
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant, VariantState

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\0" * 500


def _ready(site: Any, clip_id: UUID) -> None:
    """As a worker would leave a clip's variants."""
    storage = DiskStorage(site.settings.storage_dir)

    async def finish(session: AsyncSession) -> None:
        for variant in await session.scalars(select(ClipVariant).where(ClipVariant.clip_id == clip_id)):
            key = f"{site.workspace_id}/variants/{variant.id}.mp4"
            temporary = storage.temporary()
            temporary.write_bytes(MP4)
            await storage.adopt(temporary, key)
            variant.state, variant.storage_key = VariantState.READY, key
            variant.sha256, variant.size_bytes = "0" * 64, len(MP4)

    site.within(finish)


def test_lists_come_in_pages_that_neither_repeat_nor_skip(client: httpx.Client) -> None:
    made = [client.post("/upload", files={"file": ("a.mp4", MP4 + bytes([n]))}).json()["video"]["id"] for n in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/videos", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [video["id"] for video in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_clips_are_filtered_and_sorted(client: httpx.Client, catalogue: Any) -> None:
    def ids(**query: Any) -> list[str]:
        return [clip["id"] for clip in client.get("/clips", params=query).json()["items"]]

    ranked = [str(clip) for clip in catalogue.clip_ids]
    assert ids(sort="rank", video_id=str(catalogue.video_id)) == ranked
    assert ids(sort="score") == ranked
    assert ids(sort="newest") == ranked[::-1]
    assert ids(min_score=60, sort="rank") == ranked[:2]
    assert ids(video_id=str(uuid4())) == []
    client.post(f"/clips/{ranked[1]}/accept")
    assert ids(state="ACCEPTED") == [ranked[1]]
    assert client.get("/clips", params={"sort": "luck"}).status_code == 422


def test_a_clip_shows_its_score_as_a_sum_with_reasons(client: httpx.Client, catalogue: Any) -> None:
    clip = client.get(catalogue.clip).json()
    parts = clip["score_parts"]
    total = 100 * sum(part["value"] * part["weight"] for part in parts) / sum(part["weight"] for part in parts)
    assert clip["score"] == pytest.approx(total)
    assert clip["reasons"] == ["the hook", "it moves"]


def test_a_clip_is_accepted_rejected_and_moved(client: httpx.Client, catalogue: Any) -> None:
    assert client.post(f"{catalogue.clip}/accept").json()["state"] == "ACCEPTED"
    moved = client.patch(catalogue.clip, json={"end": 9.5}).json()
    assert (moved["start"], moved["end"], moved["starts_on"], moved["ends_on"]) == (0.0, 9.5, "bar", "person")
    for wrong in ({"end": 500.0}, {"start": 9.4}, {"start": -1}, {"end": "NaN"}, {"middle": 3}):
        assert client.patch(catalogue.clip, json=wrong).status_code == 422, wrong
    assert client.post(f"{catalogue.clip}/reject").json()["state"] == "REJECTED"
    assert client.post(f"{catalogue.clip}/variants").status_code == 409


def test_pictures_of_a_clip_are_pictures(client: httpx.Client, catalogue: Any) -> None:
    thumbnail = client.get(f"{catalogue.clip}/thumbnail")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")
    assert client.get(f"{catalogue.clip}/filmstrip").status_code == 404


def test_variants_are_ordered_once(site: Any, client: httpx.Client, catalogue: Any) -> None:
    first = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok", "facebook_feed"]})
    assert first.status_code == 202
    assert [variant["recipe"] for variant in first.json()["variants"]] == ["tiktok", "facebook_feed"]
    job = first.json()["job"]
    assert (job["type"], job["payload"]) == ("generate_variants", {"clip_id": str(catalogue.clip_ids[0])})
    assert {variant["job_id"] for variant in first.json()["variants"]} == {job["id"]}
    again = client.post(f"{catalogue.clip}/variants", json={"recipes": ["facebook_feed", "tiktok"]}).json()
    assert again["job"]["id"] == job["id"]
    _ready(site, catalogue.clip_ids[0])
    done = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()
    assert done["job"] is None
    assert done["variants"][0]["state"] == "READY"
    client.patch(catalogue.clip, json={"end": 9.0})
    changed = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()
    assert changed["job"] is not None
    assert changed["variants"][0]["state"] == "PENDING"


def _begin(site: Any, clip_id: UUID, job_id: str) -> None:
    """As a worker would."""

    async def begin(session: AsyncSession) -> None:
        job = await session.get_one(Job, UUID(job_id))
        job.state, job.attempt = JobState.PROCESSING, 1
        await session.flush()
        await variants.begin(session, await clips.get(session, clip_id), job.id)

    site.within(begin)


def test_a_clip_moved_while_it_is_rendered_is_rendered_anew(site: Any, client: httpx.Client, catalogue: Any) -> None:
    def order() -> Any:
        return client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()

    first = order()
    _begin(site, catalogue.clip_ids[0], first["job"]["id"])
    assert order()["job"]["id"] == first["job"]["id"]
    client.patch(catalogue.clip, json={"end": 9.0})
    second = order()
    assert second["job"]["id"] != first["job"]["id"]
    assert [(one["state"], one["clip_start"], one["clip_end"]) for one in second["variants"]] == [("PENDING", 0.0, 9.0)]
    assert order()["job"]["id"] == second["job"]["id"]

    async def stopped(session: AsyncSession) -> list[bool]:
        jobs = [await session.get_one(Job, UUID(answer["job"]["id"])) for answer in (first, second)]
        return [job.cancel_requested for job in jobs]

    assert site.within(stopped) == [True, False]


def test_an_unknown_recipe_is_refused_with_the_known_ones(client: httpx.Client, catalogue: Any) -> None:
    answer = client.post(f"{catalogue.clip}/variants", json={"recipes": ["myspace"]})
    assert answer.status_code == 422
    assert "tiktok" in answer.json()["detail"]
    assert client.post(f"{catalogue.clip}/variants", json={"recipes": []}).status_code == 422


def test_a_variant_is_found_downloaded_and_removed(site: Any, client: httpx.Client, catalogue: Any) -> None:
    ordered = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok", "landscape"]}).json()["variants"]
    path = f"/variants/{ordered[0]['id']}"
    assert client.get(f"{path}/file").status_code == 409
    _ready(site, catalogue.clip_ids[0])
    found = client.get("/variants", params={"video_id": str(catalogue.video_id), "recipe": "tiktok"}).json()["items"]
    assert [variant["id"] for variant in found] == [ordered[0]["id"]]
    answer = client.get(f"{path}/file", headers={"Range": "bytes=4-7"})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (206, b"ftyp", "video/mp4")
    before = len(site.files)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert len(site.files) == before - 1


def test_a_file_that_two_variants_share_stays_for_the_other(site: Any, client: httpx.Client, catalogue: Any) -> None:
    one, two = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok", "instagram_reel"]}).json()[
        "variants"
    ]
    _ready(site, catalogue.clip_ids[0])

    async def share(session: AsyncSession) -> None:
        shared = await session.get_one(ClipVariant, UUID(one["id"]))
        other = await session.get_one(ClipVariant, UUID(two["id"]))
        other.storage_key = shared.storage_key

    site.within(share)
    assert client.delete(f"/variants/{one['id']}").status_code == 204
    assert client.get(f"/variants/{two['id']}/file").status_code == 200


def test_a_video_goes_with_everything_made_of_it(site: Any, client: httpx.Client, catalogue: Any) -> None:
    client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]})
    _ready(site, catalogue.clip_ids[0])
    assert client.delete(f"/videos/{catalogue.video_id}").status_code == 204
    assert site.files == []
    assert client.get("/clips").json()["items"] == []
    assert client.get("/variants").json()["items"] == []
    assert {job["state"] for job in client.get("/jobs").json()["items"]} == {"CANCELLED"}


def test_a_clip_goes_with_its_files(site: Any, client: httpx.Client, catalogue: Any) -> None:
    client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]})
    _ready(site, catalogue.clip_ids[0])
    waiting = client.post(f"{catalogue.clip}/variants", json={"recipes": ["landscape"]}).json()["job"]
    before = len(site.files)
    assert client.delete(catalogue.clip).status_code == 204
    assert len(site.files) == before - 2
    assert len(client.get("/clips").json()["items"]) == 2
    assert client.get(f"/jobs/{waiting['id']}").json()["state"] == "CANCELLED"


@pytest.mark.parametrize("what", ["clip", "video"])
def test_what_goes_while_its_rendering_ends_waits_for_that(
    site: Any, client: httpx.Client, catalogue: Any, what: str
) -> None:
    """A job's end locks the job and then its variants; whoever went the other way round would wait for ever."""
    job = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()["job"]["id"]
    path = catalogue.clip if what == "clip" else f"/videos/{catalogue.video_id}"
    with psycopg.connect(postgres.conninfo(site.urls.owner)) as worker, ThreadPoolExecutor() as pool:
        worker.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        worker.execute("select from jobs where id = %s for update", [job])
        going = pool.submit(client.delete, path)
        waiting = "select 1 from pg_locks where not granted and transactionid = pg_current_xact_id()::xid"
        while not worker.execute(waiting).fetchone():
            assert not going.done()
        worker.execute("select from clip_variants for update")
        worker.commit()
        assert going.result().status_code == 204


def test_rules_are_proposed_activated_and_retired(client: httpx.Client) -> None:
    active = client.get("/rules").json()["items"]
    assert {rule["state"] for rule in active} == {"ACTIVE"}
    platform = active[0]["platform"]
    wrong = client.post("/rules", json={"platform": platform, "rule": {"clips": {"min_duration": "long"}}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    made = client.post("/rules", json={"platform": platform, "rule": {}, "evidence": {"why": "a test"}})
    assert made.status_code == 201
    again = client.post("/rules", json={"platform": platform, "rule": {}, "evidence": {"why": "a test"}})
    assert (again.status_code, again.json()) == (200, made.json())
    rule = made.json()
    assert (rule["state"], rule["version"]) == ("PROPOSED", active[0]["version"] + 1)
    assert client.post(f"/rules/{rule['id']}/activate").json()["state"] == "ACTIVE"
    assert client.get(f"/rules/{active[0]['id']}").json()["state"] == "RETIRED"
    assert len(client.get("/rules").json()["items"]) == len(active)


def test_a_job_is_started_found_and_cancelled(client: httpx.Client, catalogue: Any) -> None:
    wanted = {"type": "propose_clips", "video_id": str(catalogue.video_id)}
    job = client.post("/jobs", json=wanted).json()
    assert client.post("/jobs", json=wanted).json()["id"] == job["id"]
    assert client.get(f"/jobs/{job['id']}").json()["type"] == "propose_clips"

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in client.get("/jobs", params=query).json()["items"]]

    assert found(type="propose_clips") == [job["id"]]
    assert len(found(video_id=str(catalogue.video_id))) == 2
    assert found(state=["RETRY", "FAILED"]) == []
    assert found(correlation_id=job["correlation_id"]) == [job["id"]]
    assert client.post(f"/jobs/{job['id']}/cancel").json()["state"] == "CANCELLED"
    assert client.post(f"/jobs/{job['id']}/cancel").status_code == 200
    assert client.post(f"/jobs/{job['id']}/retry").json()["state"] in {"PENDING", "RETRY"}
    assert client.post("/jobs", json=wanted | {"video_id": str(uuid4())}).status_code == 404


def test_one_key_never_gives_the_job_of_another_video(client: httpx.Client) -> None:
    """A key in a header belongs to the request it came with."""
    answers = []
    for number in range(2):
        uploaded = client.post("/upload", files={"file": ("a.mp4", MP4 + bytes([number]))}).json()
        client.post(f"/jobs/{uploaded['job']['id']}/cancel")
        wanted = {"type": "cut_analysis", "video_id": uploaded["video"]["id"]}
        answers.append(client.post("/jobs", json=wanted, headers={"Idempotency-Key": "mine"}))
    assert [answer.status_code for answer in answers] == [202, 422]
    assert answers[1].json()["code"] == "idempotency_key_reused"


def test_a_job_is_run_by_hand_and_says_why_it_failed(client: httpx.Client) -> None:
    """The file begins like an MP4 and isn't one: the real analysis has to say so."""
    uploaded = client.post("/upload", files={"file": ("broken.mp4", MP4)}).json()
    ran = client.post(f"/jobs/{uploaded['job']['id']}/process", timeout=60).json()["job"]
    assert ran["state"] == "FAILED"
    assert ran["error"]["retryable"] is False
    assert ran["error"]["detail"]
    video = client.get(f"/videos/{uploaded['video']['id']}").json()
    assert (video["state"], video["error"]["code"]) == ("FAILED", ran["error"]["code"])
    assert client.get(f"/videos/{uploaded['video']['id']}/analysis").status_code == 409
    assert client.post("/jobs/process").json() == {"job": None}


def test_a_worker_whose_storage_lacks_the_file_says_which_and_where(site: Any, client: httpx.Client) -> None:
    """As one on another machine does that doesn't share it; another one may have it."""
    uploaded = client.post("/upload", files={"file": ("a.mp4", MP4)}).json()
    for file in site.files:
        file.unlink()
    ran = client.post(f"/jobs/{uploaded['job']['id']}/process", timeout=60).json()["job"]
    assert (ran["state"], ran["error"]["code"]) == ("RETRY", "file_missing")
    assert uploaded["video"]["id"] in ran["error"]["detail"]
    assert str(site.settings.storage_dir) in ran["error"]["detail"]


def test_nobody_sees_what_is_anothers(site: Any, client: httpx.Client, catalogue: Any) -> None:
    job = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()["job"]["id"]
    variant = client.get("/variants").json()["items"][0]["id"]
    rule = client.get("/rules").json()["items"][0]["id"]
    with site.house.site().client() as stranger:
        for path in ("/videos", "/clips", "/variants", "/jobs", "/debug/ledger/recent"):
            assert stranger.get(path).json()["items"] == [], path
        for path in (
            f"/videos/{catalogue.video_id}",
            f"/videos/{catalogue.video_id}/source",
            catalogue.clip,
            f"{catalogue.clip}/thumbnail",
            f"/variants/{variant}",
            f"/jobs/{job}",
            f"/rules/{rule}",
        ):
            assert stranger.get(path).status_code == 404, path
        for method, path in (
            ("delete", f"/videos/{catalogue.video_id}"),
            ("post", f"/jobs/{job}/cancel"),
            ("post", f"{catalogue.clip}/accept"),
            ("delete", f"/variants/{variant}"),
            ("post", f"/rules/{rule}/retire"),
        ):
            assert stranger.request(method, path).status_code == 404, path
    assert client.get(f"/jobs/{job}").json()["state"] == "PENDING"


def test_what_was_published_stays_and_the_workspace_can_end_with_it(
    site: Any, people: Any, client: httpx.Client, catalogue: Any
) -> None:
    ordered = client.post(f"{catalogue.clip}/variants", json={"recipes": ["tiktok"]}).json()
    variant = ordered["variants"][0]["id"]

    async def advertise(session: AsyncSession) -> None:
        campaign = new_id()
        whose = {"variant_id": UUID(variant), "platform": "tiktok"}
        money = {"total_budget": 100, "currency": "EUR"}
        posted = {
            "kind": Kind.VIDEO,
            "by_hand": True,
            "author": "user/ann",
            "intent_key": "k",
            "due_at": datetime.now(UTC),
        }
        session.add(Publication(**whose, **posted, state=PublicationState.PUBLISHED, published_at=datetime.now(UTC)))
        account = AdAccount(id=new_id(), external_id="1", name="Blue", sandbox=True, token=b"sealed", currency="EUR",
                            time_zone="UTC", page_id="2")  # fmt: skip
        session.add(account)
        await session.flush()
        planned = {"account_id": account.id, "planned_by": "user/ann", "state": CampaignState.PAUSED}
        session.add(Campaign(**whose, **money, **planned, id=campaign, name="Blue", objective="views"))
        await session.flush()
        counted = dict.fromkeys(("impressions", "clicks", "views", "spend"), 1)
        day, now = date(2026, 11, 22), datetime.now(UTC)
        session.add(AdMetric(campaign_id=campaign, day=day, sampled_at=now, currency="EUR", **counted))

    site.within(advertise)
    for path in (f"/variants/{variant}", catalogue.clip, f"/videos/{catalogue.video_id}"):
        refused = client.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict"), path
        assert client.get(path).status_code == 200
    owner = people.join("OWNER")
    ended = owner.http.delete(f"/workspaces/{site.workspace_id}", params={"name": "Blue Note"})
    assert ended.status_code == 204
    with psycopg.connect(postgres.conninfo(site.urls.owner)) as connection:
        connection.execute("select set_config('stakazo.workspace', %s, true)", [str(site.workspace_id)])
        for table in ("publications", "campaigns", "ad_metrics", "clip_variants", "video_assets"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,), table
        with pytest.raises(psycopg.errors.RestrictViolation):  # and nobody else may change what was measured
            connection.execute("delete from ad_metrics")
