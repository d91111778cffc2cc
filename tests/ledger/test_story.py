"""The life of one thing, out of the events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from stakazo.ledger.canonical import Event
from stakazo.ledger.story import belongs, sentence

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
