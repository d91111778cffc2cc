"""The life of one thing, out of the events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from stakazo.ledger.canonical import Event
from stakazo.ledger.story import belongs, parts_of, sentence

WORKSPACE, THREAD = uuid4(), uuid4()


def event(name: str, subject: UUID, **data: Any) -> Event:
    return Event(
        id=uuid4(), workspace_id=WORKSPACE, event=name, subject_type=name.partition("_")[0], subject_id=subject,
        actor_kind="system", actor_id="test", correlation_id=THREAD, causation_id=None,
        time=datetime(2026, 11, 22, tzinfo=UTC), after=None, data=data,
    )  # fmt: skip


def test_a_platforms_own_ids_lead_nowhere() -> None:
    clip, campaign = uuid4(), uuid4()
    events = [
        event("clip_created", clip, video_id="not one of ours"),
        event("campaign_launched", campaign, clip_id=str(clip), campaign_id="17800000000000042"),
        event("campaign_launched", uuid4(), campaign_id="17800000000000042"),
    ]
    assert belongs(events, clip) == events[:2]


def test_platforms_are_called_by_their_names() -> None:
    said = sentence(event("publication_begun", uuid4(), platform="tiktok"))
    assert said == "The upload to TikTok was begun, where nobody sees it"


def test_the_parts_of_a_video_are_its_upload_its_clips_their_variants_and_all_their_jobs() -> None:
    video, clip, variant, other, post, analysis, rendering = (uuid4() for _ in range(7))
    told: list[tuple[str, UUID, dict[str, Any]]] = [
        ("upload", video, {"video_id": str(video)}),
        ("video", video, {"sha256": "ab"}),
        ("job", analysis, {"type": "cut_analysis", "payload": {"video_id": str(video)}}),
        ("clip", clip, {"video_id": str(video), "rule_id": str(uuid4())}),
        ("job", rendering, {"payload": {"clip_id": str(clip)}}),
        ("variant", variant, {"clip_id": str(clip)}),
        ("publication", post, {"variant_id": str(variant)}),
        ("job", uuid4(), {"payload": {"publication_id": str(post)}}),
        ("clip", other, {"video_id": str(uuid4())}),
    ]
    parts = {("clip", clip), ("variant", variant), ("job", rendering)}
    assert parts_of(video, told) == {*parts, ("upload", video), ("job", analysis)}
    assert parts_of(clip, told) == parts
