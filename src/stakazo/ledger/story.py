"""The life of one thing, out of the events: what belongs to it, in order, in words, each with its cause. Pure.

For a clip that is: the video it was cut from, the rule that chose it, the jobs that did the work, its own fate, and
what became of it: variants, publications, what was spent and what came back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stakazo.ledger.canonical import Event

CAUSES = frozenset({"job_created", "job_retried", "job_failed", "job_processing_failed", "job_cancelled"})
"""What of a job's own life is part of the story: that it was wanted, and where it went wrong."""
REFERENCES = ("video_id", "clip_id", "variant_id", "rule_id", "publication_id", "campaign_id", "channel_id")
"""Members of an event's data that say what its subject came from, or belongs to."""
PARTS = frozenset({"upload", "import", "clip", "variant", "job"})
"""What has no words but those of the thing that it came from or works on, as posts, campaigns and links have."""
_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a story."""

    event: Event
    says: str
    because: str
    """Who or what made it happen, in words."""
    cause: UUID | None
    """The event that it follows from, where that is part of the story."""


def references(event: Event) -> set[UUID]:
    """The things that an event names beside its subject; a platform's own ids are none of ours."""
    return _named(event.data)


def _named(data: Mapping[str, Any]) -> set[UUID]:
    return _ids(data.get(name) for name in REFERENCES)


def _ids(values: Iterable[Any]) -> set[UUID]:
    return {UUID(value) for value in values if isinstance(value, str) and _OURS.fullmatch(value)}


def belongs(events: Sequence[Event], subject: UUID) -> list[Event]:
    """Those of the events that tell of what the subject came from, of itself, and of what came of it."""
    above, below = defaultdict[UUID, set[UUID]](set), defaultdict[UUID, set[UUID]](set)
    for event in events:
        for named in references(event):
            above[event.subject_id].add(named)
            below[named].add(event.subject_id)
    kin = _reached(subject, above) | _reached(subject, below)
    jobs = {event.causation_id for event in events if event.subject_id in kin}
    return [
        event for event in events if event.subject_id in kin or (event.subject_id in jobs and event.event in CAUSES)
    ]


def parts_of(subject: UUID, told: Iterable[tuple[str, UUID, Mapping[str, Any]]]) -> set[tuple[str, UUID]]:
    """The parts of a thing, and theirs, as kind and id: of a video its clips, their variants, and all their jobs.

    `told` is each event's kind and id of the subject, and its data.
    """
    below, kinds = defaultdict[UUID, set[UUID]](set), defaultdict[UUID, set[str]](set)
    for kind, of, data in told:
        if kind in PARTS:
            kinds[of].add(kind)  # an upload has the id of the video that it becomes
            for named in _named(data) | _ids((data.get("payload") or {}).values()):
                below[named].add(of)
    return {(kind, part) for part in _reached(subject, below) for kind in kinds[part]}


def _reached(start: UUID, edges: Mapping[UUID, set[UUID]]) -> set[UUID]:
    found, ends = {start}, [start]
    while ends:
        new = edges.get(ends.pop(), set()) - found
        found |= new
        ends += new
    return found


def tell(events: Sequence[Event], names: Mapping[str, str]) -> list[Step]:
    """The story, in the order of the events; `names` says what actors (`user/<id>`) are called."""
    wanted = {event.subject_id: event for event in events if event.event == "job_created"}
    rates = {str(event.subject_id): event.data.get("frame_rate") for event in events if event.event == "video_analysed"}
    return [_step(event, wanted, names, rates.get(event.data.get("video_id", ""))) for event in events]


def _step(event: Event, wanted: Mapping[UUID, Event], names: Mapping[str, str], rate: float | None) -> Step:
    begun = wanted.get(event.causation_id) if event.causation_id else None
    actor = f"{event.actor_kind}/{event.actor_id}"
    if event.actor_kind == "job":
        because = f"the job {event.actor_id.partition(':')[0]}"
    elif event.actor_kind == "system":
        because = f"Stakazo itself ({event.actor_id})"
    else:
        because = names.get(actor, {"user": "a person", "api_key": "a program with the key"}[event.actor_kind])
        because += "" if actor in names else f" {event.actor_id}"
    says = sentence(event)
    if rate and event.event == "clip_created":
        says += f", frames {round(rate * event.data['start'])} to {round(rate * event.data['end'])}"
    return Step(event, says, because, begun.id if begun else None)


def sentence(event: Event) -> str:
    """What happened, in words."""
    words = _WORDS.get(event.event)
    try:
        return words(event.data) if words else _plainly(event)
    except (KeyError, TypeError, ValueError):  # an event of another version, which said less
        return _plainly(event)


