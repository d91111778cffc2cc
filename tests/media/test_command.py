from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.media.command import arguments, measuring
from stakazo.media.crops import Move, expression, runs
from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.plan import Encoding, Level, Output, RenderPlan, gain_for, output_rate, snap
from stakazo.media.types import Analysis, AudioStream, Box, Hdr, Span, VideoStream

Film = Callable[..., Analysis]
VERTICAL = Fraction(9, 16)
WIDTH = 81 / 256
STEREO = AudioStream(1, "aac", 44100, 2, "stereo", 10.0, 0.0, decodable=True)


def hold(start: float, end: float, x: float = 0.3, framing: Framing = Framing.CROP) -> CropShot:
    box = Box(x, 0.0, WIDTH, 1.0) if framing is Framing.CROP else Box(0, 0, 1, 1)
    return CropShot(start, end, framing, (CropKey(start, box),), "Because.")


def move(start: float, end: float, x: float, to: float) -> CropShot:
    keys = (CropKey(start, Box(x, 0.0, WIDTH, 1.0)), CropKey(end, Box(to, 0.0, WIDTH, 1.0)))
    return CropShot(start, end, Framing.CROP, keys, "Because.")


def output(name: str, path: CropPath | None = None, width: int = 1080, height: int = 1920, sound: int = 192) -> Output:
    path = path or CropPath(VERTICAL, (hold(0, 10),))
    return Output(name, width, height, path, Path(f"/out/{name}.mp4"), audio_bitrate=sound)


@pytest.fixture
def plan(film: Film) -> RenderPlan:
    info = replace(film(10.0).info, audio=STEREO, container="mov,mp4,m4a")
    return RenderPlan(Path("/in/a film.mp4"), info, Span(2.0, 6.0), (output("reel"),))


def with_video(plan: RenderPlan, **changes: object) -> RenderPlan:
    return replace(plan, info=replace(plan.info, video=replace(plan.video, **changes)))  # type: ignore[arg-type]


