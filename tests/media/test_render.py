"""Real renderings of small made films, looked at pixel by pixel and sample by sample."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stakazo.media import ffmpeg
from stakazo.media.errors import MediaError, NotAsOrdered, RenderFailed
from stakazo.media.plan import Encoding, Output, RenderPlan
from stakazo.media.probe import probe
from stakazo.media.render import listen, render
from stakazo.media.types import Box, CropKey, CropPath, CropShot, Framing, Span

SIZE = (320, 180)
Frames = list[NDArray[np.uint8]]


# --- made films ---------------------------------------------------------------------------------------------


def film(
    file: Path,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    rate: int = 25,
    times: Sequence[int] | None = None,
    sound: NDArray[np.float32] | None = None,
    late_sound: float = 0.0,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A film of these grey pictures [rows, columns], almost without loss; `times` are milliseconds."""
    with av.open(str(file), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream("libx264", rate=rate, options={"crf": "4", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuv420p"
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = (
            container.add_stream("pcm_s16le" if file.suffix == ".mkv" else "aac", rate=48000)
            if sound is not None
            else None
        )
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p", dst_color_range=1)
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None and sound is not None:
            samples = np.ascontiguousarray((sound * 32767).astype(np.int16)[None, :])
            heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            heard.sample_rate, heard.pts = 48000, round(late_sound * 48000)
            heard.time_base = Fraction(1, 48000)
            container.mux(audio.encode(heard))
            container.mux(audio.encode(None))
    return file


def halves(left: int, right: int) -> NDArray[np.uint8]:
    picture = np.full((SIZE[1], SIZE[0]), left, np.uint8)
    picture[:, SIZE[0] // 2 :] = right
    return picture


def tone(seconds: float, level: float = 0.1, pitch: float = 440.0) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * pitch * np.arange(round(seconds * 48000)) / 48000)).astype(np.float32)


def ramp() -> NDArray[np.uint8]:
    """Brighter to the right: the mean of a window says where it is."""
    return np.tile(np.linspace(20, 235, SIZE[0]).astype(np.uint8), (SIZE[1], 1))


def where(picture: NDArray[np.uint8]) -> float:
    """The centre of the window that was cut out of a ramp, as a fraction of the frame."""
    full = (float(picture.mean()) - 16) * 255 / 219
    return (full - 20) / 215


# --- plans --------------------------------------------------------------------------------------------------


def window(x: float, width: float = 0.5) -> Box:
    return Box(x, 0.0, width, 1.0)


def shot(start: float, end: float, *keys: CropKey, framing: Framing = Framing.CROP) -> CropShot:
    return CropShot(start, end, framing, keys, "Because.")


def held(start: float, end: float, x: float = 0.25) -> CropShot:
    return shot(start, end, CropKey(start, window(x)))


def plan(source: Path, span: Span, *shots: CropShot, **outputs: int) -> RenderPlan:
    """Square-ish small outputs, by name and sound bitrate."""
    path = CropPath(Fraction(8, 9), shots or (held(span.start, span.end),))
    quick = Encoding(crf=10)
    made = tuple(
        Output(name, 160, 180, path, source.parent / f"{name}.mp4", quick, bitrate)
        for name, bitrate in (outputs or {"out": 128}).items()
    )
    return RenderPlan(source, probe(source), span, made)


def luma(file: Path) -> Frames:
    with av.open(str(file)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format="yuv420p")[: frame.height, : frame.width] for frame in frames]


async def made_by_ffmpeg(file: Path, options: str, **values: object) -> Path:
    """A film made by FFmpeg; `{name}` in its options stands for a value."""
    await ffmpeg.run([*(option.format(**values) for option in options.split()), "-y", str(file)])
    return file


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def samples(file: Path) -> NDArray[np.float32]:
    """Left channel, as a player plays it."""
    with av.open(str(file)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


# --- pictures -----------------------------------------------------------------------------------------------


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


# --- sound --------------------------------------------------------------------------------------------------


async def test_picture_and_sound_stay_together_to_the_millisecond(tmp_path: Path):
    """A flash and a click at the same time, two seconds in; the clip starts off the grid of everything."""
    pictures = [halves(250, 250) if n == 50 else halves(20, 20) for n in range(80)]
    clicks = np.zeros(round(3.2 * 48000), np.float32)
    clicks[96000:96040] = 0.8
    source = film(tmp_path / "in.mkv", pictures, sound=clicks)
    (result,) = await render(plan(source, Span(1.24, 3.0)), thorough=True)
    flash = int(np.argmax([picture.mean() for picture in luma(result.file)])) / 25
    heard = samples(result.file)
    click = int(np.argmax(np.abs(heard) > 0.4 * np.abs(heard).max())) / 48000
    assert flash == pytest.approx(2.0 - 1.24)
    assert click == pytest.approx(flash, abs=0.001)
    data = result.file.read_bytes()
    assert b"elst" not in data


async def test_sound_that_starts_late_or_ends_early_is_filled_with_silence(tmp_path: Path):
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=tone(1.0), late_sound=1.0)
    (result,) = await render(plan(source, Span(0.0, 3.0)), thorough=True)
    heard = samples(result.file)
    loud = [float(np.abs(heard[round(t * 48000) : round((t + 0.2) * 48000)]).max()) > 0.01 for t in (0.5, 1.4, 2.5)]
    assert loud == [False, True, False]
    assert len(heard) == pytest.approx(3 * 48000, abs=1024)


async def test_a_source_without_sound_gets_a_silent_track(tmp_path: Path):
    (result,) = await render(plan(film(tmp_path / "in.mp4", [halves(90, 90)] * 25), Span(0, 1)), thorough=True)
    assert result.facts.audio_codec == "aac"
    assert result.facts.loudness == -70.0
    assert result.gain == 0.0


async def test_quiet_sound_is_raised_to_its_level(tmp_path: Path):
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=tone(3.0, 0.05, 1000))
    (result,) = await render(plan(source, Span(0, 3)))
    assert result.gain > 5
    assert result.facts.loudness == pytest.approx(-14.0, abs=0.3)


