from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from stakazo import media
from stakazo.media.errors import NothingToSee
from stakazo.media.frames import Frame, Watched, watch

Encode = Callable[..., Path]


def all_frames(path: Path) -> tuple[list[Frame], Watched]:
    info = media.probe(path)
    assert info.video
    watched = Watched()
    return list(watch(path, info.video, watched)), watched


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p10le", "yuv444p", "gbrp", "gray"])
def test_small_pictures_show_the_same_whatever_the_format(encode: Encode, tmp_path: Path, pixels: str):
    """Left half black, right half white, orange below: as luma and colour, in each pixel format."""
    colours = (
        "color=black:size=320x180:rate=10:duration=0.5,drawbox=160:0:160:180:white:fill,drawbox=0:90:320:90:orange"
    )
    path = encode(
        *("-f", "lavfi", "-i", f"{colours}:fill", "-c:v", "libx264", "-crf", "1"),
        *("-pix_fmt", pixels if pixels != "gbrp" else "gbrp", tmp_path / "x.mkv"),
    )
    frames, _ = all_frames(path)
    assert len(frames) == 5
    frame = frames[2]
    assert frame.luma.shape == (90, 160)
    assert frame.luma[:40, :75].max() < 8
    assert frame.luma[:40, 85:].min() > 247
    if pixels == "gray":
        assert (frame.chroma == 128).all()
    else:
        blue, red = frame.chroma[:, -1, -1].astype(int)
        assert blue < 90
        assert red > 150
    stream = media.probe(path).video
    assert stream
    picture = frame.upright(stream)
    assert picture.shape == (180, 320, 3)
    if pixels != "gray":
        b, g, r = picture[-10, -10].astype(int)
        assert r > 200 > g > 120 > b


def test_every_frame_comes_once_with_its_exact_time(encode: Encode, tmp_path: Path):
    path = encode(
        *("-f", "lavfi", "-i", "testsrc2=size=96x54:rate=30000/1001:duration=3,select='not(mod(n,3))+gt(n,60)'"),
        *("-fps_mode", "vfr", "-c:v", "libx264", "-bf", "3", tmp_path / "vfr.mp4"),
    )
    frames, _ = all_frames(path)
    with av.open(str(path)) as container:
        truth = [frame.pts for frame in container.decode(video=0) if frame.pts is not None]
        base = container.streams.video[0].time_base
    assert base
    assert [frame.pts for frame in frames] == truth
    assert [frame.time for frame in frames] == pytest.approx([float((pts - truth[0]) * base) for pts in truth])
    assert [frame.index for frame in frames] == list(range(len(truth)))


def test_what_is_broken_in_the_middle_is_left_out(encode: Encode, tmp_path: Path):
    path = encode(
        *("-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25:duration=4,noise=alls=30:allf=t"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", tmp_path / "x.mp4"),
    )
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 20000] = np.random.default_rng(1).bytes(20000)
    path.write_bytes(data)
    frames, watched = all_frames(path)
    assert 70 <= len(frames) <= 100
    assert watched.broken > 0
    assert (np.diff([frame.pts for frame in frames]) > 0).all()


def test_a_turned_picture_is_upright(encode: Encode, tmp_path: Path):
    flat = encode(
        *(
            "-f",
            "lavfi",
            "-i",
            "color=black:size=320x180:rate=10:duration=0.3,drawbox=0:0:320:60:white:fill,setsar=1/2",
        ),
        *("-c:v", "libx264", tmp_path / "flat.mp4"),
    )
    turned = encode("-display_rotation", "-90", "-i", flat, "-c", "copy", tmp_path / "turned.mp4")
    frames, _ = all_frames(turned)
    stream = media.probe(turned).video
    assert stream
    picture = frames[0].upright(stream)
    rows, columns = picture.shape[:2]
    assert columns / rows == pytest.approx(stream.display_width / stream.display_height, rel=0.02)
    assert picture[:, -20:].mean() > 250  # what was at the top is at the right after a turn clockwise
    assert picture[:, :20].mean() < 5


def test_a_stream_without_frames_is_refused(encode: Encode, tmp_path: Path):
    path = encode("-f", "lavfi", "-i", "testsrc2=size=96x54:duration=1", "-c:v", "libx264", tmp_path / "x.mp4")
    stream = media.probe(path).video
    assert stream
    encode("-f", "lavfi", "-i", "sine=440:duration=1", path)  # the file changed in between
    with pytest.raises(NothingToSee):
        list(watch(path, stream, Watched()))


@pytest.mark.media
@pytest.mark.parametrize("name", ["ax-8k24fps_300ms.mp4", "ax-hdr10-av1.mp4", "tree.avi", "mb-no-initial-keyframe.ts"])
def test_odd_real_files(reference_media: Path, name: str):
    path = reference_media / name
    stream = media.probe(path).video
    assert stream
    frames, _ = all_frames(path)
    assert len(frames) == stream.frames
    assert all(max(frame.luma.shape) <= 240 for frame in frames)
    assert np.mean([frame.luma.std() for frame in frames]) > 5
    assert frames[-1].time < stream.duration
