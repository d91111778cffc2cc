from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.types import Analysis, Box, Shot, Span, Transition
from stakazo.report.closeup import closeup
from stakazo.report.crops import at_time, diagrams
from stakazo.report.data import ReportClip, ReportData, ReportPost
from stakazo.report.markup import Markup, joined, number, tag
from stakazo.report.posters import poster_of
from stakazo.report.posts import posts_section
from stakazo.report.timeline import GUTTER, WIDTH, described, timeline
from stakazo.report.words import clock, edge, exact_clock, long_clock, sentence, size


def test_markup_escapes_words_and_keeps_markup():
    made = tag(
        "p", "a < b & c", tag("b", "d"), None, ["e", Markup("<i>f</i>")], title='say "hi"', hidden=True, lang=None
    )
    assert made == '<p title="say &quot;hi&quot;" hidden>a &lt; b &amp; c<b>d</b>e<i>f</i></p>'
    assert tag("img", alt="", src="x") == '<img alt="" src="x">'
    assert joined(["<", tag("br")]) == "&lt;<br>"
    assert tag("line", stroke_width=1.5, x1=2.0, class_="a") == '<line stroke-width="1.5" x1="2" class="a"></line>'


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (0.0, "0"), (-0.001, "0"), (1.239, "1.24"), (10.5, "10.5")])
def test_numbers_in_drawings_are_short(value: float, text: str):
    assert number(value) == text


def test_times_and_sizes_read_well():
    assert [clock(one) for one in (0, 59.6, 67.2, 3727)] == ["0:00", "1:00", "1:07", "1:02:07"]
    assert [exact_clock(one) for one in (0, 47.699, 59.999)] == ["0:00.00", "0:47.70", "1:00.00"]
    assert long_clock(3661) == "1 hour 1 minute 1 second"
    assert long_clock(0.2) == "0 seconds"
    assert [size(one) for one in (12, 4_200_000, 240_000_000, 5_100_000_000)] == ["12 B", "4.2 MB", "240 MB", "5.1 GB"]
    assert (edge("bar"), edge("whim")) == ("on the first beat of a bar", "on whim")
    assert [sentence(one) for one in ("no dead stretch", "Why?", " ")] == ["No dead stretch.", "Why?", ""]


def rects(drawing: str, kind: str) -> list[tuple[float, float]]:
    """Where rectangles of a kind start and how wide they are."""
    found = []
    for attributes in re.findall(rf"<rect([^>]*class=\"{kind}\"[^>]*)>", drawing):
        x, width = (re.search(rf' {name}="([^"]+)"', attributes) for name in ("x", "width"))
        assert x is not None
        assert width is not None
        found.append((float(x[1]), float(width[1])))
    return found


def test_things_stand_on_the_timeline_where_they_are_in_the_film(analysis: Analysis, clip: ReportClip):
    drawing = timeline(analysis, (clip,), ())
    scale = (WIDTH - GUTTER) / 60
    assert rects(drawing, "band") == [
        (pytest.approx(GUTTER + 20 * scale, abs=0.01), pytest.approx(16 * scale, abs=0.01))
    ]
    assert rects(drawing, "hook")[0] == (
        pytest.approx(GUTTER + 20 * scale, abs=0.01),
        pytest.approx(8 * scale, abs=0.01),
    )
    assert rects(drawing, "shot")[0][0] == GUTTER
    assert len(rects(drawing, "shot") + rects(drawing, "shot odd")) == 6
    assert drawing.count('class="soft-cut"') == 2
    assert drawing.count('class="drop"') == 1
    assert 'href="#clip-1"' in drawing


def test_a_long_film_with_thousands_of_beats_stays_small(analysis: Analysis):
    assert analysis.sound is not None
    assert analysis.pictures is not None
    beats = tuple(0.5 * one for one in range(14_400))
    curve = replace(analysis.sound.energy, values=np.random.default_rng(1).random(28_800).astype(np.float32))
    shots = tuple(Shot(3.0 * n, 3.0 * n + 3, 0, 0, Transition.CUT) for n in range(2400))
    long = replace(
        analysis,
        info=replace(analysis.info, duration=7200.0),
        sound=replace(analysis.sound, beats=beats, downbeats=beats[::4], energy=curve),
        pictures=replace(analysis.pictures, shots=shots, motion=replace(curve, rate=10.0)),
    )
    drawing = timeline(long, (), ())
    assert 'class="beat"' not in drawing
    assert 'class="downbeat"' in drawing
    assert len(drawing) < 900_000


