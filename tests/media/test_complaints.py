from __future__ import annotations

import signal

import pytest

from stakazo.media import complaints
from stakazo.media.errors import Damaged, DiskFull, MediaError, RenderFailed, Stopped, TooBig, Unreadable

PACKET = (
    "[h264 @ 0x55] [error] Error splitting the input into NAL units.\n"
    "[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x56] [error] Error submitting packet to decoder: Invalid data found"
)
NOTHING = "[vost#0:0/libx264 @ 0x55] [enc:libx264 @ 0x56] [error] Could not open encoder before EOF"
ENCODER = "[vost#0:0/libx264 @ 0x55] [enc:libx264 @ 0x56] [error] Error while opening encoder"


@pytest.mark.parametrize(
    ("code", "stderr", "kind"),
    [
        (234, f"{PACKET}\n{NOTHING}", Damaged),
        (234, NOTHING, RenderFailed),
        (234, f"{PACKET}\n{ENCODER}", RenderFailed),
        (1, "[in#0/mov,mp4 @ 0x5] [error] Error during demuxing: Input/output error", Damaged),
        (1, "[in#0 @ 0x5] [error] Error opening input: Invalid data found when processing input", Unreadable),
        (228, f"{PACKET}\n{NOTHING}\n[fatal] av_interleaved_write_frame(): No space left on device", DiskFull),
        (-signal.SIGXFSZ, "", TooBig),
        (-signal.SIGXCPU, "", Stopped),
        (-signal.SIGKILL, f"{PACKET}", RenderFailed),
        (1, "", RenderFailed),
    ],
)
def test_only_what_the_source_is_to_blame_for_is_called_its_damage(code: int, stderr: str, kind: type[MediaError]):
    assert type(complaints.failure(code, stderr)) is kind


def test_the_first_complaints_are_told_without_addresses():
    assert complaints.telling(f"[info] x\n{PACKET}\n{PACKET}\n{NOTHING}") == (
        "Error splitting the input into NAL units. "
        "Error submitting packet to decoder: Invalid data found Could not open encoder before EOF"
    )


@pytest.mark.parametrize(
    "line",
    [
        PACKET,
        "[vist#0:0/h264 @ 0x5] [dec:h264 @ 0x6] [warning] corrupt decoded frame",
        "[in#0/mpegts @ 0x5] [warning] corrupt input packet in stream 0",
    ],
)
def test_complaints_of_the_reading_side_are_the_sources(line: str):
    assert complaints.spoilt(f"[info] x\n{line}\n{NOTHING}")


@pytest.mark.parametrize(
    "line",
    [
        ENCODER,
        "[vist#0:0/h264 @ 0x5] [warning] timestamp discontinuity",
        "[aost#0:1/aac @ 0x5] [warning] Non-monotonic DTS",
    ],
)
def test_other_complaints_are_not(line: str):
    assert not complaints.spoilt(f"[info] x\n{line}\n{NOTHING}")


def test_the_first_lines_and_the_last_are_kept():
    lines: list[str] = []
    for number in range(1000):
        complaints.keep(lines, str(number))
    half = complaints.KEPT // 2
    assert lines == [str(number) for number in (*range(half), *range(1000 - half, 1000))]
