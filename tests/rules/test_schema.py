from __future__ import annotations

from typing import Any

import pytest

from stakazo.core.errors import Invalid
from stakazo.media.choice import WEIGHTS, ClipRules
from stakazo.rules.schema import DEFAULT, SEEDS, RuleDocument, clip_rules, merged, parse, render_overrides


def test_an_empty_rule_is_the_library_s_defaults():
    assert clip_rules({}) == ClipRules()


@pytest.mark.parametrize("platform", SEEDS)
def test_every_first_version_is_valid(platform: str):
    rule = parse(SEEDS[platform], platform)
    assert rule.clips.max_duration <= rule.render.max_duration


def test_a_rule_reaches_choice_and_rendering():
    document = {
        "clips": {"target_duration": 12, "weights": {"hook": 5}},
        "crop": {"aggressiveness": 0.9},
        "render": {"loudness": -16, "crf": 20, "max_duration": 60},
    }
    rules, render = clip_rules(document), render_overrides(document)
    assert (rules.target_duration, rules.weights) == (12.0, {"hook": 5.0})
    assert (render.loudness, render.crf, render.max_duration, render.crop_aggressiveness) == (-16.0, 20, 60.0, 0.9)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"clips": {"weights": {"vibe": 1}}}, r"clips\.weights: vibe: no such signal; there are .*\bhook\b"),
        ({"clips": {"weights": {"hook": 99}}}, "hook: a weight is a number from 0 .* to 10"),
        ({"clips": {"weights": {"hook": -1}}}, "hook: a weight is a number from 0 .* to 10"),
        ({"clips": {"weights": dict.fromkeys(WEIGHTS, 0)}}, "at least one signal"),
        ({"clips": {"min_duration": 30, "max_duration": 10}}, "min_duration <= target_duration <= max_duration"),
        ({"clips": {"min_count": 9, "max_count": 3}}, "min_count must not be above max_count"),
        ({"clips": {"target_duration": float("nan")}}, "clips.target_duration"),
        ({"clips": {"min_duration": 0}}, "clips.min_duration: .*greater than or equal to 1"),
        ({"clips": {"length": 3}}, r"clips\.length is unknown; known are min_duration"),
        ({"colour": {}}, "colour is unknown; known are clips, crop, render"),
        ({"render": {"crf": 60}}, r"render\.crf: .*less than or equal to 35"),
        ({"render": {"loudness": 3}}, r"render\.loudness"),
        ({"render": {"max_duration": 20}}, "clips would be cut off"),
        ({"crop": {"aggressiveness": "very"}}, r"crop\.aggressiveness"),
        ({"clips": []}, "clips"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(document: dict[str, Any], words: str):
    with pytest.raises(Invalid, match=words):
        parse(document, "tiktok")


def test_all_faults_are_named_at_once():
    with pytest.raises(Invalid, match=r"crf.*; .*aggressiveness|aggressiveness.*; .*crf"):
        parse({"render": {"crf": 1}, "crop": {"aggressiveness": 2}}, DEFAULT)


def test_a_change_keeps_what_it_does_not_name():
    base = {"clips": {"min_duration": 8.0, "weights": {"hook": 3.0, "motion": 1.0}}, "render": {"crf": 18}}
    assert merged(base, {"clips": {"weights": {"hook": 4.0}}}) == {
        "clips": {"min_duration": 8.0, "weights": {"hook": 4.0, "motion": 1.0}},
        "render": {"crf": 18},
    }
    assert base["clips"] == {"min_duration": 8.0, "weights": {"hook": 3.0, "motion": 1.0}}


def test_a_document_survives_its_own_json():
    document = RuleDocument.model_validate(SEEDS["tiktok"]).model_dump(mode="json")
    assert parse(document, "tiktok").model_dump(mode="json") == document
