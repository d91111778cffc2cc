"""Render all variants of one clip: measure the sound, run one FFmpeg, look at every file it made."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from stakazo.media import command, ffmpeg
from stakazo.media.child import verify_in_child
from stakazo.media.complaints import spoilt, telling
from stakazo.media.confine import Access, Means
from stakazo.media.crops import mapped
from stakazo.media.errors import Damaged, DiskFull, NotAsOrdered, RenderFailed, ToolMissing
from stakazo.media.plan import Output, RenderPlan, gain_for
from stakazo.media.verify import SILENT, Facts, Order


@dataclass(frozen=True, slots=True)
class Heard:
    """The sound of a span as it is before any gain."""

    integrated: float
    """LUFS; -70 for silence."""
    true_peak: float
    """dBTP."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One variant, made and verified. Its file is still where the plan put it."""

    output: Output
    facts: Facts
    gain: float
    """dB by which the sound was changed."""
    start: float
    """Seconds of the source: the time of the first frame."""
    end: float
    arguments: tuple[str, ...]
    """FFmpeg's, for all variants of the clip, with names in place of paths."""
    ffmpeg_version: str

    @property
    def file(self) -> Path:
        return self.output.file


async def render(
    plan: RenderPlan,
    *,
    progress: Callable[[float], None] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 (the child must be killed first: the caller can't)
    thorough: bool = False,
    means: Means | None = None,
) -> list[Rendered]:
    """Every output of the plan, in the files that it names.

    Whatever goes wrong (a MediaError, a cancellation), none of these files is left behind. `thorough` decodes
    every frame of the results, not the keyframes alone; `means` confine the children in place of this machine's.
    """
    capabilities = await asyncio.to_thread(ffmpeg.capabilities)
    if mapped(plan.video) and not capabilities.tone_mapping:
        raise ToolMissing(
            "This video is made for HDR screens, and this FFmpeg can't map it: it lacks zscale or tonemap."
        )
    plan = _somewhere(plan)
    access = Access(reads=(plan.source,), writes=tuple(output.file for output in plan.outputs))
    try:
        heard = await listen(plan, means)
        gain = gain_for(heard.integrated, heard.true_peak, plan.level) if heard else 0.0
        arguments = command.arguments(plan, gain)
        _make(access.writes)
        ended = await ffmpeg.run(
            arguments, access=access, means=means, duration=plan.duration, progress=progress, timeout=timeout
        )
        audible = heard is not None and heard.integrated + gain > SILENT + 5
        shown = without_paths(arguments, plan)
        orders = [(output.file, ordered(plan, output, audible=audible)) for output in plan.outputs]
        try:
            seen = await verify_in_child(orders, thorough=thorough, means=means, within=orders[0][0].parent)
        except NotAsOrdered as fault:
            if not spoilt(ended.stderr):
                raise
            raise Damaged(f"{fault} FFmpeg says: {telling(ended.stderr)}") from fault
    except Damaged as error:
        _remove(plan.outputs)
        raise Damaged(f"The video is damaged between {plan.start:.1f} and {plan.end:.1f} s. {error}") from error
    except BaseException:
        _remove(plan.outputs)
        raise
    return [
        Rendered(output, facts, gain, plan.start, plan.end, shown, capabilities.version)
        for output, facts in zip(plan.outputs, seen, strict=True)
    ]


def _somewhere(plan: RenderPlan) -> RenderPlan:
    """The same plan for a program that starts in another folder."""
    outputs = tuple(replace(output, file=output.file.absolute()) for output in plan.outputs)
    return replace(plan, source=plan.source.absolute(), outputs=outputs)


def _remove(outputs: Iterable[Output]) -> None:
    for output in outputs:
        output.file.unlink(missing_ok=True)


def _make(files: Iterable[Path]) -> None:
    """Empty files: FFmpeg may write these and make no other."""
    for file in files:
        try:
            file.touch(0o600)
        except OSError as error:
            kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else RenderFailed
            raise kind(f"{file.name} can't be written: {error.strerror}.") from error


def without_paths(arguments: Iterable[str], plan: RenderPlan) -> tuple[str, ...]:
    """The arguments as they may be shown to anyone: the source and the outputs by what they are."""
    names = {command.tee_path(output.file): f"{output.name}.mp4" for output in plan.outputs}
    names |= {f"file:{output.file}": f"{output.name}.mp4" for output in plan.outputs}
    names[f"file:{plan.source}"] = "source"
    found = []
    for argument in arguments:
        for path, name in names.items():
            argument = argument.replace(path, name)  # noqa: PLW2901 (one name after the other)
        found.append(argument)
    return tuple(found)


async def listen(plan: RenderPlan, means: Means | None = None) -> Heard | None:
    """Measure the sound of the plan's span; None when the source has none."""
    if plan.info.audio is None:
        return None
    access = Access(reads=(plan.source.absolute(),))
    result = await ffmpeg.run(command.measuring(plan), access=access, means=means, loglevel="info", timeout=600)
    summary = result.stderr.rpartition("Summary:")[2]
    integrated = re.search(r"I:\s+(-?[\d.]+|-inf|nan) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf|nan) dBFS", summary)
    if not integrated or not peak:
        raise RenderFailed("FFmpeg measured no loudness.")
    return Heard(_decibels(integrated[1], -70.0), _decibels(peak[1], -100.0))


def _decibels(text: str, least: float) -> float:
    return least if text in {"-inf", "nan"} else max(float(text), least)


def ordered(plan: RenderPlan, output: Output, *, audible: bool) -> Order:
    """What the file of an output must be."""
    return Order(
        width=output.width,
        height=output.height,
        rate=plan.rate,
        frames=plan.frames,
        true_peak=plan.level.true_peak if plan.info.audio else None,
        visible=plan.visible,
        audible=audible,
        max_keyframe_distance=output.encoding.gop,
    )
