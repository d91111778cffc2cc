"""The statement for an artist, out of the events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from stakazo.ledger.canonical import Event
from stakazo.report.statement import MadeClip, MadeFile, Work

TELLS = (
    "video_uploaded",
    "video_analysed",
    "clip_created",
    "clip_adjusted",
    "clip_accepted",
    "clip_rejected",
    "clip_withdrawn",
    "clip_deleted",
    "variant_rendered",
)
"""The events that a statement is made of."""
_DECISIONS = {"clip_accepted": "accepted", "clip_rejected": "rejected", "clip_deleted": "deleted"}


def works(events: Sequence[Event], names: Mapping[str, str], video: UUID | None = None) -> tuple[Work, ...]:
    """Every video, or one, with what was made of it; `events` in their order, `names` for `user/<id>`."""
    return tuple(
        _work(received, events, names)
        for received in events
        if received.event == "video_uploaded" and video in {None, received.subject_id}
    )


def _work(received: Event, events: Sequence[Event], names: Mapping[str, str]) -> Work:
    data, video = received.data, received.subject_id
    looked_at = [one.data for one in events if one.event == "video_analysed" and one.subject_id == video]
    clips: dict[UUID, list[Event]] = {}
    files: dict[UUID, dict[UUID, MadeFile]] = {}
    for event in events:
        if event.data.get("video_id") != str(video):
            continue
        if event.subject_type == "clip":
            clips.setdefault(event.subject_id, []).append(event)
        elif event.event == "variant_rendered":
            made = files.setdefault(UUID(event.data["clip_id"]), {})
            made[event.subject_id] = _file(event)
    return Work(
        title=data.get("title") or data["filename"],
        filename=data["filename"],
        received_at=when(event=received),
        received_by=who(received, names),
        sha256=data["sha256"],
        size_bytes=data["size_bytes"],
        duration=looked_at[-1]["duration"] if looked_at else None,
        clips=tuple(
            _clip(told, tuple(files.get(clip, {}).values()), names)
            for clip, told in clips.items()
            if told[-1].event != "clip_withdrawn" or clip in files
        ),
    )


def _clip(told: Sequence[Event], files: tuple[MadeFile, ...], names: Mapping[str, str]) -> MadeClip:
    decided = next((event for event in reversed(told) if event.event in _DECISIONS), None)
    return MadeClip(
        start=told[-1].data["start"],
        end=told[-1].data["end"],
        score=next((event.data["score"] for event in told if "score" in event.data), None),
        decision=_DECISIONS[decided.event] if decided else "proposed",
        decided_by=who(decided, names) if decided else "",
        decided_at=when(decided) if decided else "",
        files=files,
    )


def _file(event: Event) -> MadeFile:
    data = event.data
    return MadeFile(
        recipe=data["recipe"],
        platform=data.get("platform", data["recipe"].partition("_")[0]),
        made_at=when(event),
        sha256=data["sha256"],
        shape=f"{data['width']}x{data['height']}" if data.get("width") else "",
    )


def when(event: Event) -> str:
    return f"{event.time:%Y-%m-%d %H:%M} UTC"


def who(event: Event, names: Mapping[str, str]) -> str:
    """A person's name where it is known."""
    said = f"{event.actor_kind}/{event.actor_id}"
    return names.get(said, "Stakazo" if event.actor_kind in {"job", "system"} else said)
