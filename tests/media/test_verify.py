from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from stakazo.media import ffmpeg
from stakazo.media.child import verify_in_child
from stakazo.media.errors import NotAsOrdered
from stakazo.media.verify import Order, moov_first, verify

ORDER = Order(width=160, height=90, rate=Fraction(25), frames=50, true_peak=-1.0)
TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
PICTURES = f"testsrc2=s=160x90:r=25:d=2,format=yuv420p,{TAGS}"
SOUND = "sine=f=440:r=48000:d=2,volume=6dB,pan=stereo|c0=c0|c1=c0"
VIDEO = "-c:v libx264 -profile:v high -g 50"
AUDIO = "-c:a aac -b:a 96k"
MUXER = "-movflags +faststart+negative_cts_offsets -use_editlist 0"


async def made(
    file: Path,
    *,
    pictures: str = PICTURES,
    sound: str = SOUND,
    video: str = VIDEO,
    audio: str = AUDIO,
    muxer: str = MUXER,
) -> Path:
    """A file as it is ordered, but for what is said."""
    inputs = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound]
    await ffmpeg.run([*inputs, *video.split(), *audio.split(), *muxer.split(), "-y", str(file)], access=None)
    return file


async def test_a_file_as_ordered_is_described_by_its_facts(tmp_path: Path):
    file = await made(tmp_path / "good.mp4")
    for thorough in (False, True):
        facts = verify(file, ORDER, thorough=thorough)
        assert (facts.width, facts.height, facts.frames, facts.fps) == (160, 90, 50, 25)
        assert facts.duration == pytest.approx(2.0)
        assert (facts.video_codec, facts.profile, facts.pixel_format) == ("h264", "High", "yuv420p")
        assert (facts.audio_codec, facts.sample_rate, facts.channels) == ("aac", 48000, 2)
        assert facts.size == file.stat().st_size
        assert -25 < facts.loudness < -5
        assert -15 < facts.true_peak < 0
        assert facts.keyframes == (0.0,)


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("320x90 instead of 160x90", {"pictures": PICTURES.replace("160x90", "320x90")}),
        ("High instead|Main|Baseline", {"video": "-c:v libx264 -profile:v baseline"}),
        ("yuv444p", {"pictures": PICTURES.replace("420p", "444p"), "video": "-c:v libx264"}),
        ("mpeg4", {"video": "-c:v mpeg4"}),
        ("not square", {"pictures": PICTURES + ",setsar=2"}),
        ("not tagged as BT.709", {"pictures": PICTURES.partition(",setparams")[0]}),
        ("48 frames instead of 50", {"pictures": PICTURES.replace("d=2", "d=1.92")}),
        ("frame rate", {"pictures": PICTURES + ",select='not(eq(n,20))'", "video": VIDEO + " -fps_mode vfr"}),
        ("pictures are black", {"pictures": "color=c=black:s=160x90:r=25:d=2," + PICTURES.partition(",")[2]}),
        ("44100 Hz", {"audio": AUDIO + " -ar 44100"}),
        ("1 channels", {"audio": AUDIO + " -ac 1"}),
        ("mp3", {"audio": "-c:a libmp3lame"}),
        ("sound lasts", {"sound": SOUND.replace("d=2", "d=1")}),
        ("silent", {"sound": "anullsrc=r=48000:cl=stereo,atrim=end=2"}),
        ("true peak", {"sound": SOUND.replace("6dB", "24dB")}),
        ("index stands at the end", {"muxer": MUXER.replace("+faststart", "")}),
        ("starts at 0.080 s", {"muxer": "-movflags +faststart -use_editlist 0"}),
    ],
)  # fmt: skip
async def test_each_fault_is_named(tmp_path: Path, fault: str, changes: dict[str, str]):
    file = await made(tmp_path / "bad.mp4", **changes)
    with pytest.raises(NotAsOrdered, match=fault):
        verify(file, ORDER)


async def test_too_few_keyframes_are_a_fault(tmp_path: Path):
    file = await made(tmp_path / "good.mp4")
    with pytest.raises(NotAsOrdered, match=r"2\.00 s from one keyframe to the next"):
        verify(file, replace(ORDER, max_keyframe_distance=1.0))


async def test_silence_and_black_are_no_fault_where_the_source_is_so(tmp_path: Path):
    black = "color=c=black:s=160x90:r=25:d=2," + PICTURES.partition(",")[2]
    file = await made(tmp_path / "dark.mp4", pictures=black, sound="anullsrc=r=48000:cl=stereo,atrim=end=2")
    facts = verify(file, replace(ORDER, visible=False, audible=False))
    assert facts.loudness == -70.0
    assert facts.true_peak == -100.0
    assert facts.brightness < 20


async def test_a_file_without_sound_or_without_pictures_is_refused(tmp_path: Path):
    whole = await made(tmp_path / "good.mp4")
    for missing in ("-an", "-vn"):
        part = tmp_path / f"part{missing}.mp4"
        await ffmpeg.run(["-i", str(whole), missing, "-c", "copy", "-y", str(part)], access=None)
        with pytest.raises(NotAsOrdered, match="lacks"):
            verify(part, ORDER)


async def test_a_torn_file_is_refused(tmp_path: Path):
    whole = await made(tmp_path / "good.mp4")
    data = whole.read_bytes()
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(data[: len(data) // 2])
    with pytest.raises(NotAsOrdered):
        verify(torn, ORDER)
    torn.write_bytes(b"")
    with pytest.raises(NotAsOrdered):
        verify(torn, ORDER)
    with pytest.raises(NotAsOrdered):
        verify(tmp_path / "nowhere.mp4", ORDER)


def test_where_the_index_stands_is_read_from_the_boxes(tmp_path: Path):
    def box(name: bytes, size: int) -> bytes:
        return (8 + size).to_bytes(4, "big") + name + bytes(size)

    for content, first in [
        (box(b"ftyp", 16) + box(b"moov", 5) + box(b"mdat", 9), True),
        (box(b"ftyp", 16) + box(b"mdat", 9) + box(b"moov", 5), False),
        (b"\0\0\0\1free" + (16).to_bytes(8, "big") + box(b"moov", 5), True),
        (box(b"ftyp", 16), False),
        (b"\0\0\0\0abcd", False),
        (b"\0\0", False),
    ]:
        file = tmp_path / "boxes"
        file.write_bytes(content)
        assert moov_first(file) is first


async def test_in_a_child_the_facts_and_the_faults_are_the_same(tmp_path: Path):
    whole = await made(tmp_path / "good.mp4")
    assert await verify_in_child([(whole, ORDER), (whole, ORDER)]) == [verify(whole, ORDER)] * 2
    with pytest.raises(NotAsOrdered, match="50 frames instead of 11"):
        await verify_in_child([(whole, ORDER), (whole, replace(ORDER, frames=11))])
