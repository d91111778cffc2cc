"""From what is wanted to FFmpeg's arguments. Pure, so that a test can read every command.

One process renders all variants of a clip: one decode, one clean constant-rate picture stream, then a branch per
picture that is really different. Variants whose pixels are the same share one branch and one encoder; FFmpeg's
tee writes each one's file with its own sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stakazo.media.crops import Move, Run, even, expression, mapped, raster, runs, seen, smooth, to_even
from stakazo.media.framing import Framing
from stakazo.media.loudness import FINITE, FLOATS
from stakazo.media.plan import Output, RenderPlan
from stakazo.media.types import Hdr, VideoStream

SAMPLE_RATE = 48000
FADE = 0.01
"""Seconds of fade at both ends of the sound: enough that a cut doesn't click, too short to hear."""
AAC_DELAY = 1024
"""Samples of silence that FFmpeg's AAC encoder puts in front. As many are left out at the clip's start (a fiftieth
of a second), so that picture and sound stay together without an edit list, which Instagram and YouTube don't want."""
MATRICES = {
    "bt709": "bt709",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470",
    "fcc": "fcc",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020_ncl": "bt2020",
}
"""FFmpeg's names of colour matrices, and what its scaler calls them."""
MAX_PIXELS = 8192 * 8192
"""Of a decoded picture: a bigger one, in the middle of a film, is a bomb."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these don't see the alpha layer."""


def arguments(plan: RenderPlan, gain: float = 0.0) -> list[str]:
    """FFmpeg's arguments that render every output of the plan, its sound changed by `gain` dB."""
    graph: list[str] = []
    outputs: list[str] = []
    branches = [runs(output.path, plan) for output, *_ in plan.groups]
    taps = [f"[s{index}]" for index in range(sum(len(branch) for branch in branches))]
    graph.append(f"[0:{plan.video.index}]{_clean(plan)}{_split('split', taps)}")
    sounds = [f"[a{number}]" for number in range(sum(len(_bitrates(group)) for group in plan.groups))]
    graph.append(f"{_sound(plan, gain)}{_ends(plan)}{_split('asplit', sounds)}")
    for number, (group, branch) in enumerate(zip(plan.groups, branches, strict=True)):
        picture = f"[v{number}]"
        graph += _branch(plan, group[0], branch, [taps.pop(0) for _ in branch], picture)
        outputs += _encode(plan, group, picture, [sounds.pop(0) for _ in _bitrates(group)])
    return [*_input(plan), "-filter_complex", ";".join(graph), *outputs]


def measuring(plan: RenderPlan) -> list[str]:
    """FFmpeg's arguments that only measure the sound of the plan's span, exactly as it would be rendered."""
    return [
        *_input(plan, sound_only=True),
        *("-filter_complex", f"{_sound(plan, 0.0)},ebur128=peak=true:framelog=quiet[m]"),
        *("-map", "[m]", "-f", "null", "-"),
    ]


def _input(plan: RenderPlan, *, sound_only: bool = False) -> list[str]:
    """Open the source a little before the span, its own clock kept."""
    found: list[str] = []
    before = plan.start - (3.0 if "mp4" in plan.info.container or "matroska" in plan.info.container else 12.0)
    if before > 5.0:
        found += ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", _number(before + plan.video.start)]
    decoder = ALPHA_DECODERS.get(plan.video.codec)
    if plan.video.has_alpha and decoder and not sound_only:
        found += ["-c:v", decoder]
    # Only as the container that was probed, and only this file: a playlist can't make FFmpeg open others.
    found += ["-f", plan.info.container.partition(",")[0]]
    found += ["-format_whitelist", plan.info.container, "-protocol_whitelist", "file"]
    # What is broken in it is passed over: what comes out is looked at.
    found += ["-max_error_rate", "1"]
    if not sound_only:
        # With one graph all the way, whatever size or format the frames come in.
        found += ["-max_pixels", str(MAX_PIXELS), "-reinit_filter:v", "0"]
    return [*found, "-copyts", "-i", f"file:{plan.source}"]


def _split(name: str, labels: Sequence[str]) -> str:
    return f",{name}={len(labels)}{''.join(labels)}" if len(labels) > 1 else labels[0]


# --- sound --------------------------------------------------------------------------------------------------


def _sound(plan: RenderPlan, gain: float) -> str:
    """The clip's sound as 48 kHz stereo, exactly as long as its pictures, silence where there is none."""
    end = _number(plan.duration)
    if plan.info.audio is None:
        return f"anullsrc=r={SAMPLE_RATE}:cl=stereo,atrim=end={end}"
    start = plan.start + plan.video.start
    parts = [
        f"[0:{plan.info.audio.index}]atrim=start={_number(start)}:end={_number(start + plan.duration)}",
        f"asetpts=PTS-({_number(start)})/TB",
        *([f"aeval={FINITE}"] if plan.info.audio.codec.startswith(FLOATS) else []),
        f"aresample={SAMPLE_RATE}:async=1:first_pts=0",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        f"apad=whole_dur={end}",
        f"atrim=end={end}",
    ]
    if gain:
        parts.append(f"volume={gain:.2f}dB")
    return ",".join(parts)