def test_the_drawing_can_be_heard_too(analysis: Analysis, clip: ReportClip):
    said = described(analysis, (clip,))
    assert said == (
        "Timeline of 1:00; 6 shots; the song's parts intro at 0:00, chorus at 0:20, outro at 0:40; "
        "clip 1 from 0:20 to 0:36."
    )


def test_the_inside_of_a_clip_counts_its_bars_and_cuts(analysis: Analysis):
    drawing = closeup(analysis, Span(20.0, 36.0))
    assert drawing is not None
    assert 'aria-label="Inside the clip: 8 bars and 1 cut"' in drawing
    assert closeup(replace(analysis, sound=None, pictures=None), Span(20.0, 36.0)) is None
    assert closeup(analysis, Span(5.0, 5.0)) is None


def test_the_window_between_two_keys_is_between_them():
    keys = (CropKey(10.0, Box(0.0, 0.0, 0.3, 1.0)), CropKey(20.0, Box(0.4, 0.0, 0.3, 1.0)))
    path = CropPath(Fraction(9, 16), (CropShot(10.0, 20.0, Framing.CROP, keys, ""),))
    for time, x in ((5.0, 0.0), (10.0, 0.0), (12.5, 0.1), (20.0, 0.4), (99.0, 0.4)):
        found = at_time(path, time)
        assert found is not None
        assert found[1].x == pytest.approx(x)
    assert at_time(CropPath(Fraction(1), ()), 1.0) is None


def test_each_different_cut_is_drawn_once_with_what_it_does(clip: ReportClip):
    drawn = diagrams(clip, 16 / 9)
    assert len(drawn) == 2
    assert "<b>Instagram Reel, TikTok</b> (9:16). It follows in 1, shows the whole frame in 1 of 2 shots." in drawn[0]
    assert "<b>Facebook feed</b> (1:1). It holds still in 1, shows the whole frame in 1 of 2 shots." in drawn[1]
    assert drawn[0].count('class="crop-way"') == 1
    assert drawn[1].count('class="crop-way"') == 0
    assert rects(drawn[1], "crop-box") == [(pytest.approx(0.65 * 480), pytest.approx(270, abs=0.5))]


def light(jpeg: bytes | None) -> np.ndarray:
    assert jpeg is not None
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))


def test_a_poster_has_the_variants_shape_and_shows_what_the_crop_shows(clip: ReportClip):
    reel, _, square, wide = clip.variants
    still = replace(clip, thumbnail_time=20.0)
    assert light(poster_of(still, reel)).shape == (480, 270)
    assert light(poster_of(still, reel)).mean() < 60  # the window starts in the dark half
    assert light(poster_of(replace(clip, thumbnail_time=28.0), reel)).mean() > 200  # and ends in the light one
    assert light(poster_of(still, square)).shape == (480, 480)
    assert light(poster_of(still, wide)).shape == (270, 480)
    assert 100 < light(poster_of(still, wide)).mean() < 160
    assert poster_of(replace(clip, thumbnail=None), reel) is None


def test_a_poster_of_a_whole_frame_has_it_in_the_middle_of_its_blur(clip: ReportClip):
    shown = light(poster_of(replace(clip, thumbnail_time=33.0), clip.variants[0]))
    assert shown.shape == (480, 270)
    assert shown[240, 20] < 60
    assert shown[240, 250] > 190
    assert shown[20].max() < 160


def test_posts_say_where_they_are_or_why_not(analysis: Analysis):
    out = ReportPost("Instagram", "bluenote", "Instagram Reel", "2026-11-22 10:00:00 UTC", "https://instagram.test/r/1")
    lost = ReportPost("YouTube", "bluenote", "YouTube Short", "", trouble="The token <is> dead.")
    data = ReportData("Blue", "b.mp4", analysis, (), posts=(out, lost))
    made = str(posts_section(data))
    assert '<a href="https://instagram.test/r/1">' in made
    assert "public in 1 place" in made
    assert "The token &lt;is&gt; dead." in made
    played = str(posts_section(replace(data, sandbox=True)))
    assert ("sandbox" in made, "sandbox" in played) == (False, True)
    assert "https://instagram.test/r/1" in played
    assert "href" not in played
    assert posts_section(replace(data, posts=())) is None
