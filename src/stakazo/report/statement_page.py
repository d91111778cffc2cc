"""The statement as a page of its own, to be read or printed."""

from __future__ import annotations

from importlib import resources

from stakazo.report.markup import Child, Markup, tag
from stakazo.report.statement import Statement, Work, decision, facts, window

_STYLE = resources.files(__package__).joinpath("statement.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_statement(statement: Statement) -> str:
    """The statement as one string of HTML, to be read or printed."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", statement.title),
        tag("style", Markup(_STYLE)),
    )
    body = tag(
        "body",
        tag("header", tag("p", "Stakazo statement", class_="eyebrow"), tag("h1", statement.title, dir="auto")),
        tag("p", statement.lead, class_="lead", dir="auto"),
        [_work(work) for work in statement.works],
        tag(
            "section",
            tag("h2", "Proof"),
            tag("p", statement.proof),
            tag("pre", statement.checkpoint),
            class_="proof",
        ),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en")


def _work(work: Work) -> Markup:
    return tag(
        "section",
        tag("h2", work.title, dir="auto"),
        tag("p", facts(work), class_="facts", dir="auto"),
        tag("p", f"SHA-256 {work.sha256}", class_="hash"),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in work.figures], class_="figures"),
        _clips(work) if work.clips else tag("p", "No clip has been proposed yet."),
    )


def _clips(work: Work) -> Markup:
    rows: list[Child] = []
    for clip in work.clips:
        score = f"{clip.score:.0f}" if clip.score is not None else ""
        rows.append(
            tag("tr", tag("td", window(clip)), tag("td", score, class_="n"), tag("td", decision(clip), dir="auto"))
        )
        rows += [
            tag(
                "tr",
                tag("td", f"{file.recipe.replace('_', ' ')} {file.shape}".strip(), class_="file"),
                tag("td"),
                tag("td", f"{file.made_at} ", tag("span", f"SHA-256 {file.sha256}", class_="hash")),
                class_="made",
            )
            for file in clip.files
        ]
    head = tag("tr", *(tag("th", name, scope="col") for name in ("Clip", "Score", "Decision, and the files made")))
    return tag("table", tag("thead", head), tag("tbody", rows))