def after(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


def graph(plan: RenderPlan) -> str:
    return after(arguments(plan), "-filter_complex")


# --- one process --------------------------------------------------------------------------------------------


def test_one_source_is_opened_once_and_only_as_what_was_probed(plan: RenderPlan):
    argv = arguments(replace(plan, outputs=(output("reel"), output("square", width=1080, height=1080))))
    assert argv.count("-i") == 1
    assert after(argv, "-i") == "file:/in/a film.mp4"
    assert after(argv, "-format_whitelist") == "mov,mp4,m4a"
    assert after(argv, "-protocol_whitelist") == "file"
    assert argv.index("-f") < argv.index("-i")
    assert after(argv, "-f") == "mov"
    assert after(argv, "-max_pixels") == str(8192 * 8192)


def test_variants_with_the_same_pixels_share_one_encoder_and_keep_their_own_sound(plan: RenderPlan):
    same = (output("reel", sound=128), output("tiktok"), output("short", sound=384), output("copy", sound=128))
    argv = arguments(replace(plan, outputs=(*same, output("square", width=1080, height=1080))))
    assert argv.count("libx264") == 2
    assert "split=2" in graph(replace(plan, outputs=(*same, output("square", width=1080, height=1080))))
    tee = argv[argv.index("tee") + 2]
    files = tee.split("|")
    assert [file.rpartition("]")[2] for file in files] == [
        f"file:/out/{name}.mp4" for name in ("reel", "tiktok", "short", "copy")
    ]
    assert [file[file.index("a:") + 2] for file in files] == ["0", "1", "2", "0"]
    assert [after(argv, f"-b:a:{number}") for number in range(3)] == ["128k", "192k", "384k"]


def test_another_path_quality_or_size_is_another_picture(plan: RenderPlan):
    other = CropPath(VERTICAL, (hold(0, 10, 0.5),))
    better = replace(output("better"), encoding=Encoding(crf=12))
    outputs = (output("a"), output("b", other), better, output("small", width=540, height=960))
    assert [len(group) for group in replace(plan, outputs=outputs).groups] == [1, 1, 1, 1]


def test_a_strange_path_keeps_its_signs(plan: RenderPlan):
    one = replace(output("a"), file=Path("/o'ut|[1] x\\y/a.mp4"))
    tee = arguments(replace(plan, outputs=(one, output("b"))))[-1]
    assert r"]file:/o\'ut\|\[1\]\ x\\y/a.mp4|[" in tee


def test_files_are_what_platforms_ask_for(plan: RenderPlan):
    argv = arguments(plan)
    assert after(argv, "-profile:v") == "high"
    assert after(argv, "-g") == "50"
    assert "+cgop" in after(argv, "-flags:v")
    assert "+faststart" in after(argv, "-movflags")
    assert after(argv, "-use_editlist") == "0"
    assert after(argv, "-map_metadata") == after(argv, "-map_chapters") == "-1"
    assert "format=yuv420p,setsar=1,setparams=color_primaries=bt709" in graph(plan)


# --- what is read -------------------------------------------------------------------------------------------


def test_a_late_span_is_sought_a_little_before_and_an_early_one_read_from_the_start(plan: RenderPlan):
    assert "-ss" not in arguments(plan)
    late = replace(with_video(plan, start=1.5), span=Span(60.0, 64.0))
    assert after(arguments(late), "-ss") == "58.5"
    assert "start_time=61.5" in graph(late)
    assert "atrim=start=61.5:end=65.5" in graph(late)


def test_the_sound_of_a_silent_source_is_silence(plan: RenderPlan):
    silent = replace(plan, info=replace(plan.info, audio=None))
    assert "anullsrc=r=48000:cl=stereo,atrim=end=4" in graph(silent)


def test_measuring_hears_what_is_rendered(plan: RenderPlan):
    heard = after(measuring(plan), "-filter_complex")
    sound = next(chain for chain in graph(plan).split(";") if "atrim" in chain)
    assert sound.startswith(heard[: heard.index(",ebur128")])


def test_gain_stands_in_the_graph(plan: RenderPlan):
    assert "volume=-3.25dB" in after(arguments(plan, -3.25), "-filter_complex")
    assert "volume" not in graph(plan)


def test_hdr_is_mapped_once_before_the_split_and_sdr_never(plan: RenderPlan):
    assert "tonemap" not in graph(plan)
    hdr = with_video(plan, hdr=Hdr.PQ, color_primaries="bt2020", width=3840, height=2160)
    made = graph(replace(hdr, outputs=(output("a"), output("b", width=540, height=960))))
    assert made.count("tonemap") == 1
    assert made.index("tonemap") < made.index("split=2")
    assert "tin=smpte2084" in made
    assert "zscale=w=3414:h=1920:" in made
    assert "color_matrix" not in made
    wide_gamut = graph(with_video(plan, color_primaries="bt2020", color_space="bt2020nc"))
    assert "tin=bt709:pin=bt2020" in wide_gamut
    assert "tonemap" not in wide_gamut


def test_an_alpha_layer_is_decoded_and_laid_over_black(plan: RenderPlan):
    clear = with_video(plan, codec="vp9", has_alpha=True)
    assert after(arguments(clear), "-c:v") == "libvpx-vp9"
    assert "format=gbrap,premultiply=inplace=1,format=gbrp" in graph(clear)
    assert "-c:v" not in measuring(clear)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"color_space": "smpte170m"}, "in_color_matrix=smpte170m:in_range=limited:"),
        ({"color_space": "bt709"}, None),
        ({"color_space": None}, None),
        (
            {"color_space": None, "display_width": 640, "display_height": 480},
            "in_color_matrix=smpte170m:in_range=limited:",
        ),
        ({"color_range": "pc"}, "in_color_matrix=bt709:in_range=full:"),
        ({"pixel_format": "yuvj420p"}, "in_color_matrix=bt709:in_range=full:"),
        ({"pixel_format": "rgb24", "color_space": "gbr"}, "scale=out_color_matrix=bt709:"),
    ],
)
def test_colours_are_brought_to_bt709_once_where_they_are_not(
    plan: RenderPlan, changes: dict[str, object], expected: str | None
):
    two = replace(plan, outputs=(output("a"), output("b", width=540, height=960)))
    made = graph(with_video(two, **changes))
    if expected is None:
        assert "color_matrix" not in made
    else:
        assert expected in made[: made.index("split=2")]
        assert made.count("out_color_matrix=bt709:out_range=limited") == 1


