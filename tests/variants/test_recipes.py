from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stakazo.core.errors import Invalid
from stakazo.media.errors import NothingToSee
from stakazo.media.types import Analysis, Curve, MediaInfo, Pictures, Shot, Span, Transition, VideoStream
from stakazo.rules.schema import SEEDS, parse, render_overrides
from stakazo.variants import recipes
from stakazo.variants.recipes import DEFAULTS, RECIPES

SPECS = Path(__file__).resolve().parents[3] / "shared" / "platform_specs.json"
NAMES = {
    "instagram_reel": "instagram_reels",
    "tiktok": "tiktok_organic",
    "youtube_short": "youtube_shorts",
    "instagram_feed": "instagram_reels",  # a single feed video becomes a Reel
}


@pytest.fixture
def analysis() -> Analysis:
    even = Curve(4.0, np.full(800, 0.4, np.float32))
    video = VideoStream(
        *(0, "h264", 1280, 720, 0, Fraction(1), 1280, 720, "yuv420p", 8), has_alpha=False, frame_rate=Fraction(25),
        variable_rate=False, frames=5000, duration=200.0, start=0.0, time_base=Fraction(1, 12800),
        hdr=None, color_primaries=None, color_transfer=None, color_space=None, color_range=None,
    )  # fmt: skip
    shot = Shot(0.0, 200.0, 0, 2560000, Transition.START)
    pictures = Pictures((shot,), even, even, even, even, (), (), np.zeros((1, 1), np.float32))
    return Analysis(MediaInfo("mov,mp4", 1, 200.0, video, None, (), ()), pictures, None)


def files(*names: str) -> dict[str, Path]:
    return {name: Path(f"/out/{name}.mp4") for name in names or RECIPES}


# --- what there is ------------------------------------------------------------------------------------------


def test_recipes_are_named_after_themselves_and_have_even_sizes():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.width % 2 == recipe.height % 2 == 0
        assert recipe.min_duration < recipe.max_duration
    sizes = {name: (recipe.width, recipe.height) for name, recipe in RECIPES.items()}
    assert sizes == {
        "instagram_reel": (1080, 1920),
        "tiktok": (1080, 1920),
        "youtube_short": (1080, 1920),
        "facebook_feed": (1080, 1080),
        "instagram_feed": (1080, 1350),
        "landscape": (1920, 1080),
    }


@pytest.mark.parametrize("name", NAMES)
def test_recipes_keep_the_platforms_limits(name: str):
    if not SPECS.exists():
        pytest.skip("the platforms' limits (../shared/platform_specs.json) are not on this machine")
    spec = json.loads(SPECS.read_text())["platforms"][NAMES[name]]
    recipe = RECIPES[name]
    scale = {"MB": 1e6, "GB": 1e9}
    size = spec["file"]["size_max"]
    assert recipe.max_size <= size["value"] * scale[size["unit"]]
    duration = spec["duration"]
    most = next(
        duration[key]["value"] for key in ("max_for_recommendation", "max_all_creators", "max") if key in duration
    )
    assert recipe.max_duration <= most
    assert recipe.min_duration >= duration.get("min", {"value": 0})["value"]
    limit = spec["file"].get("video_bitrate_max", {"value": 25})["value"] * 1000
    assert limit > recipes.PEAK_BITRATE
    sound = spec["file"].get("audio_bitrate", spec["file"].get("audio_bitrate_stereo", {"value": 192}))["value"]
    assert recipe.audio_bitrate == sound


def test_every_platform_of_a_recipe_has_a_rule_or_the_default():
    known = set(SEEDS)
    assert set(recipes.platforms(RECIPES.values())) <= known


def test_recipes_are_chosen_by_name_in_their_order():
    assert [recipe.name for recipe in recipes.chosen(["tiktok", "instagram_reel"])] == ["instagram_reel", "tiktok"]
    assert len(recipes.chosen(None)) == len(RECIPES)
    assert recipes.chosen([]) == []
    with pytest.raises(Invalid, match=r"no recipe vine; there are instagram_reel, "):
        recipes.chosen(["vine", "tiktok"])


def test_the_defaults_are_what_an_empty_rule_says():
    assert render_overrides(parse({}, "default").model_dump()) == DEFAULTS


# --- plans --------------------------------------------------------------------------------------------------


def test_all_variants_of_a_clip_are_one_plan_and_equal_pixels_one_group(analysis: Analysis):
    (plan,) = recipes.plans(Path("/in.mp4"), analysis, Span(10, 30), files())
    assert [output.name for output in plan.outputs] == list(RECIPES)
    assert [[output.name for output in group] for group in plan.groups] == [
        ["instagram_reel", "tiktok", "youtube_short"],
        ["facebook_feed"],
        ["instagram_feed"],
        ["landscape"],
    ]
    assert plan.span == Span(10, 30)
    assert plan.outputs[0].file == Path("/out/instagram_reel.mp4")
    assert [output.audio_bitrate for output in plan.groups[0]] == [128, 192, 384]
    assert plan.visible


def test_the_seeded_rules_keep_it_at_one_plan(analysis: Analysis):
    rules = {platform: render_overrides(parse(rule, platform).model_dump()) for platform, rule in SEEDS.items()}
    assert len(recipes.plans(Path("/in.mp4"), analysis, Span(10, 40), files(), rules)) == 1


def test_a_rule_changes_quality_loudness_length_and_framing_of_its_platform(analysis: Analysis):
    rule = replace(DEFAULTS, crf=25, loudness=-16.0, max_duration=12.0, crop_aggressiveness=0.0)
    plans = recipes.plans(Path("/in.mp4"), analysis, Span(10, 30), files("tiktok", "instagram_reel"), {"tiktok": rule})
    reel, tiktok = plans
    assert (reel.span.end, tiktok.span.end) == (30, 22)
    assert (reel.level.target, tiktok.level.target) == (-14.0, -16.0)
    assert tiktok.outputs[0].encoding.crf == 25
    assert {shot.framing.value for shot in tiktok.outputs[0].path.shots} == {"fit"}
    assert {shot.framing.value for shot in reel.outputs[0].path.shots} == {"crop"}


def test_a_clip_longer_than_a_platform_takes_ends_there(analysis: Analysis):
    rule = replace(DEFAULTS, max_duration=500.0)
    everywhere = dict.fromkeys(("instagram", "web"), rule)
    plans = recipes.plans(Path("/in.mp4"), analysis, Span(0, 200), files("instagram_reel", "landscape"), everywhere)
    assert [plan.span.duration for plan in plans] == [180, 200]


def test_a_long_clip_stays_below_the_size_limit():
    reel = RECIPES["instagram_reel"]
    assert recipes.peak_bitrate(reel, 30) == recipes.PEAK_BITRATE
    long = recipes.peak_bitrate(reel, 900)
    assert (long + reel.audio_bitrate) * 1000 / 8 * 900 < reel.max_size


def test_a_sound_file_has_no_variants(analysis: Analysis):
    song = Analysis(replace(analysis.info, video=None), None, None)
    with pytest.raises(NothingToSee):
        recipes.plans(Path("/in.wav"), song, Span(0, 10), files())


def test_what_a_platform_would_refuse_is_said():
    reel = RECIPES["instagram_reel"]
    assert recipes.warnings(reel, duration=20, size=10_000_000) == []
    assert recipes.warnings(reel, duration=1.5, size=1) == [
        "Instagram Reel takes files from 3 s on; this one lasts 1.5 s."
    ]
    assert len(recipes.warnings(reel, duration=200, size=400_000_000)) == 2
