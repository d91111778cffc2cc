"""Numbers and names as a person reads them. Pure."""

from __future__ import annotations

from fractions import Fraction


def clock(seconds: float) -> str:
    """To the nearest second: 1:07, or 1:02:07."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def exact_clock(seconds: float) -> str:
    """With hundredths: 1:07.43."""
    hundredths = max(0, round(seconds * 100))
    return f"{clock(hundredths // 100)}.{hundredths % 100:02}"


def stretch(start: float, end: float) -> str:
    """From and to, exactly."""
    return f"{exact_clock(start)} to {exact_clock(end)}"


def long_clock(seconds: float) -> str:
    """In words: 1 minute 7 seconds."""
    whole = round(seconds)
    parts = [(whole // 3600, "hour"), (whole // 60 % 60, "minute"), (whole % 60, "second")]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " ".join(said) or "0 seconds"


def size(count: int) -> str:
    """Bytes: 26.8 MB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def rate(value: Fraction | float) -> str:
    """Frames per second: 30, 29.97."""
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


CODECS = {"h264": "H.264", "hevc": "H.265", "av1": "AV1", "vp9": "VP9", "aac": "AAC", "opus": "Opus", "mp3": "MP3"}


def codec(name: str) -> str:
    return CODECS.get(name.lower(), name)


EDGES = {
    "bar": "on the first beat of a bar",
    "beat": "on a beat",
    "shot": "on a cut",
    "silence": "in a silence",
    "start": "at the very beginning",
    "end": "at the very end",
    "person": "where a person put it",
}


def edge(name: str) -> str:
    """What the edge of a clip is aligned to."""
    return EDGES.get(name, f"on {name}")


def sentence(text: str) -> str:
    """With a capital, and an end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
