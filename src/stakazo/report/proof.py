"""The part of the page that says how to check what it says. Pure."""

from __future__ import annotations

from stakazo.report.data import ReportProof
from stakazo.report.markup import Markup, tag
from stakazo.report.words import plural


def proof_section(proof: ReportProof | None) -> Markup | None:
    """What the ledger holds, how anyone checks it, and the story of the best clip as the ledger tells it."""
    if proof is None:
        return None
    return tag(
        "section",
        tag("h2", "Don't take our word for it"),
        tag(
            "p",
            f"Everything that was done, by whom and why, is in a ledger of {plural(proof.events, 'event')}. Each is "
            "hashed into a Merkle tree whose root is signed every few seconds: whatever is changed, removed or put in "
            "afterwards shows.",
            class_="lead",
        ),
        tag("div", _check(proof), _story(proof), class_="proof"),
        class_="proven",
    )


def _check(proof: ReportProof) -> Markup:
    facts = (
        ("Ledger", proof.origin),
        ("Signed events", f"{proof.size:,}, in {plural(proof.checkpoints, 'checkpoint')}"),
        ("Root", proof.root),
        ("Public key", proof.key),
    )
    return tag(
        "div",
        tag("h3", "Check it yourself"),
        tag("p", "On any computer, without a server, a database or a network:"),
        tag("pre", tag("code", proof.command)),
        tag("p", "It names the first event that is not as it was signed. The files beside this page:"),
        tag("ul", [tag("li", tag("a", name, href=name), f" {what}") for name, what in proof.files], class_="reasons"),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts], class_="hashes"),
        class_="card",
    )


def _story(proof: ReportProof) -> Markup | None:
    if not proof.story:
        return None
    return tag(
        "div",
        tag("h3", "The best clip, as the ledger tells it"),
        tag(
            "ol",
            [
                tag("li", tag("p", says), tag("p", f"{when} · by {because}", class_="when"))
                for when, says, because in proof.story
            ],
            class_="story",
        ),
        class_="card",
    )
