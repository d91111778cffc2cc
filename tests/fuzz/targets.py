"""What must hold for any bytes at all: each target gets some, and raises where it doesn't."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from stakazo.api.incoming import MAX_FIELD, Form, Malformed
from stakazo.media.codec import info_from_dict, info_to_dict
from stakazo.media.errors import MediaError
from stakazo.media.opening import Limits
from stakazo.media.probe import probe

REFUSALS = {"unreadable", "too_big"}
LIMITS = Limits(pixels=4096 * 4096, packets=200_000)


def probing(data: bytes) -> None:
    """A file is described, in a way that can be written and read again, or refused with a sentence."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        try:
            info = probe(Path(file.name), limits=LIMITS)
        except MediaError as error:
            _sentence(error)
            return
    written = json.dumps(info_to_dict(info), allow_nan=False)
    assert info_to_dict(info_from_dict(json.loads(written))) == json.loads(written)
    assert info.video or info.audio
    assert 0 <= info.duration <= LIMITS.duration
    if info.video:
        assert info.video.width * info.video.height <= LIMITS.pixels
        assert info.video.frame_rate > 0
        assert info.video.display_width > 0 < info.video.display_height


def _sentence(refusal: MediaError) -> None:
    assert refusal.code in REFUSALS, refusal.code
    assert 15 <= len(str(refusal)) <= 600
    assert str(refusal).isprintable()


CONTENT_TYPE = "multipart/form-data; boundary=frontier"


def uploading(data: bytes) -> None:
    """A multipart body is read the same whole and in pieces, within bounds, or refused."""
    size, body = (data[0] % 61 + 1 if data else 1), data[1:]
    body = body.lstrip(b"\r\n")  # what python-multipart skips after these depends on the pieces
    whole = _read([body])
    pieces = _read([body[at : at + size] for at in range(0, len(body), size)])
    assert whole == pieces, (whole, pieces)
    if whole is None:
        return
    fields, name, content = whole
    assert len(fields) <= 16
    assert all(len(value.encode("utf-8", "replace")) <= 3 * MAX_FIELD for value in fields.values())
    assert len(content) <= len(body)
    if name is not None:
        assert name.isprintable()
        assert not set(name) & set("/\\")
        assert len(name) <= 255


def _read(blocks: list[bytes]) -> tuple[dict[str, str], str | None, bytes] | None:
    """Fields, file name and file; None for what is refused, if only since its end is missing."""
    form = Form(CONTENT_TYPE)
    content = []
    try:
        for block in blocks:
            form.feed(block)
            content.append(form.take())
    except Malformed:
        return None
    return (form.fields, form.filename, b"".join(content)) if form.complete else None


def bodies() -> list[bytes]:
    """Multipart bodies as clients send them, and some that they don't."""
    file = b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    field = b'--frontier\r\nContent-Disposition: form-data; name="title"\r\n\r\nA title\r\n'
    end = b"\r\n--frontier--\r\n"
    return [
        b"\1" + field + file + b"\0\0\0\x18ftypmp42" + end,
        b"\7" + file + b"x" * 500 + end + b"epilogue",
        b"\2preamble\r\n" + file + b"\r\n--frontie" + end,
        b"\x30" + field * 20 + end,
        b"\5" + file.replace(b"a.mp4", b"../../\\x\r\n\0\xff.mp4") + b"y" + end,
        b"\3" + file.replace(b'filename="a.mp4"', b"filename*=UTF-8''%2e%2e%2f%ff") + b"z" + end,
        b"\x20" + file + end + file + end,
        b"\4--frontier--",
    ]


TARGETS: dict[str, Callable[[bytes], None]] = {"probe": probing, "upload": uploading}