def _ends(plan: RenderPlan) -> str:
    """The sound's ends made ready for the encoder: what its delay replaces left out, both ends faded."""
    heard = plan.duration - AAC_DELAY / SAMPLE_RATE
    fades = f",afade=t=in:d={FADE},afade=t=out:st={_number(heard - FADE)}:d={FADE}" if heard > 4 * FADE else ""
    return f",atrim=start_sample={AAC_DELAY},asetpts=N{fades}"


# --- pictures -----------------------------------------------------------------------------------------------


def _clean(plan: RenderPlan) -> str:
    """Progressive frames at a constant rate, the span's and no other, opaque, for an SDR screen."""
    video = plan.video
    width, height = raster(video)
    parts = [
        f"scale={width}:{height}",  # nothing to do, unless the film changes its size midway
        f"fps={plan.rate}:start_time={_number(plan.start + video.start)}:round=near",
        "tpad=stop_mode=clone:stop_duration=0.5",
        f"trim=end_frame={plan.frames}",
        "setpts=PTS-STARTPTS",
    ]
    if video.codec in {"mpeg2video", "mpeg1video", "dvvideo", "h264", "vc1", "wmv3", "prores", "mpeg4"}:
        parts.insert(1, "bwdif=mode=send_frame:deint=interlaced")
    if video.has_alpha:
        parts += ["format=gbrap", "premultiply=inplace=1", f"format=gbrp,{_to_bt709('')}"]
    elif mapped(video):
        parts.append(_tonemapped(plan))
    elif coding := _other_coding(video):
        parts.append(_to_bt709(coding))
    return ",".join(parts)


def _other_coding(video: VideoStream) -> str | None:
    """How the scaler is told of colours that are coded otherwise than BT.709 in studio range; None for those."""
    name = video.pixel_format
    if not name.startswith(("yuv", "nv", "p0", "gray")):
        return ":"
    untagged = "bt709" if max(video.display_width, video.display_height) >= 1280 else "smpte170m"
    matrix = MATRICES.get(video.color_space or "", untagged)
    full = video.color_range == "pc" or name.startswith(("yuvj", "gray"))
    if matrix == "bt709" and not full:
        return None
    return f":in_color_matrix={matrix}:in_range={'full' if full else 'limited'}"


def _to_bt709(coding: str) -> str:
    """Recode colours without rounding them off, once, at the source's size."""
    given = coding.strip(":")
    return (
        f"scale={given}{':' if given else ''}out_color_matrix=bt709:out_range=limited"
        ":flags=accurate_rnd+full_chroma_int,format=yuv420p"
    )


def _tonemapped(plan: RenderPlan) -> str:
    """BT.2020 to BT.709, high dynamic range rolled off for SDR, no bigger than the outputs need."""
    video = plan.video
    transfer = {Hdr.PQ: "smpte2084", Hdr.HLG: "arib-std-b67", None: "bt709"}[video.hdr]
    given = f"tin={transfer}:pin=bt2020:min=bt2020nc:rin={'full' if video.color_range == 'pc' else 'limited'}"
    width, height = seen(plan)
    size = "" if (width, height) == raster(video) else f"w={width}:h={height}:filter=lanczos:"
    linear = f"zscale={size}{given}:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709"
    curve = ",tonemap=hable:desat=0" if video.hdr else ""
    return f"{linear}{curve},zscale=t=bt709:m=bt709:r=limited,format=yuv420p"


def _branch(plan: RenderPlan, output: Output, branch: Sequence[Run], taps: Sequence[str], picture: str) -> list[str]:
    """Filter chains from one tap per run to one finished picture stream."""
    graph: list[str] = []
    ends: list[str] = []
    alone = len(branch) == 1
    for number, (run, tap) in enumerate(zip(branch, taps, strict=True)):
        end = picture if alone else f"{picture[:-1]}r{number}]"
        ends.append(end)
        cut = "" if alone else f"trim=start_frame={run.first}:end_frame={run.last},setpts=PTS-STARTPTS,"
        if run.framing is Framing.FIT:
            graph += _fitted(plan, output, tap, cut, end)
        else:
            graph.append(f"{tap}{cut}{_cropped(plan, output, run)}{_finish()}{end}")
    if len(ends) > 1:
        graph.append(f"{''.join(ends)}concat=n={len(ends)}:v=1:a=0{picture}")
    return graph


def _finish() -> str:
    return ",format=yuv420p,setsar=1,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"


def _scale(width: int, height: int, flags: str = "lanczos") -> str:
    return f"scale={width}:{height}:flags={flags}"


