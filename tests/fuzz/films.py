"""Small real files to begin with: less than half a second in each container that an upload may have."""

from __future__ import annotations

from pathlib import Path

from tests.media.hostile.kit import Kit

SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=32x32:r=10:d=0.4", "-f", "lavfi", "-i", "sine=d=0.4:r=8000")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
FILMS: dict[str, tuple[str, ...]] = {
    ".mp4": (*H264, "-c:a", "aac"),
    ".mov": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    ".mkv": (*H264, "-c:a", "flac"),
    ".webm": ("-c:v", "libvpx", "-c:a", "libopus", "-ar", "48000"),
    ".avi": ("-c:v", "mpeg4", "-c:a", "pcm_s16le"),
    ".ts": (*H264, "-c:a", "aac"),
    ".flv": (*H264, "-an"),
    ".mpg": ("-c:v", "mpeg1video", "-r", "25", "-c:a", "mp2", "-ar", "32000"),
    ".wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    ".ogv": ("-c:v", "libtheora", "-an"),
    ".mxf": ("-c:v", "mpeg2video", "-r", "25", "-an"),
}


def small_films(folder: Path, *suffixes: str) -> list[bytes]:
    """Of these kinds, or of all."""
    kit = Kit(folder, "")
    return [kit.ffmpeg(*SOURCE, *FILMS[suffix], suffix=suffix) for suffix in suffixes or FILMS]
