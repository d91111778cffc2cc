"""Every reference file, the broken ones too, ends in an analysis or in a clear refusal; never in a crash or a hang."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from stakazo.media.errors import Unreadable
from stakazo.media.types import Analysis

BROKEN = {
    "corrupt/clusterfuzz-testcase-minimized-mp4-6093954524250112",
    "corrupt/invalid_userdata.mp4",
    "corrupt/zero_empty_stsc.mp4",
}
ONLY_SOUND = {"mb-glitch-hop-is-dead.wav", "mb-multiple-aac-tracks.mp4", "mb-toothsome-dts.mp4"}
LONG = {"bbb_full_v5.mp4"}
"""Left to the bench: what it ends in is shown there."""
FILES = [
    "VID_20191220_170832.mp4",
    "ax-8k24fps_300ms.mp4",
    "ax-bbb_642x642_768kbps_30fps_vp9.webm",
    "ax-hdr10-av1.mp4",
    "ax-hlg10-color-test.mp4",
    "ax-internal_emulator_transformer_output_270_rotated.mp4",
    "ax-pixel7_videoOnly_cleaned.mp4",
    "ax-sample_edit_list.mp4",
    "ax-sample_empty_track.mp4",
    "ax-sample_with_chapters.mp4",
    "ax-sample_with_fake_auxiliary_tracks.mp4",
    "ax-trim_optimization_failure.mp4",
    "bbb_1min_720p30.mp4",
    "bigbuckbunny.mp4",
    "bikes.mp4",
    "carphone_pristine.mp4",
    "corrupt/clusterfuzz-testcase-minimized-mp4-6093954524250112",
    "corrupt/invalid_userdata.mp4",
    "corrupt/no_timescale.mp4",
    "corrupt/zero_empty_stsc.mp4",
    "exo-dolbyVision-hdr.MOV",
    "exo-hdr10-video-with-sdr-container.mp4",
    "exo-portrait_4k60.mp4",
    "exo-sample_mdat_too_long.mp4",
    "exo-sample_with_colr_mdcv_and_clli.mp4",
    "gradio-world.mp4",
    "mb-cursed-vfr.mp4",
    "mb-glitch-hop-is-dead.wav",
    "mb-missing-keyframe-labels.ts",
    "mb-multiple-aac-tracks.mp4",
    "mb-no-initial-keyframe.ts",
    "mb-rotate-buck-bunny.mp4",
    "mb-sar_2x1.mp4",
    "mb-toothsome-dts.mp4",
    "mb-transparency.webm",
    "movie-hello.mp4",
    "mpy-chaplin.mp4",
    "mpy-no_duration.webm",
    "mpy-smpte-2997.mp4",
    "mpy-video_with_failing_audio.mp4",
    "nasa_13013.mp4",
    "psychopy-jwpIntro.mp4",
    "tree.avi",
    "vtest.avi",
    "bbb_full_v5.mp4",
]


@pytest.mark.media
def test_the_list_is_complete(reference_media: Path):
    there = {str(path.relative_to(reference_media)) for path in reference_media.rglob("*") if path.is_file()}
    assert there - {"manifest.csv"} == set(FILES)


@pytest.mark.media
@pytest.mark.parametrize("name", [name for name in FILES if name not in LONG])
def test_every_file(analysed: Callable[[str], Analysis], name: str):
    if name in BROKEN:
        with pytest.raises(Unreadable, match=Path(name).name):
            analysed(name)
        return
    analysis = analysed(name)
    check(analysis)
    assert (analysis.pictures is None) == (name in ONLY_SOUND)


def check(analysis: Analysis) -> None:
    """What holds for every analysis."""
    assert analysis.duration > 0
    assert analysis.pictures or analysis.sound
    if pictures := analysis.pictures:
        shots = pictures.shots
        assert shots[0].start == 0
        assert all(one.end == other.start for one, other in pairwise(shots))
        assert all(shot.start < shot.end for shot in shots)
        assert shots[-1].end == pytest.approx(analysis.duration, abs=0.05)
        assert all(face.box.x >= 0 and face.box.x + face.box.width <= 1 + 1e-6 for face in pictures.faces)
        assert all(focus.box.y >= 0 and focus.box.y + focus.box.height <= 1 + 1e-6 for focus in pictures.focus)
