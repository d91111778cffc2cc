from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stakazo import media
from stakazo.media import models
from stakazo.media.errors import ToolMissing
from stakazo.media.subjects import FocusFinder, Turn, follow, gather
from stakazo.media.types import Box, Face, Shot, Transition


def face(time: float, x: float, y: float = 0.3, size: float = 0.1) -> Face:
    return Face(time, Box(x, y, size, size), 0.9, track=0)


def shot(start: float, end: float) -> Shot:
    return Shot(start, end, round(start * 1000), round(end * 1000), Transition.CUT)


def test_a_face_keeps_its_number_while_it_moves():
    seen = follow([face(0.4 * index, 0.1 + 0.03 * index) for index in range(10)], [shot(0, 10)])
    assert {found.track for found in seen} == {0}


def test_two_faces_that_pass_each_other_get_two_numbers():
    faces = [found for index in range(6) for found in (face(0.4 * index, 0.1), face(0.4 * index, 0.7))]
    tracks = [found.track for found in follow(faces, [shot(0, 10)])]
    assert tracks == [0, 1] * 6


def test_a_number_ends_with_the_shot_and_after_a_gap():
    faces = [face(0.0, 0.4), face(0.4, 0.4), face(0.8, 0.4), face(5.0, 0.4)]
    assert [found.track for found in follow(faces, [shot(0, 0.6), shot(0.6, 10)])] == [0, 0, 1, 2]


def test_a_face_of_another_size_is_another_face():
    faces = [face(0.0, 0.4, size=0.05), replace(face(0.4, 0.3), box=Box(0.2, 0.1, 0.5, 0.6))]
    assert [found.track for found in follow(faces, [shot(0, 10)])] == [0, 1]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_turn_with_the_picture(rotation: int):
    picture = np.zeros((60, 100), np.uint8)
    picture[6:18, 10:40] = 255
    coded = Box(0.1, 0.1, 0.3, 0.2)
    turned = np.rot90(picture, -rotation // 90)
    rows, columns = turned.shape
    box = Turn(rotation).box(coded)
    y, x = np.nonzero(turned)
    assert (box.x, box.y) == pytest.approx((x.min() / columns, y.min() / rows))
    assert (box.width, box.height) == pytest.approx((np.ptp(x) / columns, np.ptp(y) / rows), abs=0.02)


def meadow(shift: int = 0) -> NDArray[np.uint8]:
    random = np.random.default_rng(3)
    wide = cv2.resize(random.uniform(90, 130, (20, 60)).astype(np.float32), (480, 90), interpolation=cv2.INTER_CUBIC)
    return wide[:, shift : shift + 160].astype(np.uint8)


GREY = np.full((2, 45, 80), 128, np.uint8)


def inside(point: tuple[float, float], box: Box) -> bool:
    return box.x <= point[0] <= box.x + box.width and box.y <= point[1] <= box.y + box.height


@pytest.mark.parametrize("x", [15, 80, 140])
def test_focus_is_on_what_stands_out(x: int):
    picture = meadow()
    cv2.circle(picture, (x, 50), 12, 250, -1)
    focus = FocusFinder().find(picture, None, GREY, 0.0, fresh=True)
    assert inside((x / 160, 50 / 90), focus.box)
    assert focus.box.area < 0.25
    assert focus.weight > 0.5


@pytest.mark.parametrize("pan", [0, 6])
def test_focus_is_on_what_moves_even_when_the_camera_moves(pan: int):
    finder = FocusFinder()
    boxes = []
    for index in range(6):
        pair = []
        for moment in (index, index + 1):
            picture = meadow(moment * pan)
            cv2.rectangle(picture, (130 - moment * pan, 5), (150 - moment * pan, 20), 170, -1)  # stands out, but rests
            cv2.circle(picture, (20 + 18 * moment, 60), 7, 40, -1)
            pair.append(picture)
        boxes.append(finder.find(pair[1], pair[0], GREY, index / 3, fresh=index == 0).box)
    centres = [box.centre for box in boxes[2:]]
    assert centres[-1][0] - centres[0][0] > 0.2
    assert all(y > 0.5 for _, y in centres)


def test_nothing_stands_out_of_nothing():
    box, weight = gather(np.zeros((45, 80), np.float32))
    assert box == Box(0, 0, 1, 1)
    assert weight == 0


@pytest.fixture
def yunet() -> Path:
    try:
        return models.locate("yunet")
    except ToolMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.mark.media
@pytest.mark.parametrize("name", ["psychopy-jwpIntro.mp4", "carphone_pristine.mp4"])
def test_a_talking_head_is_one_face_throughout(reference_media: Path, yunet: Path, name: str):
    stream = media.probe(reference_media / name).video
    assert stream
    pictures = media.see(reference_media / name, stream, models=yunet.parent)
    assert {found.track for found in pictures.faces} == {0}
    assert len(pictures.faces) >= 0.9 * len(pictures.focus)
    assert all(0.2 < found.box.centre[0] < 0.65 for found in pictures.faces)


@pytest.mark.media
def test_without_the_model_there_is_a_note_and_no_face(reference_media: Path, tmp_path: Path):
    path = reference_media / "carphone_pristine.mp4"
    stream = media.probe(path).video
    assert stream
    pictures = media.see(path, stream, models=tmp_path)
    assert pictures.faces == ()
    assert any("stakazo models" in note for note in pictures.notes)
    assert pictures.focus
