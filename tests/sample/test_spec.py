from __future__ import annotations

import pytest

from stakazo.sample import BadSpec, FormPart, Spec


def test_the_demos_song_has_every_part_in_ninety_seconds():
    parts = Spec().parts()
    assert [part.label for part in parts] == [
        "intro", "verse", "chorus", "break", "build", "drop", "chorus", "outro",
    ]  # fmt: skip
    assert sum(part.bars for part in parts) == 45


@pytest.mark.parametrize("duration", [1.5, 4, 7, 12, 20, 33, 61, 90, 200, 600])
@pytest.mark.parametrize("tempo", [60, 122, 174])
def test_a_form_fills_the_bars_there_are(duration: float, tempo: float):
    spec = Spec(duration=duration, tempo=tempo)
    bars = max(1, int((spec.length - spec.lead_in) / spec.bar + 1e-6))
    parts = spec.parts()
    assert sum(part.bars for part in parts) == bars
    assert all(part.bars >= 1 for part in parts)


def test_a_form_of_ones_own_is_played_as_far_as_it_goes():
    form = (FormPart("intro", 2), FormPart("drop", 2), FormPart("outro", 2))
    assert Spec(duration=30, form=form).parts() == form
    short = Spec(duration=7, tempo=120, lead_in=0, form=form).parts()
    assert short == (FormPart("intro", 2), FormPart("drop", 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": 0.2},
        {"tempo": 10},
        {"width": 321},
        {"fps": 1},
        {"lead_in": 90.0},
        {"form": (FormPart("bridge", 4),)},
        {"form": (FormPart("verse", 0),)},
    ],
)
def test_what_cant_be_made_is_refused_in_a_sentence(wrong: dict):
    with pytest.raises(BadSpec, match=r"\w+ \w+"):
        Spec(**wrong)