def _plainly(event: Event) -> str:
    noun, _, verb = event.event.rpartition("_")
    said = ", ".join(f"{name} {value}" for name, value in event.data.items() if isinstance(value, str | int | float))
    return f"{noun.replace('_', ' ').capitalize()} {verb}" + (f": {said}" if said else "")


def clock(seconds: float) -> str:
    """1:02.35."""
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{int(minutes)}:{rest:05.2f}"


def _window(data: Mapping[str, Any]) -> str:
    start, end = data["start"], data["end"]
    return f"{clock(start)} to {clock(end)}, {end - start:.2f} s"


def _uploaded(data: Mapping[str, Any]) -> str:
    return f"The video {data['filename']} was received: {data['size_bytes']:,} bytes, SHA-256 {data['sha256']}"


def _analysed(data: Mapping[str, Any]) -> str:
    tempo = f", {data['tempo']:.1f} beats per minute" if data.get("tempo") else ""
    rate = f", {data['frame_rate']:.6g} frames a second" if data.get("frame_rate") else ""
    return f"It was looked at and listened to: {clock(data['duration'])}{rate}, {data['shots']} shots{tempo}"


def _proposed(data: Mapping[str, Any]) -> str:
    parts = sorted(data.get("score_parts", {}).items(), key=lambda part: -part[1])
    why = ", ".join(name.replace("_", " ") for name, share in parts[:3] if share > 0)
    return f"A clip was proposed: {_window(data)} of the source, rank {data['rank']}, score {data['score']:g} ({why})"


def _rendered(data: Mapping[str, Any]) -> str:
    size = f", {data['width']}x{data['height']}" if data.get("width") else ""
    return f"The variant {data['recipe']} was rendered and verified{size}: {_window(data)}, SHA-256 {data['sha256']}"


