from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from stakazo.media.choice import Score
from stakazo.media.types import Analysis
from stakazo.report.data import ReportClip, ReportData
from stakazo.report.page import render, write_report

VOID = {"meta", "img", "br", "hr", "link", "input", "col"}


class Page(HTMLParser):
    """Every element with its attributes; complains when a tag isn't closed as it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} says something twice"
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def addresses(page: Page) -> list[str]:
    return [
        value
        for _, attributes in page.found
        for name, value in attributes.items()
        if name in {"src", "href", "poster", "action", "srcset", "data", "xlink:href"} and value
    ]


def test_the_page_is_whole_and_shows_every_clip_and_variant(data: ReportData):
    page = Page(render(data))
    assert page.found[0] == ("html", {"lang": "en"})
    assert [one["id"] for one in page.all("article")] == ["clip-1", "clip-2"]
    sources = Counter(one["src"] for one in page.all("video"))
    # The tallest of the best clip is in the head too.
    assert sources == {
        "clip-01/instagram_reel.mp4": 2,
        "clip-01/tiktok.mp4": 1,
        "clip-01/facebook_feed.mp4": 1,
        "clip-01/landscape.mp4": 1,
    }
    for video in page.all("video"):
        assert video["preload"] == "none"
        assert "controls" in video
        assert (video["poster"] or "").startswith("data:image/jpeg;base64,")
        assert video["aria-label"]
    for words in (
        "Night Signal",
        "Instagram Reel",
        "0:20 to 0:36",
        "16.0 seconds",
        "-14.0 LUFS",
        "4.2 MB",
        "H.264 + AAC",
    ):
        assert words in page.text


def test_the_page_asks_nobody_for_anything(data: ReportData):
    text = render(data)
    page = Page(text)
    for address in addresses(page):
        assert address.startswith(("data:image/jpeg;base64,", "#", "clip-01/")), address[:80]
    assert not page.all("link")
    assert not page.all("script")
    assert not page.all("iframe")
    assert "@import" not in text
    assert "url(" not in text
    assert not re.search(r"https?://|//[a-z]+\.", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))


def test_every_name_that_is_pointed_at_is_there(data: ReportData):
    page = Page(render(data))
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for address in addresses(page):
        if address.startswith("#"):
            assert address[1:] in ids
    for _, attributes in page.found:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids


def test_pictures_have_words_and_headings_go_down_in_steps(data: ReportData):
    page = Page(render(data))
    assert all(image["alt"] for image in page.all("img"))
    for drawing in page.all("svg"):
        nested = "x" in drawing
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label") or nested
    levels = [int(tag[1]) for tag, _ in page.found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_a_score_is_shown_as_the_sum_it_is(data: ReportData, clip: ReportClip):
    text = Page(render(data)).text
    weight = 6.0
    for part in clip.score.parts:
        assert f"{100 * part.points / weight:.1f}" in text
        assert part.reason in text
    assert f"{clip.score.total:.1f}" in text
    assert clip.score.total == pytest.approx(sum(100 * part.points / weight for part in clip.score.parts))


def test_hostile_words_stay_words(data: ReportData, clip: ReportClip):
    evil = """</title><script>alert(1)</script><img src=x onerror="alert(2)">'"&"""
    section = data.analysis.sound.sections[0] if data.analysis.sound else None
    assert section is not None
    assert data.analysis.sound is not None
    sound = replace(data.analysis.sound, sections=(replace(section, label=evil, letter=evil),), notes=(evil,))
    bad = replace(
        clip,
        reasons=(evil,),
        starts_on=evil,
        failures=(evil,),
        score=Score((replace(clip.score.parts[0], name=evil, reason=evil),)),
        variants=(replace(clip.variants[0], label=evil, video_codec=evil, file='a"><b onload=x>/c#d?e.mp4'),),
    )
    hostile = replace(
        data, title=evil, filename=evil, clips=(bad,), comparison=(evil,), versions=((evil, evil),),
        timings=((evil, 1.0),), notes=(evil,), made_at=evil, analysis=replace(data.analysis, sound=sound),
    )  # fmt: skip
    page = Page(render(hostile))
    assert page.all("script") == []
    assert not [attributes for _, attributes in page.found if any(name.startswith("on") for name in attributes)]
    assert all(one.get("src") != "x" for one in page.all("img"))
    assert page.text.count("alert(1)") >= 8
    assert {one["src"] for one in page.all("video")} == {"a%22%3E%3Cb%20onload%3Dx%3E/c%23d%3Fe.mp4"}


@pytest.mark.parametrize(
    "file", ["/etc/passwd", "../secret.mp4", "https://example.com/a.mp4", "javascript:x", "C:/a.mp4"]
)
def test_only_files_beside_the_report_are_named(data: ReportData, clip: ReportClip, file: str):
    with pytest.raises(ValueError, match="relative"):
        render(replace(data, clips=(replace(clip, variants=(replace(clip.variants[0], file=file),)),)))


def test_without_sound_or_pictures_or_anything_the_page_still_stands(data: ReportData, analysis: Analysis):
    mute = replace(analysis, sound=None, info=replace(analysis.info, audio=None, audio_streams=()))
    assert "no sound" in Page(render(replace(data, analysis=mute))).text
    blind = replace(analysis, pictures=None, info=replace(analysis.info, video=None))
    assert "no pictures" in Page(render(replace(data, analysis=blind, stills=()))).text
    nothing = replace(analysis, pictures=None, sound=None)
    empty = Page(render(ReportData("Nothing", "x.mp4", nothing, ())))
    assert "No clips" in empty.text
    assert "none chosen" in empty.text
    assert empty.all("video") == []


def test_without_faces_hooks_beats_or_a_tempo_the_page_still_stands(data: ReportData, analysis: Analysis):
    assert analysis.sound is not None
    assert analysis.pictures is not None
    bare = replace(
        analysis,
        sound=replace(analysis.sound, tempo=None, beats=(), downbeats=(), sections=(), hooks=(), drops=()),
        pictures=replace(analysis.pictures, faces=(), focus=(), shots=analysis.pictures.shots[:1]),
    )
    text = Page(render(replace(data, analysis=bare, comparison=(), timings=(), versions=(), notes=()))).text
    assert "Tempo none" in text
    assert "Faces none found" in text
    assert "Beside the truth" not in text


def test_clips_without_pictures_or_reasons_or_variants_still_stand(data: ReportData, clip: ReportClip):
    bare = replace(clip, thumbnail=None, filmstrip=None, reasons=(), variants=(), score=Score(()))
    text = Page(render(replace(data, clips=(bare,)))).text
    assert "No variants were rendered" in text
    broken = replace(clip, thumbnail=b"no jpeg", variants=clip.variants[:1])
    video = Page(render(replace(data, clips=(broken,)))).all("video")[0]
    assert "poster" not in video


def test_what_failed_is_said(data: ReportData):
    text = Page(render(data)).text
    assert "TikTok: the disk is full" in text
    assert "One platform is slow." in text
    assert "The header says 61 s." in text
    assert "No model for cats." in text


def test_the_file_is_written_whole_or_not_at_all(data: ReportData, clip: ReportClip, tmp_path: Path):
    target = tmp_path / "out" / "report.html"
    write_report(target, data)
    assert target.read_text(encoding="utf-8") == render(data)
    wrong = replace(data, clips=(replace(clip, variants=(replace(clip.variants[0], file="/a.mp4"),)),))
    with pytest.raises(ValueError, match="relative"):
        write_report(target, wrong)
    assert target.read_text(encoding="utf-8") == render(data)
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
