from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from stakazo import media
from stakazo.media.errors import MediaError
from stakazo.media.types import Analysis, Box, Face, Focus


@pytest.fixture
def analysis(film: Callable[..., Analysis]) -> Analysis:
    return film(
        30.0,
        cuts=[4.04, 12.0],
        bpm=120.0,
        faces=[Face(1.0, Box(0.1, 0.2, 0.3, 0.4), 0.93, 2)],
        focus=[Focus(1.0, Box(0.25, 0.25, 0.5, 0.5), 0.7)],
    )


def test_what_was_written_reads_the_same(analysis: Analysis):
    text = json.dumps(media.analysis_to_dict(analysis), allow_nan=False)
    back = media.analysis_from_dict(json.loads(text))
    assert json.dumps(media.analysis_to_dict(back)) == text
    assert back.info == analysis.info
    assert back.pictures
    assert analysis.pictures
    assert back.pictures.shots == analysis.pictures.shots
    assert back.pictures.faces == analysis.pictures.faces
    assert np.allclose(back.pictures.motion.values, analysis.pictures.motion.values, atol=1e-4)
    scale = np.abs(analysis.pictures.fingerprints).max()
    assert np.abs(back.pictures.fingerprints - analysis.pictures.fingerprints).max() <= scale / 127
    assert back.sound
    assert analysis.sound
    assert back.sound.beats == analysis.sound.beats


def test_what_is_missing_stays_missing(film: Callable[..., Analysis]):
    silent = media.analysis_from_dict(media.analysis_to_dict(film(5.0, sound=False)))
    assert silent.sound is None
    song = media.analysis_from_dict(media.analysis_to_dict(film(5.0, pictures=False)))
    assert song.pictures is None
    assert song.info.video is None


def test_facts_alone(analysis: Analysis):
    written = json.loads(json.dumps(media.info_to_dict(analysis.info)))
    assert media.info_from_dict(written) == analysis.info


def test_other_versions_and_shapes_are_refused(analysis: Analysis):
    written = media.analysis_to_dict(analysis)
    with pytest.raises(MediaError, match="version 999"):
        media.analysis_from_dict({**written, "version": 999})
    with pytest.raises(MediaError, match="isn't a written"):
        media.analysis_from_dict({"version": written["version"]})