async def test_no_gain_passes_the_true_peak(tmp_path: Path):
    sound = tone(3.0, 0.02, 1000)
    sound[::12000] = 0.7
    made = plan(film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=sound), Span(0, 3))
    heard = await listen(made)
    assert heard
    (result,) = await render(made)
    assert result.facts.loudness < -20
    assert heard.true_peak + result.gain == pytest.approx(-1.5, abs=0.05)
    assert result.facts.true_peak <= -1.0 + 0.5


async def test_sound_neither_starts_nor_ends_with_a_click(tmp_path: Path):
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 75, sound=tone(3.0, 0.5, 50))
    (result,) = await render(plan(source, Span(0.36, 2.0)))
    heard = np.abs(samples(result.file))
    assert heard[:1024].max() < 0.1 * heard.max()
    assert heard[1024:1100].max() < 0.3 * heard.max()
    assert heard[round(1.637 * 48000) : round(1.64 * 48000)].max() < 0.4 * heard.max()


# --- files --------------------------------------------------------------------------------------------------


async def test_variants_with_the_same_pixels_are_encoded_once(tmp_path: Path):
    noise = np.random.default_rng(1)
    pictures = [noise.integers(20, 230, (180, 320)).astype(np.uint8) for _ in range(25)]
    source = film(tmp_path / "in.mkv", pictures, sound=tone(1.0))
    results = await render(plan(source, Span(0, 1), reel=64, tiktok=128, short=256), thorough=True)

    def packets(file: Path, kind: str) -> list[bytes]:
        with av.open(str(file)) as container:
            stream = container.streams.best(kind)
            assert stream
            return [bytes(packet) for packet in container.demux(stream)]

    reel, tiktok, short = (result.file for result in results)
    assert packets(reel, "video") == packets(tiktok, "video") == packets(short, "video")
    sizes = [sum(map(len, packets(file, "audio"))) for file in (reel, tiktok, short)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1]


async def test_nothing_of_the_source_is_written_beside_its_pictures_and_sound(tmp_path: Path):
    secret = {"title": "SECRET-1", "artist": "SECRET-2", "comment": "SECRET-3", "location": "+48.1SECRET-4/"}
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 25, sound=tone(1.0), metadata=secret)
    assert b"SECRET" in source.read_bytes()
    (result,) = await render(plan(source, Span(0, 1)))
    data = result.file.read_bytes()
    assert b"SECRET" not in data
    assert b"in.mkv" not in data
    assert b"Lavf" not in data
    assert str(tmp_path) not in " ".join(result.arguments)


async def test_names_with_strange_signs_are_files_like_others(tmp_path: Path):
    folder = tmp_path / "it's [a] strange|name, 100% ; \\o/"
    folder.mkdir()
    source = film(folder / "in 'put|.mp4", [halves(90, 90)] * 10)
    results = await render(plan(source, Span(0, 0.4), one=64, two=128))
    assert names(folder) == ["in 'put|.mp4", "one.mp4", "two.mp4"]
    assert [result.facts.frames for result in results] == [10, 10]


async def test_a_failed_rendering_leaves_no_file(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 25)
    broken = plan(source, Span(0, 1))
    broken = replace(
        broken,
        outputs=(broken.outputs[0], replace(broken.outputs[0], name="bad", file=tmp_path / "no" / "bad.mp4", width=90)),
    )
    with pytest.raises(RenderFailed):
        await render(broken)
    assert names(tmp_path) == ["in.mp4"]


async def test_a_span_beyond_the_source_is_not_as_ordered(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 25)
    with pytest.raises((NotAsOrdered, RenderFailed)):
        await render(plan(source, Span(0.5, 4.0)))
    assert names(tmp_path) == ["in.mp4"]


async def test_a_cancelled_rendering_leaves_no_file_and_no_process(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 50)
    slow = plan(source, Span(0, 2))
    outputs = tuple(
        replace(slow.outputs[0], name=f"o{n}", file=tmp_path / f"o{n}.mp4", width=1080 + 2 * n, height=1920,
                encoding=Encoding(preset="veryslow"))
        for n in range(6)
    )  # fmt: skip
    running = asyncio.ensure_future(render(replace(slow, outputs=outputs)))
    while names(tmp_path) == ["in.mp4"]:  # noqa: ASYNC110 - another process makes them
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not ffmpeg._groups
    assert names(tmp_path) == ["in.mp4"]


# --- the reference videos -----------------------------------------------------------------------------------

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


async def test_media_errors_are_told_to_the_caller(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 25)
    gone = plan(source, Span(0, 1))
    source.unlink()
    with pytest.raises(MediaError):
        await render(gone)
