from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stakazo import media
from stakazo.media.errors import TooBig, Unreadable
from stakazo.media.opening import Limits
from stakazo.media.probe import displayed, rate_of, varies
from stakazo.media.types import Hdr

Encode = Callable[..., Path]


@pytest.fixture(scope="module")
def small(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("probe") / "small.mp4"
    return encode(
        *("-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25:duration=2"),
        *("-f", "lavfi", "-i", "sine=440:duration=2", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", path),
    )


def test_facts_of_a_plain_file(small: Path):
    info = media.probe(small)
    assert info.video
    assert info.audio
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 192, 108)
    assert info.video.frame_rate == 25
    assert info.video.frames == 50
    assert not info.video.variable_rate
    assert info.duration == pytest.approx(2.0, abs=1e-3)
    assert info.audio.decodable
    assert info.audio.duration == pytest.approx(2.0, abs=0.05)
    assert info.size == small.stat().st_size
    assert info.notes == ()


@pytest.mark.parametrize("name", ["clip", "clip.txt", "clip.wav", "clip.m3u8"])
def test_a_file_is_known_by_its_content_and_not_by_its_name(small: Path, tmp_path: Path, name: str):
    renamed = tmp_path / name
    shutil.copy(small, renamed)
    assert media.probe(renamed) == media.probe(small)


def test_a_playlist_that_names_other_files_is_refused(small: Path, tmp_path: Path):
    playlist = tmp_path / "clip.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{small}\n#EXT-X-ENDLIST\n")
    with pytest.raises(Unreadable):
        media.probe(playlist)
    script = tmp_path / "list.ffconcat"
    script.write_text(f"ffconcat version 1.0\nfile '{small}'\n")
    with pytest.raises(Unreadable):
        media.probe(script)


@pytest.mark.parametrize("content", [b"", b"hello, I am a text\n" * 200, b"\0" * 4096, b"\x00\x00\x00\x18ftypmp42"])
def test_what_is_no_media_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=r"x\.mp4"):
        media.probe(path)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(Unreadable, match="no file"):
        media.probe(tmp_path / "nothing.mp4")