# --- rates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "variable", "expected"),
    [
        ("24", False, "24"),
        ("30000/1001", False, "30000/1001"),
        ("23.98", False, "24000/1001"),
        ("10", False, "30"),
        ("15", False, "30"),
        ("12", False, "24"),
        ("120", False, "60"),
        ("119.88", False, "60000/1001"),
        ("240", False, "60"),
        ("27", False, "30000/1001"),
        ("29.87", False, "30000/1001"),
        ("41.67", False, "48"),
        ("29.2", True, "30000/1001"),
        ("24.4", True, "24"),
        ("7.2", True, "30"),
        ("90", True, "60"),
        ("0", False, "30"),
    ],
)
def test_the_rate_is_one_that_platforms_take(plan: RenderPlan, rate: str, expected: str, *, variable: bool):
    video = with_video(plan, frame_rate=Fraction(rate), variable_rate=variable).video
    assert output_rate(video) == Fraction(expected)


@given(rate=st.fractions(Fraction(1, 10), 1000), variable=st.booleans())
def test_every_rate_becomes_one_between_23_and_60(rate: Fraction, *, variable: bool):
    video = VideoStream(
        *(0, "h264", 64, 64, 0, Fraction(1), 64, 64, "yuv420p", 8), has_alpha=False, frame_rate=rate,
        variable_rate=variable, frames=1, duration=1.0, start=0.0, time_base=Fraction(1, 1000),
        hdr=None, color_primaries=None, color_transfer=None, color_space=None, color_range=None,
    )  # fmt: skip
    assert Fraction("22.9") <= output_rate(video) <= 60
    assert snap(3.0, video) == pytest.approx(3.0, abs=0.51 / float(rate))


def test_ends_are_on_frames(plan: RenderPlan):
    cut = replace(plan, span=Span(2.013, 6.005))
    assert cut.start == pytest.approx(2.0)
    assert (cut.frames, cut.duration) == (100, 4.0)
    free = with_video(cut, variable_rate=True)
    assert free.start == 2.013


# --- loudness -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("integrated", "true_peak", "expected"),
    [
        (-8.0, 0.5, -6.0),  # a loud master is turned down
        (-20.0, -12.0, 6.0),  # a quiet one up
        (-20.0, -3.0, 1.5),  # as far as its peaks allow
        (-14.0, 0.0, -1.5),  # and down where they don't
        (-45.0, -40.0, 20.0),  # noise is not made music
        (-70.0, -90.0, 0.0),  # silence stays silent
    ],
)
def test_one_gain_reaches_the_level_without_passing_the_peak(integrated: float, true_peak: float, expected: float):
    assert gain_for(integrated, true_peak, Level()) == pytest.approx(expected)


# --- the window's way ---------------------------------------------------------------------------------------


def evaluate(text: str, n: int) -> float:
    """FFmpeg's expression, read by Python."""
    python = {"__builtins__": {}, "when": lambda test, one, other: one if test else other, "lt": lambda a, b: a < b}
    text = text.replace("if(", "when(").replace("floor(", "int(")
    return float(eval(text, python, {"n": n, "int": math.floor, "min": min}))


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 900), st.floats(-5, 5)), min_size=1, max_size=40))
def test_an_expression_says_what_its_moves_say(steps: list[tuple[int, float, float]]):
    moves, first = [], 0
    for length, value, slope in steps:
        moves.append(Move(first, value, slope))
        first += length
    text = expression(moves)
    assert text.count("(") < 6 * len(moves) + 1
    for number, one in enumerate(moves):
        last = moves[number + 1].first - 1 if number + 1 < len(moves) else one.first + 5
        for n in (one.first, last):
            assert evaluate(text, n) == pytest.approx(one.value + one.slope * (n - one.first), abs=0.01)


