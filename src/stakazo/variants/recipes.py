"""What each platform wants of a file, and how a clip is rendered for it. Pure.

The limits are those of the platforms' own pages as of 2026-11; what a platform merely recommends is a default here
and can be changed by a rule, what it refuses is a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stakazo.core.errors import Invalid
from stakazo.media.errors import NothingToSee
from stakazo.media.framing import CropPath
from stakazo.media.plan import Encoding, Level, Output, RenderPlan, visible
from stakazo.media.types import Analysis, Span
from stakazo.rules.schema import RenderOverrides

PEAK_BITRATE = 12_000
"""kbit/s. YouTube recommends 8 to 12 Mbit/s for 1080 lines, Instagram refuses more than 25: all take this, so that
one picture serves them all."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One platform's format."""

    name: str
    platform: str
    """Whose rule holds: a name of `platform_rules`."""
    label: str
    """For a person."""
    width: int
    height: int
    audio_bitrate: int
    """kbit/s."""
    min_duration: float
    """Seconds below which the platform refuses the file."""
    max_duration: float
    """Seconds above which the platform refuses the file, or shows it to hardly anyone."""
    max_size: int
    """Bytes."""

    @property
    def aspect(self) -> Fraction:
        return Fraction(self.width, self.height)


_ALL = (
    Recipe("instagram_reel", "instagram", "Instagram Reel", 1080, 1920, 128, 3, 180, 300_000_000),
    Recipe("tiktok", "tiktok", "TikTok", 1080, 1920, 192, 3, 180, 4_000_000_000),
    Recipe("youtube_short", "youtube", "YouTube Short", 1080, 1920, 384, 1, 180, 256_000_000_000),
    Recipe("facebook_feed", "facebook", "Facebook feed", 1080, 1080, 192, 3, 14_400, 10_000_000_000),
    Recipe("instagram_feed", "instagram", "Instagram feed", 1080, 1350, 128, 3, 180, 300_000_000),
    Recipe("landscape", "web", "Landscape 16:9", 1920, 1080, 384, 1, 43_200, 256_000_000_000),
)
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}
"""By name, in the order in which people are shown them."""

DEFAULTS = RenderOverrides(loudness=-14.0, true_peak=-1.0, max_duration=90.0, crf=18, crop_aggressiveness=0.5)
"""What holds where no rule says anything."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant before it is rendered."""

    recipe: str
    platform: str
    width: int
    height: int
    duration: float
    """Seconds."""
    loudness: float
    """LUFS."""
    warnings: list[str]


def chosen(names: Iterable[str] | None = None) -> list[Recipe]:
    """The recipes of these names, in their usual order; all of them for None. Raises Invalid."""
    if names is None:
        return list(RECIPES.values())
    wanted = set(names)
    unknown = sorted(wanted - set(RECIPES))
    if unknown:
        raise Invalid(f"There is no recipe {', '.join(unknown)}; there are {', '.join(RECIPES)}.")
    return [recipe for recipe in RECIPES.values() if recipe.name in wanted]


def platforms(recipes: Iterable[Recipe]) -> list[str]:
    """The platforms whose rules are needed for these recipes."""
    return sorted({recipe.platform for recipe in recipes})


def plans(
    source: Path,
    analysis: Analysis,
    span: Span,
    files: Mapping[str, Path],
    overrides: Mapping[str, RenderOverrides] | None = None,
) -> tuple[RenderPlan, ...]:
    """How to render a clip into `files` (by recipe), under each platform's rule.

    One plan, that is one FFmpeg process, for all of them, unless rules ask for another length or loudness on one
    platform than on another. Raises NothingToSee, Invalid.
    """
    from stakazo.media.reframe import reframe  # noqa: PLC0415 - numpy and scipy, which nobody needs who only orders

    if analysis.info.video is None:
        raise NothingToSee("There are no pictures to render: this is a sound file.")
    rules = {recipe.name: (overrides or {}).get(recipe.platform, DEFAULTS) for recipe in chosen(files)}
    paths: dict[tuple[Fraction, float], CropPath] = {}
    outputs: dict[tuple[float, Level], list[Output]] = {}
    for recipe in chosen(files):
        rule = rules[recipe.name]
        duration = planned(recipe, span.duration, rule).duration
        framed = recipe.aspect, rule.crop_aggressiveness
        if framed not in paths:
            paths[framed] = reframe(analysis, span, recipe.aspect, aggressiveness=rule.crop_aggressiveness)
        output = Output(
            name=recipe.name,
            width=recipe.width,
            height=recipe.height,
            path=paths[framed],
            file=files[recipe.name],
            encoding=Encoding(crf=rule.crf, max_bitrate=peak_bitrate(recipe, duration)),
            audio_bitrate=recipe.audio_bitrate,
        )
        level = Level(target=rule.loudness, true_peak=rule.true_peak)
        outputs.setdefault((duration, level), []).append(output)
    return tuple(
        RenderPlan(
            source=source,
            info=analysis.info,
            span=Span(span.start, span.start + duration),
            outputs=tuple(found),
            level=level,
            visible=visible(analysis, Span(span.start, span.start + duration)),
        )
        for (duration, level), found in outputs.items()
    )


def planned(recipe: Recipe, duration: float, rule: RenderOverrides) -> Planned:
    """What a clip of so many seconds will be as this variant."""
    lasts = min(duration, rule.max_duration, recipe.max_duration)
    return Planned(
        recipe=recipe.name,
        platform=recipe.platform,
        width=recipe.width,
        height=recipe.height,
        duration=lasts,
        loudness=rule.loudness,
        warnings=warnings(recipe, duration=lasts, size=0),
    )


def peak_bitrate(recipe: Recipe, duration: float) -> int:
    """kbit/s of pictures with which even a clip of nothing but peaks stays below the platform's size limit."""
    most = recipe.max_size * 8 / 1000 / max(duration, 1.0) * 0.97 - recipe.audio_bitrate
    return int(min(PEAK_BITRATE, most))


def warnings(recipe: Recipe, *, duration: float, size: int) -> list[str]:
    """What a person should know before publishing: limits of the platform that the finished file doesn't meet."""
    found = []
    if duration < recipe.min_duration:
        found.append(f"{recipe.label} takes files from {recipe.min_duration:g} s on; this one lasts {duration:.1f} s.")
    if duration > recipe.max_duration + 0.1:
        found.append(f"{recipe.label} takes up to {recipe.max_duration:g} s; this one lasts {duration:.1f} s.")
    if size > recipe.max_size:
        found.append(f"{recipe.label} takes up to {recipe.max_size / 1e6:.0f} MB; this one has {size / 1e6:.0f} MB.")
    return found
