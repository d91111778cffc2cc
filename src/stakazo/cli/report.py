"""The report of one run: what was found and made, as the page wants it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from stakazo import __version__, media
from stakazo.cli.aftermath import Aftermath, money
from stakazo.cli.client import Row
from stakazo.cli.outward import Refused
from stakazo.cli.story import Done
from stakazo.cli.verification import LEDGER, how_to_verify, verified
from stakazo.media import thumbnails
from stakazo.media.choice import Part, Score
from stakazo.media.framing import path_from_dict
from stakazo.media.moment import best_time
from stakazo.media.timeline import Timeline
from stakazo.media.types import Analysis, Span
from stakazo.platforms.base import Platform
from stakazo.report.data import ReportClip, ReportData, ReportPost, ReportProof, ReportVariant, Still
from stakazo.report.page import write_report
from stakazo.variants.recipes import RECIPES

ON_THE_WAY = {
    "job_created",
    "variant_ordered",
    "rule_proposed",
    "channel_connected",
    "publication_created",
    "publication_due",
    "publication_handle_kept",
    "publication_processing",
    "publication_publishing",
}
"""Events that are left out of the page's short story; `stakazo ledger trace` tells them too."""
MOST_STILLS = 72
STILL_HEIGHT = 90
"""Pixels."""


def write(path: Path, done: Done, source: Path, comparison: Sequence[str] = ()) -> None:
    """Write the page at `path`; its films lie beside it."""
    analysis = media.analysis_from_dict(done.analysis)
    write_report(path, _data(path.parent, done, analysis, source, tuple(comparison)))


def _data(folder: Path, done: Done, analysis: Analysis, source: Path, comparison: tuple[str, ...]) -> ReportData:
    timeline = Timeline(analysis)
    return ReportData(
        title=done.video["title"],
        filename=done.video["filename"],
        analysis=analysis,
        clips=tuple(_clip(folder, clip, done, timeline) for clip in done.clips),
        stills=_stills(source, analysis),
        comparison=comparison,
        versions=_versions(done),
        timings=tuple(done.seconds.items()),
        notes=_warnings(done),
        made_at=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        posts=(*(_post(post, done) for post in done.posts), *map(_refused, done.refused)),
        after=_after(done.after) if done.after else (),
        sandbox=any(post["sandbox"] for post in done.posts + [one.channel for one in done.refused]),
        proof=_proof(folder / LEDGER, done) if done.life else None,
    )


def _proof(ledger: Path, done: Done) -> ReportProof | None:
    """The ledger that lies beside the page, as the verifier finds it."""
    key, kept = ledger.with_suffix(".pub"), ledger.with_suffix(".checkpoint")
    found = verified(ledger, str(key), [kept])
    if found.fault is not None:
        return None
    return ReportProof(
        origin=found.origin,
        events=found.events,
        checkpoints=found.checkpoints,
        size=found.size,
        root=found.root.hex(),
        key=found.key,
        command=how_to_verify(Path(ledger.name)),
        files=(
            (ledger.name, "is the ledger: one event a line, with its hashes and every signed checkpoint"),
            (kept.name, "is the newest signed checkpoint: keep it where nobody who has the ledger can reach it"),
            (key.name, "is the public key"),
        ),
        story=tuple(
            (_moment(step["time"]), step["says"], step["because"])
            for step in done.life
            if step["event"] not in ON_THE_WAY
        ),
    )


def _clip(folder: Path, clip: Row, done: Done, timeline: Timeline) -> ReportClip:
    return ReportClip(
        rank=clip["rank"],
        start=clip["start"],
        end=clip["end"],
        starts_on=clip["starts_on"],
        ends_on=clip["ends_on"],
        score=Score(tuple(Part(**part) for part in clip["score_parts"])),
        reasons=tuple(clip["reasons"]),
        thumbnail=Path(clip["thumbnail"]).read_bytes(),
        thumbnail_time=best_time(timeline, Span(clip["start"], clip["end"])),
        filmstrip=Path(clip["filmstrip"]).read_bytes(),
        variants=tuple(_variant(folder, variant) for variant in clip["variants"]),
        failures=tuple(done.failures_of(clip["id"])),
    )


