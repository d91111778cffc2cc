"""The part of the page that says where the best clip went. Pure."""

from __future__ import annotations

from stakazo.report.data import ReportData, ReportPost
from stakazo.report.markup import Markup, tag
from stakazo.report.words import plural


def posts_section(data: ReportData) -> Markup | None:
    """Each post with its platform, its account and its address."""
    if not data.posts:
        return None
    out = sum(not post.trouble for post in data.posts)
    real = (
        "The platforms were played by the sandbox: everything went over HTTP as it does for real, and nobody saw it."
        if data.sandbox
        else "Each was prepared where nobody sees it, made public by one act, and looked for afterwards."
    )
    return tag(
        "section",
        tag("h2", "Out in the world"),
        tag("p", f"The best clip is public in {plural(out, 'place')}. {real}", class_="lead"),
        tag("ul", [_post(post, sandbox=data.sandbox) for post in data.posts], class_="posts"),
        tag("ul", [tag("li", tag("b", name), tag("span", said)) for name, said in data.after], class_="checks card")
        if data.after
        else None,
    )


def _post(post: ReportPost, *, sandbox: bool) -> Markup:
    """An address of the sandbox is no link: at the real platform it leads to something else, or nowhere."""
    there = None
    if post.url:
        there = tag("span", post.url) if sandbox else tag("a", post.url, href=post.url)
    return tag(
        "li",
        tag("p", post.platform, class_="eyebrow"),
        tag("h3", post.label),
        tag("p", f"{post.account} \u00b7 {post.published_at}" if post.published_at else post.account, class_="when"),
        tag("p", post.trouble, class_="failure")
        if post.trouble
        else tag("p", there or "The platform gives no address."),
        tag("p", post.brought, class_="brought") if post.brought else None,
        class_="card",
    )