def _of_rule(verb: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda data: f"Version {data['version']} of the rule for {data['platform']} was {verb}"


def _of_clip(words: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda data: f"{words} ({_window(data)})"


def _where(data: Mapping[str, Any]) -> str:
    found = data.get("url") or data.get("external_id")
    return f": {found}" if found else ", but which post it is isn't known"


def _money(data: Mapping[str, Any], name: str) -> str:
    return f"{data[name]} {data['currency']} in minor units"


def _isrc(data: Mapping[str, Any]) -> str:
    return f": ISRC {data['isrc']}" if data.get("isrc") else ""


def _measured(data: Mapping[str, Any]) -> str:
    names = ("views", "likes", "comments", "shares", "saves")
    said = ", ".join(f"{data[name]:,} {name}" for name in names if data.get(name) is not None)
    return f"{platform(data)} said of it: {said or 'nothing'}"


def _cost(data: Mapping[str, Any]) -> str:
    brought = ", ".join(f"{data[name]:,} {name}" for name in ("impressions", "views", "clicks", "conversions"))
    return f"Up to then it had cost {_money(data, 'spend')}, and brought {brought}"


def platform(data: Mapping[str, Any]) -> str:
    """The platform of an event, as it writes itself."""
    named = {"tiktok": "TikTok", "youtube": "YouTube"}
    return named.get(data["platform"], str(data["platform"]).capitalize())


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "video_uploaded": _uploaded,
    "upload_completed": lambda _: "All parts of it had arrived",
    "video_analysed": _analysed,
    "video_failed": lambda data: f"The analysis failed: {data['detail']}",
    "video_deleted": lambda data: f"The video was deleted (SHA-256 {data['sha256']})",
    "rule_proposed": _of_rule("proposed"),
    "rule_activated": _of_rule("put into force"),
    "rule_retired": _of_rule("retired"),
    "clip_created": _proposed,
    "clip_accepted": _of_clip("The clip was accepted"),
    "clip_rejected": _of_clip("The clip was rejected"),
    "clip_adjusted": _of_clip("A person moved the ends of the clip"),
    "clip_withdrawn": lambda data: f"The clip was withdrawn: {data['reason']}",
    "clip_deleted": _of_clip("The clip was deleted"),
    "variant_ordered": lambda data: f"The variant {data['recipe']} was ordered",
    "variant_rendered": _rendered,
    "variant_failed": lambda data: f"The variant {data['recipe']} could not be rendered: {data['detail']}",
    "variant_deleted": lambda data: f"The variant {data['recipe']} was deleted",
    "rights_set": lambda data: "The rights to the recording were written down" + _isrc(data),
    "channel_subscribed": lambda data: f"{platform(data)} tells what happens there from now on",
    "channel_subscription_failed": lambda data: f"{platform(data)} doesn't tell what happens there: {data['detail']}",
    "channel_unsubscribed": lambda data: f"{platform(data)} was told to tell nothing more of it",
    "channel_goodbye_failed": lambda data: data["detail"],
    "upload_left": lambda data: data["detail"],
    "upload_discarded": lambda data: f"An upload that was wanted no more was removed from {platform(data)}",
    "channel_connected": lambda data: f"{platform(data)} was connected: {data['name']}",
    "publication_created": lambda data: f"A post on {platform(data)} was planned for {data['due_at'][:16]} UTC",
    "publication_submitted": lambda _: "The draft was handed in",
    "publication_approved": lambda data: f"It was approved ({data['by']}; its author is {data['author']})",
    "publication_changed": lambda data: f"The plan was changed: {', '.join(data['changed'])}",
    "publication_due": lambda _: "Its time came, and it was checked once more",
    "publication_begun": lambda data: f"The upload to {platform(data)} was begun, where nobody sees it",
    "publication_handle_kept": lambda data: (
        f"{platform(data)} has it as {data['handle'] or 'an upload without a name yet'}"
    ),
    "publication_processing": lambda data: f"{platform(data)} works on the file",
    "publication_publishing": lambda data: f"{platform(data)} is asked to make {data['handle']} public",
    "publication_put_off": lambda data: f"{platform(data)} put it off; nothing happened",
    "publication_published": lambda data: f"It is public on {platform(data)}" + _where(data),
    "publication_confirmed": lambda data: f"A person confirmed it on {platform(data)}" + _where(data),
    "publication_checked": lambda data: f"{platform(data)} says that it is there",
    "publication_asked_again": lambda data: f"{platform(data)} was asked again what became of it: {data['said']}",
    "publication_seen": lambda data: f"{platform(data)} says that everybody sees it",
    "publication_hidden": lambda data: f"{platform(data)} told that nobody sees it any more",
    "first_comment_written": lambda data: f"The first comment was written on {platform(data)}",
    "first_comment_looked_for": lambda data: f"The first comment was looked for on {platform(data)}, in vain",
    "first_comment_doubtful": lambda data: data["detail"],
    "first_comment_failed": lambda data: f"The first comment was not written: {data['detail']}",
    "first_comment_wanted_again": lambda _: "The first comment is to be written once more",
    "comment_received": lambda data: f"Somebody commented on {platform(data)}",
    "publication_measured": _measured,
    "publication_missed": lambda data: f"{platform(data)} knows no such post any more",
    "publication_failed": lambda data: f"It was not published: {data['detail']}",
    "publication_needs_human": lambda data: f"A person has to settle it: {data['detail']}",
    "publication_retried": lambda data: "It was begun anew" if data["anew"] else "It was taken up again",
    "publication_cancelled": lambda data: (
        f"{data['looked']} had looked, found nothing, and called it off" if "looked" in data else "It was called off"
    ),
    "publication_appeared": lambda data: data["detail"],
    "publication_removed": lambda data: f"It was taken down from {platform(data)}",
    "campaign_created": lambda data: f"A campaign was planned: at most {_money(data, 'total_budget')}",
    "campaign_launched": lambda data: f"It was made at {platform(data)}, paused: {data['ids']['campaign']}",
    "campaign_approved": lambda data: (
        f"{data['by']} let it run, at most {_money(data, 'total_budget')} (planned by {data['planned_by']})"
    ),
    "campaign_activated": lambda data: f"It runs, as {platform(data)} says",
    "campaign_held": lambda data: f"{data['by']} wants it to rest, whatever rules say",
    "campaign_paused": lambda data: f"It is paused, as {platform(data)} says",
    "campaign_rule_applied": lambda data: f"The rule {data['rule']} decided: {data['action']}",
    "campaign_rule_refused": lambda data: f"The rule {data['rule']} wanted to {data['action']}: {data['refused']}",
    "campaign_rule_undone": lambda data: f"A person took back what the rule {data['rule']} had decided",
    "campaign_drifted": lambda data: data["detail"],
    "campaign_change_refused": lambda data: f"A change was taken back: {data['detail']}",
    "campaign_disapproved": lambda data: f"The review refused it: {data['detail']}",
    "campaign_needs_human": lambda data: f"A person has to settle it: {data['detail']}",
    "campaign_failed": lambda data: f"It was not made: {data['detail']}",
    "campaign_measured": _cost,
    "campaign_completed": lambda _: "Its time is over",
    "campaign_archived": lambda _: "It was put away",
    "job_created": lambda data: f"The job {data['type']} was wanted",
    "job_retried": lambda data: f"The job {data['type']} is tried again",
    "job_processing_failed": lambda data: f"The job {data['type']} failed: {data['detail']}",
    "job_cancelled": lambda data: f"The job {data['type']} was cancelled",
}
