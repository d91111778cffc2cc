"""Real renderings of small made films, looked at pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.films import (
    film,
    halves,
    held,
    luma,
    made_by_ffmpeg,
    plan,
    ramp,
    shot,
    where,
    window,
)

from stakazo.media.errors import NotAsOrdered
from stakazo.media.framing import CropKey, CropPath, Framing
from stakazo.media.render import render
from stakazo.media.types import Box, Span


async def test_cuts_and_frames_are_exact(tmp_path: Path):
    """Every frame is told by its grey: the window changes sides exactly where the path says."""
    numbers = [40 + 2 * number for number in range(75)]
    source = film(tmp_path / "in.mp4", [halves(number, 250) for number in numbers])
    cut = 1 + 13 / 25
    made = plan(source, Span(1.0, 2.4), held(1.0, cut, 0.0), held(cut, 2.4, 0.5))
    (result,) = await render(made, thorough=True)
    shown = [float(picture[:, 20:140].mean()) for picture in luma(result.file)]
    assert len(shown) == 35
    expected = [16 + number * 219 / 255 for number in numbers[25 : 25 + 13]] + [16 + 250 * 219 / 255] * 22
    assert shown == pytest.approx(expected, abs=1.0)


async def test_a_moving_window_follows_its_path_without_jitter(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [ramp()] * 50)
    keys = (
        CropKey(0.0, window(0.05)),
        CropKey(0.4, window(0.05)),
        CropKey(1.6, window(0.4)),
        CropKey(2.0, window(0.4)),
    )
    (result,) = await render(plan(source, Span(0, 2), shot(0, 2, *keys)))
    found = np.array([where(picture) for picture in luma(result.file)])
    at = np.arange(50) / 25
    wanted = np.interp(at, [0, 0.4, 1.6, 2], [0.05, 0.05, 0.4, 0.4]) + 0.25
    assert np.abs(found - wanted).max() < 0.01
    steps = np.diff(found[12:38])
    assert steps.min() > 0.5 * steps.mean()
    assert steps.max() < 1.5 * steps.mean()


async def test_crop_and_whole_frame_take_turns_at_their_frames(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(60, 60)] * 40)
    whole = shot(0.4, 1.0, CropKey(0.4, Box(0, 0, 1, 1)), framing=Framing.FIT)
    (result,) = await render(plan(source, Span(0, 1.6), held(0, 0.4), whole, held(1.0, 1.6)), thorough=True)
    top = [float(picture[:20].mean()) for picture in luma(result.file)]
    dark = [value < 60 for value in top]
    assert dark == [False] * 10 + [True] * 15 + [False] * 15
    middle = luma(result.file)[15][90]
    assert float(middle.mean()) == pytest.approx(16 + 60 * 219 / 255, abs=2)


async def test_an_uneven_rate_becomes_an_even_one_and_held_frames_stay_held(tmp_path: Path):
    times = [0, 40, 80, 500, 540, 1400, 1440, 1500]
    source = film(tmp_path / "in.mkv", [halves(30 * n + 20, 30 * n + 20) for n in range(8)], times=times)
    made = plan(source, Span(0, 1.5))
    assert made.video.variable_rate
    assert made.rate == 30
    (result,) = await render(made, thorough=True)
    shown = [round((float(p.mean()) - 16) * 255 / 219) for p in luma(result.file)]
    assert len(shown) == 45
    for frame, value in enumerate(shown):
        last = max(n for n, time in enumerate(times) if time <= frame * 1000 / 30 + 17)
        assert value == pytest.approx(30 * last + 20, abs=3)


async def test_a_turned_picture_with_long_pixels_looks_as_in_a_player(tmp_path: Path):
    """A white square on black, 90 degrees and 2:1 pixels: still a square, at its place."""
    flat = np.full((180, 160), 20, np.uint8)
    flat[20:80, 20:50] = 235
    film(tmp_path / "flat.mp4", [flat] * 10)
    source = await made_by_ffmpeg(
        tmp_path / "in.mp4",
        "-display_rotation 90 -i {flat} -bsf:v h264_metadata=sample_aspect_ratio=2/1 -c copy -aspect 16:9",
        flat=tmp_path / "flat.mp4",
    )
    made = plan(source, Span(0, 0.4))
    video = made.video
    assert (video.rotation, video.display_width, video.display_height) == (270, 180, 320)
    whole = CropPath(Fraction(9, 16), (shot(0, 0.4, CropKey(0, Box(0, 0, 1, 1))),))
    (result,) = await render(replace(made, outputs=(replace(made.outputs[0], width=180, height=320, path=whole),)))
    rows, columns = np.nonzero(luma(result.file)[5] > 120)
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    assert abs(height - 60) <= 3
    assert abs(width - 60) <= 3
    # Turned against the clock, what was left (20 of 160) is now below.
    assert abs(320 - (int(rows.max()) + 1) - 40) <= 3
    assert abs(int(columns.min()) - 20) <= 3


@pytest.mark.parametrize(("space", "full"), [("smpte170m", False), ("bt709", False), ("smpte170m", True)])
async def test_colours_come_out_as_a_player_shows_the_source(tmp_path: Path, space: str, *, full: bool):
    source = await made_by_ffmpeg(
        tmp_path / "in.mp4",
        "-f lavfi -i color=c=0xd04020:s=320x180:d=0.4:r=25,format=gbrp,scale=320:180:out_color_matrix={space}"
        ":out_range={range},format={format},setparams=colorspace={space}:range={range} -c:v libx264 -qp 4",
        space=space,
        range="pc" if full else "tv",
        format="yuvj420p" if full else "yuv420p",
    )
    (result,) = await render(plan(source, Span(0, 0.4)))
    with av.open(str(result.file)) as container:
        frame = next(container.decode(video=0))
        yuv = frame.to_ndarray(format="yuv444p").reshape(3, -1).mean(axis=1)
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)
    y, cb, cr = (yuv[0] - 16) / 219, (yuv[1] - 128) / 224, (yuv[2] - 128) / 224
    red, blue = y + 1.5748 * cr, y + 1.8556 * cb
    green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
    assert [255 * part for part in (red, green, blue)] == pytest.approx([0xD0, 0x40, 0x20], abs=5)


async def test_an_alpha_layer_lies_over_black(tmp_path: Path):
    source = await made_by_ffmpeg(
        tmp_path / "in.mov",
        "-f lavfi -i color=c=white:s=320x180:d=0.4:r=25,format=rgba,geq=r=255:g=255:b=255:a='if(lt(X,160),255,64)'"
        " -c:v png",
    )
    (result,) = await render(plan(source, Span(0, 0.4)))
    picture = luma(result.file)[2]
    assert float(picture[:, :60].mean()) > 230
    assert float(picture[:, 100:].mean()) == pytest.approx(16 + 64 * 219 / 255, abs=4)


async def test_interlaced_frames_become_whole_ones(tmp_path: Path):
    source = await made_by_ffmpeg(
        tmp_path / "in.mkv",
        "-f lavfi -i testsrc2=s=320x180:r=50:d=1,scale=320:180,interlace=scan=tff,format=yuv420p"
        " -c:v libx264 -flags +ildct+ilme -x264-params tff=1:qp=4",
    )
    (result,) = await render(plan(source, Span(0.2, 0.6)))

    def combing(picture: NDArray[np.uint8]) -> float:
        """How much rows differ from both neighbours rather than from those two rows on."""
        rows = picture.astype(np.float64)
        return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())

    kept = np.mean([combing(picture) for picture in luma(result.file)])
    raw = np.mean([combing(picture[:, 80:240]) for picture in luma(source)])
    assert kept < 0.8 * raw


async def test_a_clip_that_fades_in_from_black_is_not_taken_for_black(tmp_path: Path):
    pictures = [halves(0, 0)] * 20 + [halves(120, 120)] * 5
    (result,) = await render(plan(film(tmp_path / "in.mp4", pictures), Span(0, 1)))
    assert result.facts.brightness > 100
    made = plan(film(tmp_path / "black.mp4", pictures[:20]), Span(0, 0.8))
    with pytest.raises(NotAsOrdered, match="black"):
        await render(made)
