"""The report of `chaos.world`: what was done, and the counts. Every number in it was counted by the program."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from chaos import advertising, posting

KILLED = {
    "worker": "SIGKILLs of a worker",
    "API": "SIGKILLs of the API",
    "database": "Immediate stops of PostgreSQL",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A run."""

    seed: int
    seconds: float
    killed: Counter[str]
    struck: Counter[str]
    """Faults of the platforms."""
    posts: posting.Counted
    campaigns: advertising.Counted
    odd: list[str]
    violations: int
    """Requests that Meta's contract doesn't have."""

    @property
    def wrong(self) -> list[str]:
        posts, campaigns = self.posts, self.campaigns
        found = [*posts.twice, *posts.lost, *posts.silent, *self.odd]
        found += [*campaigns.twice, *campaigns.lost, *campaigns.unapproved, *campaigns.silent]
        if campaigns.peak > campaigns.limit:
            found.append(f"{campaigns.peak} could be spent at a limit of {campaigns.limit}")
        return found

    @property
    def kept(self) -> bool:
        return not self.wrong and not self.violations


def written(found: Found) -> str:
    """As Markdown; its last line is the sum of it."""
    posts, campaigns = found.posts, found.campaigns
    rows = [
        *[(KILLED[what], count) for what, count in found.killed.most_common()],
        ("Attempts whose worker vanished", posts.crashes),
        *[(f"The platforms: {what.replace('_', ' ')}", count) for what, count in found.struck.most_common()],
        ("Posts wished and acknowledged", posts.wanted),
        *[(f"Posts {state}", count) for state, count in posts.states.most_common()],
        *[(f"Posts not out: {code.replace('_', ' ')}", count) for code, count in posts.troubles.most_common()],
        ("Posts that anybody sees", posts.public),
        ("Posts seen twice", len(posts.twice)),
        ("Posts lost", len(posts.lost)),
        ("Campaigns wished and acknowledged", campaigns.wanted),
        *[(f"Campaigns {state}", count) for state, count in campaigns.states.most_common()],
        ("Campaigns let run", campaigns.approved),
        ("Activations that the limit refused", campaigns.refused),
        ("Campaigns that run at the end", campaigns.running),
        ("Campaigns that rest and keep their room, since they may be let run late", campaigns.kept),
        (f"The most that could be spent at once, in {campaigns.looks} looks (cents)", campaigns.peak),
        ("The limit (cents)", campaigns.limit),
        ("Parts that came twice, paused, and were removed", campaigns.removed),
        ("Campaigns, ad sets, creatives or ads twice", len(campaigns.twice)),
        ("Campaigns lost", len(campaigns.lost)),
        ("Campaigns that ran without approval", len(campaigns.unapproved)),
        ("In trouble without saying what to do", len(posts.silent) + len(campaigns.silent)),
        ("Answers that nobody should get", len(found.odd)),
        ("Requests that Meta's contract doesn't have", found.violations),
    ]  # fmt: skip
    lines = [
        "# Chaos abroad",
        "",
        f"`python -m chaos.world`, seed {found.seed}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {found.seconds:.0f} s.",
        "",
        "| | |",
        "|---|---|",
        *[f"| {what} | {count} |" for what, count in rows],
        "",
    ]
    if found.wrong:
        lines += ["## What was wrong", "", *[f"* {one[:400]}" for one in found.wrong[:60]], ""]
    lines += [
        (
            f"{sum(found.killed.values())} kills, {posts.wanted} publications, {campaigns.wanted} campaigns, "
            f"{len(posts.twice) + len(campaigns.twice)} twice, {len(posts.lost) + len(campaigns.lost)} lost, "
            f"{len(campaigns.unapproved)} unapproved"
        ),
        "",
    ]
    return "\n".join(lines)