def _cropped(plan: RenderPlan, output: Output, run: Run) -> str:
    """A window cut out and scaled; a moving one is cut with slack and trimmed after scaling, to move smoothly."""
    if not run.moves:
        x = expression([Move(move.first, to_even(move.value), 0.0) for move in run.x], run.first)
        y = expression([Move(move.first, to_even(move.value), 0.0) for move in run.y], run.first)
        return f"crop={run.width}:{run.height}:{_quote(x)}:{_quote(y)},{_scale(output.width, output.height)}"
    frame_width, frame_height = seen(plan)
    wide, coarse_x, fine_x, scaled_width = smooth(run.x, run.first, run.width, frame_width, output.width)
    high, coarse_y, fine_y, scaled_height = smooth(run.y, run.first, run.height, frame_height, output.height)
    return (
        f"crop={wide}:{high}:{_quote(coarse_x)}:{_quote(coarse_y)},{_scale(scaled_width, scaled_height)},"
        f"crop={output.width}:{output.height}:{_quote(fine_x)}:{_quote(fine_y)}"
    )


def _fitted(plan: RenderPlan, output: Output, tap: str, cut: str, end: str) -> list[str]:
    """The whole frame over a blurred, darkened, enlarged copy of itself."""
    width, height = seen(plan)
    shape = plan.video.display_width / plan.video.display_height
    fits = min(output.width / shape, output.height)
    inner = min(even(fits * shape), output.width), min(even(fits), output.height)
    fill = output.width / output.height / shape
    cover = (even(width * min(fill, 1.0)), even(height * min(1 / fill, 1.0)))
    small = (even(output.width / 10), even(output.height / 10))
    stem = end[1:-1]
    return [
        f"{tap}{cut}split=2[{stem}b][{stem}f]",
        (
            f"[{stem}b]crop={cover[0]}:{cover[1]},{_scale(*small, 'area')},format=yuv420p,gblur=sigma=5,"
            f"lutyuv=y=16+(val-16)*0.65,{_scale(output.width, output.height, 'bicubic')},setsar=1[{stem}c]"
        ),
        f"[{stem}f]{_scale(*inner)},format=yuv420p,setsar=1[{stem}g]",
        f"[{stem}c][{stem}g]overlay=x=(W-w)/2:y=(H-h)/2:shortest=1{_finish()}{end}",
    ]


# --- files --------------------------------------------------------------------------------------------------


def _bitrates(group: Sequence[Output]) -> list[int]:
    """The different sound bitrates of a group, in order."""
    return sorted({output.audio_bitrate for output in group})


def _encode(plan: RenderPlan, group: Sequence[Output], picture: str, sounds: Sequence[str]) -> list[str]:
    """One encoder for the pictures of a group, one per sound bitrate, one file per output."""
    how = group[0].encoding
    bitrates = _bitrates(group)
    keyframes = max(1, round(how.gop * plan.rate))
    found = ["-map", picture]
    for sound in sounds:
        found += ["-map", sound]
    found += ["-c:v", "libx264", "-preset", how.preset, "-profile:v", "high", "-crf", str(how.crf), "-bf", "2"]
    found += ["-maxrate", f"{how.max_bitrate}k", "-bufsize", f"{2 * how.max_bitrate}k"]
    found += ["-g", str(keyframes), "-flags:v", "+cgop+global_header+bitexact", "-fps_mode", "passthrough"]
    found += ["-c:a", "aac", "-flags:a", "+global_header+bitexact"]
    for number, bitrate in enumerate(bitrates):
        found += [f"-b:a:{number}", f"{bitrate}k"]
    found += ["-map_metadata", "-1", "-map_chapters", "-1"]
    muxer = {"movflags": "+faststart+negative_cts_offsets", "use_editlist": "0", "fflags": "+bitexact"}
    if len(group) == 1:
        options = [word for name, value in muxer.items() for word in (f"-{name}", value)]
        return [*found, *options, "-f", "mp4", "-y", f"file:{group[0].file}"]
    slaves = []
    for output in group:
        chosen = f"select='v:0,a:{bitrates.index(output.audio_bitrate)}'"
        options = [*(f"{name}={value}" for name, value in muxer.items()), chosen.replace("'", r"\'")]
        slaves.append(f"[f=mp4:{':'.join(options)}]{tee_path(output.file)}")
    return [*found, "-f", "tee", "-y", "|".join(slaves)]


def tee_path(path: Path) -> str:
    """A path as the tee muxer reads it: its own signs escaped."""
    return "".join(f"\\{sign}" if sign in "\\'| []" else sign for sign in f"file:{path}")


def _quote(text: str) -> str:
    """An expression inside a filter's options: commas belong to it."""
    return f"'{text}'" if "," in text else text


def _number(value: float) -> str:
    """Seconds to the microsecond, without an exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
