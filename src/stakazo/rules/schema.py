"""What a rule says: the document in `platform_rules.rule`, checked field by field. Pure.

{"clips":  {"min_duration": 8, "target_duration": 20, "max_duration": 35, "min_count": 3, "max_count": 9,
            "max_overlap": 0, "min_difference": 0.15, "weights": {"hook": 3.5}},
 "crop":   {"aggressiveness": 0.5},
 "render": {"loudness": -14, "true_peak": -1, "max_duration": 90, "crf": 18}}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stakazo.core.errors import Invalid
from stakazo.media.choice import WEIGHTS, ClipRules

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipsPart(_Part):
    """How clips are chosen."""

    min_duration: Seconds = Field(default=8.0, ge=1, le=600)
    """Seconds."""
    target_duration: Seconds = Field(default=20.0, ge=1, le=600)
    max_duration: Seconds = Field(default=35.0, ge=1, le=600)
    min_count: int = Field(default=3, ge=1, le=30)
    max_count: int = Field(default=9, ge=1, le=30)
    max_overlap: float = Field(default=0.0, ge=0, le=0.9)
    """The share of a clip that another chosen clip may cover."""
    min_difference: float = Field(default=0.15, ge=0, le=1)
    """0 to 1: chosen clips must look or sound at least this different."""
    weights: dict[str, float] = Field(default_factory=dict)
    """By the name of a signal; a name that is missing keeps its default. 0 leaves a signal out."""

    @field_validator("weights")
    @classmethod
    def _known(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(WEIGHTS))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such signal; there are {', '.join(sorted(WEIGHTS))}")
        absurd = sorted(name for name, weight in weights.items() if not 0 <= weight <= 10)
        if absurd:
            raise ValueError(f"{', '.join(absurd)}: a weight is a number from 0 (left out) to 10")
        if not any(weights.get(name, usual) > 0 for name, usual in WEIGHTS.items()):
            raise ValueError("at least one signal needs a weight above 0")
        return weights

    @model_validator(mode="after")
    def _in_order(self) -> ClipsPart:
        if not self.min_duration <= self.target_duration <= self.max_duration:
            raise ValueError("min_duration <= target_duration <= max_duration must hold")
        if self.min_count > self.max_count:
            raise ValueError("min_count must not be above max_count")
        return self


class CropPart(_Part):
    """How the picture is cut to another shape."""

    aggressiveness: float = Field(default=0.5, ge=0, le=1)
    """0: rather the whole frame over a blurred copy. 1: always a window, even if it loses some of the subject."""


class RenderPart(_Part):
    """How variants are rendered."""

    loudness: float = Field(default=-14.0, ge=-31, le=-6)
    """LUFS, integrated (ITU-R BS.1770)."""
    true_peak: float = Field(default=-1.0, ge=-12, le=0)
    """dBTP that must not be passed."""
    max_duration: Seconds = Field(default=90.0, ge=1, le=3600)
    """Seconds after which a variant ends."""
    crf: int = Field(default=18, ge=10, le=35)
    """x264's constant rate factor: lower is better and bigger."""


class RuleDocument(_Part):
    """Everything that one version of a rule says."""

    clips: ClipsPart = Field(default_factory=ClipsPart)
    crop: CropPart = Field(default_factory=CropPart)
    render: RenderPart = Field(default_factory=RenderPart)

    @model_validator(mode="after")
    def _renderable(self) -> RuleDocument:
        if self.clips.max_duration > self.render.max_duration:
            raise ValueError("clips.max_duration must not be above render.max_duration: clips would be cut off")
        return self


@dataclass(frozen=True, slots=True)
class RenderOverrides:
    """What a rule says about rendering."""

    loudness: float
    """LUFS."""
    true_peak: float
    """dBTP."""
    max_duration: float
    """Seconds."""
    crf: int
    crop_aggressiveness: float
    """0 to 1."""


DEFAULT = "default"
"""The rule that holds where a platform has none, and by which clips for no platform in particular are chosen."""

SEEDS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    # Reels up to 3 min are recommended to non-followers; what is watched to the end is much shorter.
    "instagram": {"clips": {"target_duration": 18.0}},
    # The API's limit for a page's reel is 90 s.
    "facebook": {"clips": {"target_duration": 18.0}},
    # TikTok itself recommends 21 to 34 s.
    "tiktok": {"clips": {"target_duration": 24.0, "weights": {"opening": 2.5}}},
    # Over 60 s any Content ID claim blocks a Short worldwide, and a label's music is always claimed.
    "youtube": {"clips": {"target_duration": 22.0}, "render": {"max_duration": 60.0}},
    # A site of one's own refuses nothing.
    "web": {},
}
"""The first version of every platform's rule, where it differs from the defaults."""


def parse(document: dict[str, Any], platform: str) -> RuleDocument:
    """A checked rule. Raises Invalid with every fault in one sentence each."""
    try:
        return RuleDocument.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(_sentence(fault) for fault in error.errors(include_url=False))
        raise Invalid(f"The rule for {platform} can't be used: {faults}.") from error


def _sentence(fault: Any) -> str:
    where = ".".join(str(step) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        parent: Any = RuleDocument
        for step in fault["loc"][:-1]:
            parent = parent.model_fields[step].annotation
        return f"{where} is unknown; known are {', '.join(parent.model_fields)}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The document with the change's fields in it, level by level."""
    result = dict(base)
    for key, value in change.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def clip_rules(document: dict[str, Any]) -> ClipRules:
    """The rule as the choice of clips takes it."""
    return ClipRules(**RuleDocument.model_validate(document).clips.model_dump())


def render_overrides(document: dict[str, Any]) -> RenderOverrides:
    """The rule as rendering takes it."""
    rule = RuleDocument.model_validate(document)
    return RenderOverrides(**rule.render.model_dump(), crop_aggressiveness=rule.crop.aggressiveness)