def _variant(folder: Path, variant: Row) -> ReportVariant:
    return ReportVariant(
        name=variant["recipe"],
        label=RECIPES[variant["recipe"]].label,
        platform=variant["platform"],
        file=Path(variant["path"]).relative_to(folder).as_posix(),
        width=variant["width"],
        height=variant["height"],
        size=variant["size_bytes"],
        duration=variant["duration"],
        fps=variant["fps"],
        video_codec=variant["video_codec"],
        audio_codec=variant["audio_codec"],
        loudness=variant["loudness"],
        true_peak=variant["true_peak"],
        crop=path_from_dict(variant["render"]["crop"]),
    )


def _post(post: Row, done: Done) -> ReportPost:
    recipe = next(one["recipe"] for clip in done.clips for one in clip["variants"] if one["id"] == post["variant_id"])
    out = post["state"] == "PUBLISHED"
    trouble: Row = post["error"] or {}
    return ReportPost(
        platform=Platform(post["platform"]).label,
        account=post["account"],
        label=RECIPES[recipe].label,
        published_at=_moment(post["published_at"]) if out else "",
        url=post["url"],
        brought=_numbers(done.after.posts[post["id"]]) if out and done.after else "",
        trouble="" if out else str(trouble.get("detail") or post["state"]),
    )


def _refused(one: Refused) -> ReportPost:
    channel = one.channel
    label = RECIPES[one.variant["recipe"]].label
    return ReportPost(Platform(channel["platform"]).label, channel["name"], label, "", trouble=one.because)


def _numbers(row: Row) -> str:
    names = ("views", "likes", "comments", "shares", "saves")
    said = [f"{row[name]:,} {name}" for name in names if row[name] is not None]
    held = [f"{100 * row['hold_rate']:.0f} % held after three seconds"] if row["hold_rate"] is not None else []
    return ", ".join(said + held)


def _after(after: Aftermath) -> tuple[tuple[str, str], ...]:
    campaign, spent = after.campaign, after.spent
    if campaign is None:
        return ()
    at_most = money(campaign["total_budget"], campaign["currency"])
    found = [("Campaign", f"{campaign['name']}: {campaign['state'].lower()}, at most {at_most} in all")]
    if spent:
        brought = f"{spent['impressions']:,} impressions, {spent['views']:,} views, {spent['clicks']:,} clicks"
        found.append(("What it brought", f"{brought} for {money(spent['spend'], spent['currency'])}"))
    if after.heard:
        found.append(("In the inbox", f"{after.heard['author']} asks: {after.heard['text']}"))
    return tuple(found)


def _moment(text: str) -> str:
    return text[:19].replace("T", " ") + " UTC"


def _stills(source: Path, analysis: Analysis) -> tuple[Still, ...]:
    """A frame from the middle of each shot; of a film with many shots, evenly chosen ones."""
    if analysis.pictures is None:
        return ()
    middles = [(shot.start + shot.end) / 2 for shot in analysis.pictures.shots]
    step = max(1, -(-len(middles) // MOST_STILLS))
    times = middles[step // 2 :: step] or middles
    frames = thumbnails.extract_frames(source, times, height=STILL_HEIGHT, info=analysis.info)
    return tuple(Still(time, frame) for time, frame in zip(times, frames, strict=True))


def _versions(done: Done) -> tuple[tuple[str, str], ...]:
    found = {"Stakazo": __version__}
    for variant in (variant for clip in done.clips for variant in clip["variants"]):
        found["FFmpeg"] = variant["render"]["ffmpeg"]["version"]
    found |= {f"Rule {rule['platform']}": f"version {rule['version']}" for rule in done.rules}
    return tuple(found.items())


def _warnings(done: Done) -> tuple[str, ...]:
    """What the platforms would say, each sentence once."""
    said = (
        warning
        for clip in done.clips
        for variant in clip["variants"]
        for warning in variant["render"].get("warnings", [])
    )
    return tuple(dict.fromkeys(said))
