"""The statement as a PDF.

Letters of the Latin, Greek, Cyrillic, Georgian and Armenian alphabets are set in DejaVu Sans, which is embedded;
Chinese, Japanese and Korean in the fonts that PDF readers bring along for them. What is written from right to left, or
joins its letters, is right in the HTML.
"""

from __future__ import annotations

import io
import itertools
from functools import cache
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import HRFlowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from stakazo.report.statement import Statement, Work, decision, facts, window

INK, SOFT, ACCENT, LINE, FAINT = map(HexColor, ("#191320", "#6a6272", "#c8244c", "#ddd6e2", "#f4f1f6"))
SANS, BOLD = "DejaVu", "DejaVu-Bold"
MARGIN, PADDING = 18 * mm, 6
WIDTH = A4[0] - 2 * (MARGIN + PADDING)
KOREAN, JAPANESE, CHINESE = "HYGothic-Medium", "HeiseiKakuGo-W5", "STSong-Light"


@cache
def _fonts() -> None:
    folder = files(__package__) / "fonts"
    for name, file in ((SANS, "DejaVuSans.ttf"), (BOLD, "DejaVuSans-Bold.ttf")):
        with as_file(folder / file) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
    pdfmetrics.registerFontFamily(SANS, normal=SANS, bold=BOLD, italic=SANS, boldItalic=BOLD)
    for name in (KOREAN, JAPANESE, CHINESE):
        pdfmetrics.registerFont(UnicodeCIDFont(name))


def statement_pdf(statement: Statement) -> bytes:
    """The bytes of the file."""
    _fonts()
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=20 * mm,
        title=statement.title,
        author=statement.workspace,
        creator="Stakazo",
        invariant=1,
    )
    story = [
        _words("Stakazo statement", "eyebrow"),
        _words(statement.title, "h1"),
        HRFlowable(width="100%", thickness=2, color=ACCENT, spaceBefore=6, spaceAfter=10),
        _words(statement.lead, "lead"),
    ]
    for work in statement.works:
        story += _work(work)
    story += [
        Spacer(0, 9 * mm),
        HRFlowable(width="100%", thickness=0.5, color=LINE),
        _words("Proof", "h2"),
        _words(statement.proof, "body"),
        Spacer(0, 2 * mm),
        *(_words(line, "hash") for line in statement.checkpoint.splitlines() if line),
    ]

    def foot(canvas: Any, page: Any) -> None:
        canvas.saveState()
        canvas.setFont(SANS, 7.5)
        canvas.setFillColor(SOFT)
        words = f"{statement.origin} · {statement.size:,} events · {statement.made_at} · page {page.page}"
        canvas.drawString(MARGIN + PADDING, 11 * mm, words)
        canvas.restoreState()

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    options: dict[str, Any] = {
        "fontName": SANS,
        "fontSize": size,
        "leading": 1.38 * size,
        "textColor": INK,
        "splitLongWords": 1,
    } | more
    return ParagraphStyle(name, **options)


STYLES = {
    style.name: style
    for style in (
        _style("eyebrow", 9, textColor=ACCENT, fontName=BOLD),
        _style("h1", 21, fontName=BOLD, spaceBefore=2, leading=26),
        _style("h2", 13.5, fontName=BOLD, spaceBefore=16, spaceAfter=2, keepWithNext=1),
        _style("lead", 11),
        _style("body", 9),
        _style("soft", 8.5, textColor=SOFT),
        _style("hash", 6.8, textColor=SOFT, leading=9.2),
        _style("cell", 8.8),
        _style("strong", 8.8, fontName=BOLD),
        _style("file", 8, textColor=SOFT),
        _style("label", 7.5, textColor=SOFT),
        _style("figure", 15, fontName=BOLD, leading=19),
    )
}


def _words(text: str, style: str) -> Paragraph:
    """A paragraph whose letters each have a font that knows them."""
    runs = []
    for font, letters in itertools.groupby(text, _font):
        run = escape("".join(letters))
        runs.append(f'<font name="{font}">{run}</font>' if font else run)
    return Paragraph("".join(runs), STYLES[style])


def _font(letter: str) -> str | None:
    """The font of a letter that DejaVu doesn't have."""
    code = ord(letter)
    if 0x1100 <= code <= 0x11FF or 0x3130 <= code <= 0x318F or 0xAC00 <= code <= 0xD7AF:
        return KOREAN
    if 0x3000 <= code <= 0x30FF or 0x31F0 <= code <= 0x31FF or 0xFF00 <= code <= 0xFFEF:
        return JAPANESE
    return CHINESE if 0x2E80 <= code <= 0x9FFF else None


def _work(work: Work) -> list[Any]:
    shown: list[Any] = [
        _words(work.title, "h2"),
        _words(facts(work), "soft"),
        _words(f"SHA-256 {work.sha256}", "hash"),
        Spacer(0, 3 * mm),
        _figures(work),
        Spacer(0, 4 * mm),
    ]
    return [*shown, _clips(work) if work.clips else _words("No clip has been proposed yet.", "body")]


def _figures(work: Work) -> Table:
    cells = [[_words(name, "label"), _words(value, "figure")] for name, value in work.figures]
    table = Table([cells], colWidths=[WIDTH / len(cells)] * len(cells))
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), FAINT),
                ("LINEAFTER", (0, 0), (-2, -1), 3, HexColor("#ffffff")),
                ("TOPPADDING", (0, 0), (-1, -1), 5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
            ]
        )
    )
    return table


def _clips(work: Work) -> Table:
    rows: list[list[Any]] = [[_words(name, "label") for name in ("Clip", "Score", "Decision, and the files made")]]
    lines: list[Any] = [("VALIGN", (0, 0), (-1, -1), "TOP")]
    for clip in work.clips:
        lines.append(("LINEABOVE", (0, len(rows)), (-1, len(rows)), 0.5, LINE))
        score = f"{clip.score:.0f}" if clip.score is not None else ""
        rows.append([_words(window(clip), "cell"), _words(score, "strong"), _words(decision(clip), "cell")])
        for file in clip.files:
            name = f"{file.recipe.replace('_', ' ')} {file.shape}".strip()
            made = [_words(file.made_at, "file"), _words(f"SHA-256 {file.sha256}", "hash")]
            rows.append([_words(name, "file"), "", made])
    table = Table(rows, colWidths=[52 * mm, 14 * mm, WIDTH - 66 * mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                *lines,
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return table
