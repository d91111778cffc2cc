"""Real renderings of the reference videos."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.films import (
    held,
    luma,
    plan,
    shot,
)

from stakazo.media.framing import CropKey, CropPath, Framing
from stakazo.media.plan import Output, RenderPlan
from stakazo.media.probe import probe
from stakazo.media.render import render
from stakazo.media.types import Box, Span

ODD = [
    "VID_20191220_170832.mp4", "ax-8k24fps_300ms.mp4", "ax-hlg10-color-test.mp4", "ax-sample_edit_list.mp4",
    "ax-sample_empty_track.mp4", "ax-sample_with_fake_auxiliary_tracks.mp4", "ax-pixel7_videoOnly_cleaned.mp4",
    "carphone_pristine.mp4", "exo-dolbyVision-hdr.MOV", "exo-portrait_4k60.mp4", "exo-sample_mdat_too_long.mp4",
    "exo-sample_with_colr_mdcv_and_clli.mp4", "mb-cursed-vfr.mp4", "mb-missing-keyframe-labels.ts",
    "mb-no-initial-keyframe.ts", "mb-sar_2x1.mp4", "mb-transparency.webm", "mpy-no_duration.webm",
    "mpy-video_with_failing_audio.mp4", "nasa_13013.mp4", "tree.avi", "vtest.avi", "bigbuckbunny.mp4",
]  # fmt: skip


@pytest.mark.media
@pytest.mark.parametrize("name", ODD)
async def test_odd_sources_become_even_files(reference_media: Path, tmp_path: Path, name: str):
    source = reference_media / name
    info = probe(source)
    end = min(info.duration, 0.8)
    made = replace(plan(source, Span(0, end)), visible=False)
    path = CropPath(Fraction(8, 9), (held(0, end, 0.1),))
    fit = CropPath(Fraction(8, 9), (shot(0, end, CropKey(0, Box(0, 0, 1, 1)), framing=Framing.FIT),))
    outputs = (
        replace(made.outputs[0], file=tmp_path / "crop.mp4", path=path),
        replace(made.outputs[0], file=tmp_path / "fit.mp4", path=fit),
    )
    for result in await render(replace(made, outputs=outputs), thorough=True):
        assert result.facts.duration == pytest.approx(end, abs=1.5 / float(made.rate))


@pytest.mark.media
async def test_a_late_span_of_a_long_film_shows_the_frames_of_its_time(reference_media: Path, tmp_path: Path):
    """Found by seeking; compared with the frame that a plain decode has at that time."""
    source = reference_media / "bbb_full_v5.mp4"
    info = probe(source)
    assert info.video
    start = 320.0
    whole = CropPath(Fraction(16, 9), (shot(start, start + 1, CropKey(start, Box(0, 0, 1, 1))),))
    out = Output("out", 160, 90, whole, tmp_path / "o.mp4")
    (result,) = await render(RenderPlan(source, info, Span(start, start + 1), (out,)))
    with av.open(str(source)) as container:
        stream = container.streams.video[info.video.index]
        first = start + info.video.start
        container.seek(round((first - 2) * 1_000_000))
        decoded = takewhile(lambda frame: frame.time < first + 0.3, container.decode(stream))
        wanted = [
            frame.reformat(160, 90, "gray8", dst_color_range=1).to_ndarray().astype(float)
            for frame in decoded
            if frame.time > first - 0.02
        ]
    shown = [picture.astype(float) for picture in luma(result.file)[:7]]
    for number, picture in enumerate(shown):
        errors = [float(np.abs(picture - other).mean()) for other in wanted]
        assert int(np.argmin(errors)) == number
