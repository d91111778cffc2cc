"""The statement for an artist: the same facts as a page and as a PDF, in whatever letters names are written."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from stakazo.ledger import statement as statements
from stakazo.ledger.canonical import Event
from stakazo.report.pdf import statement_pdf
from stakazo.report.statement import MadeClip, MadeFile, Statement, Work
from stakazo.report.statement_page import render_statement

NAMES = ["Björk Guðmundsdóttir", "Анна Нетребко", "Βασίλης", "米津玄師", "방탄소년단", "Ngọc <Trinh> & Co"]


def work(title: str) -> Work:
    file = MadeFile("instagram_reel", "instagram", "2026-11-22 10:05 UTC", "cd" * 32, "1080x1920")
    clips = (
        MadeClip(61.5, 70.0, 81.5, "accepted", "Ann", "2026-11-22 10:01 UTC", (file, file)),
        MadeClip(3.0, 12.0, None, "proposed"),
    )
    return Work(title, f"{title}.mp4", "2026-11-22 10:00 UTC", "Ann", "ab" * 32, 12_000_000, 93.2, clips)


STATEMENT = Statement(
    workspace="Ночной сигнал 音楽",
    made_at="2026-11-22 11:00 UTC",
    works=tuple(map(work, NAMES)),
    origin="stakazo/0199",
    size=128,
    root="ef" * 32,
    checkpoint="stakazo/0199\n128\nAAAA=\n\n— stakazo/0199 Azaz\n",
)


def text_of(pdf: bytes, folder: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not on this machine")
    (folder / "statement.pdf").write_bytes(pdf)
    ran = subprocess.run(["pdftotext", "-layout", "statement.pdf", "-"], cwd=folder, capture_output=True, check=True)
    return ran.stdout.decode()


def test_the_page_says_everything():
    page = render_statement(STATEMENT)
    for said in (
        *NAMES[:5],
        "Ngọc &lt;Trinh&gt; &amp; Co",
        "1:01.50",
        "accepted by Ann",
        "1080x1920",
        "— stakazo/0199",
    ):
        assert said in page
    assert "<Trinh>" not in page
    assert "http" not in page.replace("http-equiv", "")  # it asks nobody for anything


def test_the_pdf_says_the_same(tmp_path: Path):
    pdf = statement_pdf(STATEMENT)
    assert pdf.startswith(b"%PDF-1.")
    assert statement_pdf(STATEMENT) == pdf
    text = text_of(pdf, tmp_path)
    for said in (*NAMES, "Ночной сигнал 音楽", "accepted by Ann", "1080x1920", "128 events"):
        assert said in text, said


def test_a_pdf_of_very_much_has_many_pages(tmp_path: Path):
    long = replace(work("Длинное имя " * 40), clips=work("x").clips * 60)
    assert "page 7" in text_of(statement_pdf(replace(STATEMENT, works=(long,))), tmp_path)
    assert statement_pdf(replace(STATEMENT, works=(replace(work("Empty"), clips=()),))).startswith(b"%PDF")


# --- out of the events ---------------------------------------------------------------------------------------------

VIDEO, OTHER, CLIP, REJECTED, WITHDRAWN, VARIANT = (UUID(int=n) for n in range(1, 7))
WINDOW = {"video_id": str(VIDEO), "start": 1.0, "end": 9.0}


def events(*said: tuple[str, str, UUID, dict[str, Any]]) -> list[Event]:
    return [
        Event(
            id=UUID(int=100 + n),
            workspace_id=UUID(int=99),
            time=datetime(2026, 11, 22, 10, tzinfo=UTC) + timedelta(minutes=n),
            event=event,
            subject_type=kind,
            subject_id=subject,
            actor_kind="user" if "uploaded" in event or "accepted" in event else "job",
            actor_id="ann",
            correlation_id=UUID(int=98),
            causation_id=None,
            after=None,
            data=data,
        )
        for n, (event, kind, subject, data) in enumerate(said)
    ]


def test_a_statement_is_made_of_events():
    upload = {"filename": "blue.mp4", "size_bytes": 5, "sha256": "ab"}
    told = events(
        ("video_uploaded", "video", VIDEO, {**upload, "title": "Blue"}),
        ("video_uploaded", "video", OTHER, upload),
        ("video_analysed", "video", VIDEO, {"duration": 93.2, "shots": 3}),
        ("clip_created", "clip", CLIP, {**WINDOW, "score": 80.0}),
        ("clip_created", "clip", REJECTED, {**WINDOW, "score": 70.0}),
        ("clip_created", "clip", WITHDRAWN, {**WINDOW, "score": 60.0}),
        ("clip_withdrawn", "clip", WITHDRAWN, {**WINDOW, "reason": "a new choice"}),
        ("clip_adjusted", "clip", CLIP, {**WINDOW, "end": 8.0}),
        ("clip_accepted", "clip", CLIP, {**WINDOW, "end": 8.0}),
        ("clip_rejected", "clip", REJECTED, WINDOW),
        ("variant_rendered", "variant", VARIANT, {**WINDOW, "clip_id": str(CLIP), "recipe": "tiktok", "sha256": "old"}),
        ("variant_rendered", "variant", VARIANT, {**WINDOW, "clip_id": str(CLIP), "recipe": "tiktok", "sha256": "new"}),
    )
    first, second = statements.works(told, {"user/ann": "Ann"})
    assert (first.title, second.title, first.received_by, first.duration) == ("Blue", "blue.mp4", "Ann", 93.2)
    assert [(clip.start, clip.end, clip.decision) for clip in first.clips] == [
        (1.0, 8.0, "accepted"),
        (1.0, 9.0, "rejected"),
    ]
    accepted = first.clips[0]
    assert (accepted.decided_by, accepted.decided_at, accepted.score) == ("Ann", "2026-11-22 10:08 UTC", 80.0)
    assert [file.sha256 for file in accepted.files] == ["new"]
    assert dict(first.figures)["Seconds accepted"] == "7.0"
    assert second.clips == ()
    assert [one.title for one in statements.works(told, {}, OTHER)] == ["blue.mp4"]