def test_a_held_window_is_cut_at_even_pixels(plan: RenderPlan):
    assert "crop=404:720:384:0,scale=1080:1920:flags=lanczos" in graph(plan)


def test_cuts_are_on_their_frames(plan: RenderPlan):
    path = CropPath(VERTICAL, (hold(0, 3.0, 0.1), hold(3.0, 4.2, 0.5), hold(4.2, 10, 0.2)))
    (run,) = runs(path, plan)
    assert [(one.first, one.slope) for one in run.x] == [(0, 0.0), (25, 0.0), (55, 0.0)]
    assert "'if(lt(n,25),128,if(lt(n,55),640,256))'" in graph(replace(plan, outputs=(output("reel", path),)))


def test_every_frame_is_in_one_run(plan: RenderPlan):
    fit = Framing.FIT
    path = CropPath(VERTICAL, (hold(0, 3), hold(3, 3.5, 0, fit), hold(3.5, 3.501), hold(3.51, 5, 0, fit), hold(5, 9)))
    found = runs(path, plan)
    assert [(run.first, run.last, run.framing.value) for run in found] == [
        (0, 25, "crop"),
        (25, 75, "fit"),
        (75, 100, "crop"),
    ]
    made = graph(replace(plan, outputs=(output("reel", path),)))
    assert "trim=start_frame=25:end_frame=75" in made
    assert "concat=n=3:v=1:a=0[v0]" in made


def test_a_move_is_smooth_to_the_output_pixel(plan: RenderPlan):
    made = replace(plan, outputs=(output("reel", CropPath(VERTICAL, (move(2.0, 6.0, 0.1, 0.4),))),))
    chain = next(chain for chain in graph(made).split(";") if chain.startswith("[0:0]") is False and "crop" in chain)
    wide = chain.split("crop=")[1].split("'")[1], chain.split("crop=")[2].split("'")[1]
    ratio = 1080 / 404
    for n in range(100):
        coarse, fine = evaluate(wide[0], n), evaluate(wide[1], n)
        true = (0.1 + 0.3 * n / 100) * 1280
        assert coarse % 2 == 0
        assert 0 <= fine <= 4 * ratio + 1
        assert coarse + fine / ratio == pytest.approx(true, abs=0.01)


def test_a_turned_picture_is_cut_as_it_is_seen(plan: RenderPlan):
    turned = with_video(plan, rotation=90, display_width=720, display_height=1280)
    whole = CropPath(VERTICAL, (CropShot(0, 10, Framing.CROP, (CropKey(0, Box(0, 0, 1, 1)),), "Because."),))
    assert "crop=720:1280:0:0" in graph(replace(turned, outputs=(output("reel", whole),)))


def test_the_whole_frame_is_laid_over_its_blurred_self(plan: RenderPlan):
    path = CropPath(VERTICAL, (hold(0, 10, framing=Framing.FIT),))
    made = graph(replace(plan, outputs=(output("reel", path),)))
    assert "scale=1080:608:flags=lanczos" in made
    assert "crop=404:720" in made
    assert "gblur" in made
    assert "overlay" in made


def test_sound_that_may_be_no_number_is_made_one(plan: RenderPlan):
    assert "aeval" not in graph(plan)
    raw = replace(plan, info=replace(plan.info, audio=replace(STEREO, codec="pcm_f32le")))
    assert "aeval=exprs='if(isnan(val(ch)),0,clip(val(ch),-16,16))':c=same,aresample" in graph(raw)