def test_what_is_cut_off_lasts_as_long_as_its_packets(encode: Encode, tmp_path: Path):
    whole = encode(
        *("-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25:duration=8,noise=alls=20:allf=t"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart", tmp_path / "whole.mp4"),
    )
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    info = media.probe(cut)
    assert 3 < info.duration < 5
    assert any("header says 8.0" in note for note in info.notes)


def test_rotation_and_pixel_shape_give_the_size_that_a_person_sees(encode: Encode, tmp_path: Path):
    flat = encode(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=0.4,setsar=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", tmp_path / "flat.mp4"),
    )
    turned = encode("-display_rotation", "-90", "-i", flat, "-c", "copy", tmp_path / "turned.mp4")
    info = media.probe(turned)
    assert info.video
    assert (info.video.rotation, info.video.sar) == (90, 2)
    assert (info.video.display_width, info.video.display_height) == (90, 320)


def test_cover_art_is_no_video(encode: Encode, tmp_path: Path):
    cover = encode("-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1", tmp_path / "cover.png")
    song = encode(
        *("-f", "lavfi", "-i", "sine=440:duration=2", "-i", cover, "-map", "0", "-map", "1"),
        *("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-disposition:v", "attached_pic", "-c:a", "aac", tmp_path / "s.m4a"),
    )
    info = media.probe(song)
    assert info.video is None
    assert info.other_streams == ("cover (mjpeg)",)
    assert info.duration == pytest.approx(2.0, abs=0.05)


def test_uneven_frames_are_seen(encode: Encode, tmp_path: Path):
    path = encode(
        *("-f", "lavfi", "-i", "testsrc2=size=96x54:rate=25:duration=4,select='not(mod(n,3))+gt(n,60)'"),
        *("-fps_mode", "vfr", "-c:v", "libx264", "-preset", "ultrafast", tmp_path / "vfr.mp4"),
    )
    info = media.probe(path)
    assert info.video
    assert info.video.variable_rate


def test_limits(small: Path):
    with pytest.raises(TooBig, match="192x108"):
        media.probe(small, limits=Limits(pixels=1000))
    with pytest.raises(TooBig, match="2 s"):
        media.probe(small, limits=Limits(duration=1.0))
    with pytest.raises(TooBig, match="2 streams"):
        media.probe(small, limits=Limits(streams=1))


@pytest.mark.parametrize(
    ("size", "sar", "rotation", "seen"),
    [
        ((640, 360), Fraction(1), 0, (640, 360)),
        ((640, 360), Fraction(2), 0, (1280, 360)),
        ((640, 360), Fraction(1, 2), 0, (640, 720)),
        ((640, 360), Fraction(1), 90, (360, 640)),
        ((640, 360), Fraction(2), 270, (360, 1280)),
        ((640, 360), Fraction(1), 180, (640, 360)),
    ],
)
def test_displayed_size(size: tuple[int, int], sar: Fraction, rotation: int, seen: tuple[int, int]):
    assert displayed(*size, sar, rotation) == seen


def test_rates_of_the_field_survive_rounded_clocks():
    milliseconds = np.round(np.arange(600) * 1001 / 30).astype(np.int64)
    assert rate_of(milliseconds, 33, Fraction(1, 1000)) == Fraction(30000, 1001)
    assert not varies(np.diff(milliseconds).astype(np.float64), Fraction(1, 1000))
    odd = np.arange(100, dtype=np.int64) * 3
    assert rate_of(odd, 3, Fraction(1, 50)) == Fraction(50, 3)


REAL = {
    # name: codec, coded size, displayed size, rotation, rate, frames, hdr, variable, audio codec
    "bbb_1min_720p30.mp4": ("h264", (1280, 720), (1280, 720), 0, 30, 1801, None, False, "aac"),
    "bbb_full_v5.mp4": ("h264", (640, 360), (640, 360), 0, 24, 14315, None, False, "aac"),
    "exo-portrait_4k60.mp4": ("h264", (3840, 2160), (2160, 3840), 90, None, 18, None, False, "aac"),
    "ax-pixel7_videoOnly_cleaned.mp4": ("h264", (1920, 1080), (1920, 1080), 180, None, 36, None, False, None),
    "ax-internal_emulator_transformer_output_270_rotated.mp4": (
        *("h264", (1280, 720), (720, 1280), 270, Fraction(30000, 1001), 149, None, False, "aac"),
    ),
    "mb-sar_2x1.mp4": ("h264", (640, 360), (1280, 360), 0, 30, 150, None, False, None),
    "carphone_pristine.mp4": ("h264", (176, 144), (193, 144), 0, Fraction(30000, 1001), 120, None, False, None),
    "ax-hdr10-av1.mp4": ("libdav1d", (720, 1280), (720, 1280), 0, Fraction(30000, 1001), 127, Hdr.PQ, False, "aac"),
    "exo-hdr10-video-with-sdr-container.mp4": (
        *("hevc", (1920, 1080), (1920, 1080), 0, None, 28, Hdr.PQ, True, "aac"),
    ),
    "ax-hlg10-color-test.mp4": ("hevc", (1920, 1080), (1920, 1080), 0, None, 9, Hdr.HLG, False, "aac"),
    "mb-cursed-vfr.mp4": ("h264", (3026, 1386), (3026, 1386), 0, None, 63, None, True, None),
    "tree.avi": ("cinepak", (320, 240), (320, 240), 0, None, 68, None, True, None),
    "nasa_13013.mp4": ("h264", (480, 270), (480, 270), 0, Fraction(30000, 1001), 390, None, False, "aac"),
    "ax-sample_empty_track.mp4": ("h264", (1080, 720), (1080, 720), 0, Fraction(30000, 1001), 30, None, False, "aac"),
    "ax-sample_edit_list.mp4": ("hevc", (1920, 1080), (1080, 1920), 90, None, 77, Hdr.HLG, False, "aac"),
}


@pytest.mark.media
@pytest.mark.parametrize("name", REAL)
def test_facts_of_real_files(reference_media: Path, name: str):
    codec, size, seen, rotation, rate, frames, hdr, variable, audio = REAL[name]
    info = media.probe(reference_media / name)
    video = info.video
    assert video
    assert (video.codec, (video.width, video.height), video.rotation) == (codec, size, rotation)
    assert (video.display_width, video.display_height) == seen
    assert rate is None or video.frame_rate == rate
    assert (video.frames, video.hdr, video.variable_rate) == (frames, hdr, variable)
    assert (info.audio.codec if info.audio else None) == audio


@pytest.mark.media
def test_durations_are_counted_where_headers_lie(reference_media: Path):
    no_header = media.probe(reference_media / "mpy-no_duration.webm")
    assert no_header.duration == pytest.approx(4.938, abs=0.01)
    late_start = media.probe(reference_media / "mb-no-initial-keyframe.ts")
    assert late_start.video
    assert late_start.video.frames == 15
    assert any("before any key frame" in note for note in late_start.notes)
    assert media.probe(reference_media / "mb-cursed-vfr.mp4").duration == pytest.approx(8.726, abs=0.01)


@pytest.mark.media
def test_sound_files_and_odd_tracks(reference_media: Path):
    song = media.probe(reference_media / "mb-glitch-hop-is-dead.wav")
    assert song.video is None
    assert song.other_streams == ("cover (mjpeg)",)
    assert song.duration == pytest.approx(9.637, abs=0.01)
    two = media.probe(reference_media / "mb-multiple-aac-tracks.mp4")
    assert len(two.audio_streams) == 2
    nasa = media.probe(reference_media / "nasa_13013.mp4")
    assert "video (h264)" in nasa.other_streams
    alpha = media.probe(reference_media / "mb-transparency.webm")
    assert alpha.video
    assert alpha.video.has_alpha


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("clusterfuzz-testcase-minimized-mp4-6093954524250112", "not a video or sound file"),
        ("invalid_userdata.mp4", "holds no data"),
        ("zero_empty_stsc.mp4", "can be seen or heard"),
    ],
)
def test_broken_files_say_what_is_wrong(reference_media: Path, name: str, why: str):
    with pytest.raises(Unreadable, match=why):
        media.probe(reference_media / "corrupt" / name)


def test_work_and_sides_have_limits(small: Path):
    for limits, why in [
        (Limits(work=1e6), "million million pixels"),
        (Limits(side=100), "a side"),
        (Limits(packets=20), "more than 20 packets"),
        (Limits(size=100), "bytes"),
        (Limits(channels=0), "1 channels"),
    ]:
        if why == "1 channels":
            assert any(why in note for note in media.probe(small, limits=limits).notes)
            continue
        with pytest.raises(TooBig, match=why):
            media.probe(small, limits=limits)
