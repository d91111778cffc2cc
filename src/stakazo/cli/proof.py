"""Opening every file again, to see whether what lies in the folder is what was promised."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cv2

from stakazo.cli.client import Row
from stakazo.cli.story import Done
from stakazo.media.errors import MediaError
from stakazo.media.plan import output_rate
from stakazo.media.types import Analysis, Span
from stakazo.media.verify import SILENT, Facts, Order, verify
from stakazo.variants.recipes import RECIPES


def faults_of(out: Path, done: Done, analysis: Analysis) -> list[str]:
    """Everything that is not as it should be, in sentences; empty when all is there."""
    faults = [] if done.clips else ["There is no clip."]
    for clip in done.clips:
        for picture in ("thumbnail", "filmstrip"):
            faults += _picture(Path(clip[picture]))
        if not clip["variants"]:
            faults.append(f"Clip {clip['rank']} has no variant.")
        for variant in clip["variants"]:
            faults += _variant(clip, variant, analysis)
    return faults + list(done.failures) + _report(out / "report.html", pictures=len(done.clips))


def _picture(path: Path) -> list[str]:
    picture = cv2.imread(str(path)) if path.is_file() else None
    if picture is None:
        return [f"{path} is not a picture."]
    height, width = picture.shape[:2]
    return [] if min(height, width) >= 32 else [f"{path} has only {width}x{height} pixels."]


def _variant(clip: Row, variant: Row, analysis: Analysis) -> list[str]:
    """A rendered file against its recipe and the clip's length: packets counted, keyframes and sound decoded."""
    path, recipe = Path(variant["path"]), RECIPES[variant["recipe"]]
    assert analysis.info.video is not None
    rate = output_rate(analysis.info.video)
    # The clip's length as it was rendered: its ends lie on frames, and a platform may allow less.
    source = variant["render"]["source"]
    length = source["end"] - source["start"]
    try:
        order = Order(recipe.width, recipe.height, rate, round(length * rate), audible=_audible(clip, analysis))
        facts = verify(path, order)
    except MediaError as error:
        return [f"{path}: {error}"]
    faults = [f"{path}: {fault}" for fault in _differences(facts, clip, variant, rate)]
    if hashlib.sha256(path.read_bytes()).hexdigest() != variant["sha256"]:
        faults.append(f"{path}: its bytes are not the ones the server recorded.")
    return faults


def _audible(clip: Row, analysis: Analysis) -> bool:
    """Whether there is something to be heard in the source at that place."""
    if analysis.sound is None:
        return False
    heard = analysis.sound.loudness.momentary.within(Span(clip["start"], clip["end"]))
    return bool(len(heard)) and float(heard.max()) > SILENT + 10


def _differences(facts: Facts, clip: Row, variant: Row, rate: Fraction) -> list[str]:
    """What the file is, beside what the server says and the person was promised."""
    faults = []
    promised = min(clip["end"] - clip["start"], RECIPES[variant["recipe"]].max_duration)
    if abs(facts.duration - promised) > 2 / float(rate) + 0.05:
        faults.append(f"lasts {facts.duration:.2f} s instead of {promised:.2f} s")
    for name, found in (("size_bytes", facts.size), ("width", facts.width), ("video_codec", facts.video_codec)):
        if variant[name] != found:
            faults.append(f"{name} is {found} and not {variant[name]}, as the server says")
    if facts.audio_codec != "aac" or facts.sample_rate != 48000:
        faults.append(f"its sound is {facts.audio_codec} at {facts.sample_rate} Hz")
    return faults


class _References(HTMLParser):
    """What a page loads or points at."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in {"src", "poster", "data"} or (name == "href" and tag in {"link", "image", "use"})):
                self.loaded.append((tag, value))


def _report(path: Path, *, pictures: int) -> list[str]:
    """The report must show its pictures by itself, and find its films in the folder it stands in."""
    if not path.is_file():
        return [f"{path} is missing."]
    page = path.read_text(encoding="utf-8")
    found = _References()
    found.feed(page)
    faults = []
    shown = sum(value.startswith("data:image/") for _, value in found.loaded)
    if shown < pictures:
        faults.append(f"{path} shows {shown} pictures for {pictures} clips.")
    for tag, value in found.loaded:
        parts = urlsplit(value)
        if parts.scheme in {"data", "blob"} or value.startswith("#"):
            continue
        if parts.scheme or parts.netloc:
            faults.append(f"{path} loads {value[:80]} from elsewhere.")
        elif tag not in {"video", "source", "audio"} or not (path.parent / unquote(parts.path)).is_file():
            faults.append(f"{path} needs {value[:80]}, which is not in it.")
    return faults
