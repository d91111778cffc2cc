from __future__ import annotations

from pathlib import Path

import pytest

from stakazo.media.containers import SNIFF_BYTES, sniff


@pytest.mark.parametrize(
    ("head", "kind", "extension"),
    [
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "video", ".mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00", "video", ".mov"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "video", ".mov"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm", "video", ".webm"),
        (b"\x1a\x45\xdf\xa3\x9fB\x82\x88matroska", "video", ".mkv"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video", ".avi"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "sound", ".wav"),
        ((b"\x47" + b"\x00" * 187) * 5, "video", ".ts"),
        ((b"\x00\x00\x00\x00\x47" + b"\x00" * 187) * 5, "video", ".ts"),
        (b"\x00\x00\x01\xba\x44", "video", ".mpg"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00", "sound", ".m4a"),
        (b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00", "picture", ".heif"),
        (b"ID3\x04\x00\x00", "sound", ".mp3"),
        (b"\xff\xfb\x90\x00", "sound", ".mp3"),
        (b"\x89PNG\r\n\x1a\n", "picture", ".png"),
        (b"%PDF-1.7", "other", ".pdf"),
        (b"<!DOCTYPE html><html>", "other", ".txt"),
        ("größer als früher".encode(), "other", ".txt"),
        (b"G" + b"\x00" * 600, "other", ".bin"),
        (b"\x00" * 64, "other", ".bin"),
        (b"", "other", ".bin"),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head: bytes, kind: str, extension: str) -> None:
    found = sniff(head)
    assert (found.kind, found.extension) == (kind, extension)


@pytest.mark.media
def test_every_reference_video_is_taken_for_one(reference_media: Path) -> None:
    wrong = []
    for path in sorted(reference_media.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                kind = sniff(file.read(SNIFF_BYTES)).kind
            expected = {".wav": "sound", ".csv": "other"}.get(path.suffix, "video")
            if kind != expected:
                wrong.append((path.name, kind))
    assert not wrong
