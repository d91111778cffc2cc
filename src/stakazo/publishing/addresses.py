"""What the address of a post says: whether it is the platform's, and which post it names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from stakazo.platforms.base import Platform


class NoAddress(ValueError):
    """Not the address of a post there; a sentence that says what to give instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How a platform's addresses look."""

    hosts: tuple[str, ...]
    """And everything below them: www., m., vm."""
    paths: str
    """Where a path has the name of a post."""
    query: str = ""
    """What has it in the query, where the path has none."""
    name: str = r"\d+"
    """How a name looks in the query."""
    example: str


_FORMS = {
    Platform.INSTAGRAM: _Form(
        hosts=("instagram.com",),
        paths=r"/(?:reels?|p|tv)/([\w-]+)|^/stories/(?:[\w.]+/)?(\w+)",
        example="https://www.instagram.com/reel/C8abc/",
    ),
    Platform.FACEBOOK: _Form(
        hosts=("facebook.com", "fb.watch"),
        paths=r"/reels?/(\d+)|/videos/(?:[^/]+/)*(\d+)$",
        query="v",
        example="https://www.facebook.com/reel/123/",
    ),
    Platform.TIKTOK: _Form(
        hosts=("tiktok.com",),
        paths=r"/video/(\d+)|^/v/(\d+)",
        example="https://www.tiktok.com/@name/video/123",
    ),
    Platform.YOUTUBE: _Form(
        hosts=("youtube.com", "youtu.be"),
        paths=r"^/(?:shorts|live|embed)/([\w-]{11})$|^youtu\.be/([\w-]{11})$",
        query="v",
        name=r"[\w-]{11}",
        example="https://www.youtube.com/watch?v=abcdefghijk",
    ),
}


def require_own(platform: Platform, url: str) -> None:
    """Raises NoAddress where this isn't an address of the platform's."""
    host, hosts = urlsplit(url).hostname or "", _FORMS[platform].hosts
    if not any(host == own or host.endswith(f".{own}") for own in hosts):
        raise NoAddress(f"{host} is not {platform.label}: its posts are at {' and '.join(hosts)}.")


def named(platform: Platform, url: str) -> str:
    """What the address calls the post: its id at the platform, or at Instagram the shortcode.

    Raises NoAddress where it is another's, or a short one that doesn't say.
    """
    require_own(platform, url)
    parts, form = urlsplit(url), _FORMS[platform]
    path = parts.path.rstrip("/")
    if found := re.search(form.paths, f"youtu.be{path}" if parts.hostname == "youtu.be" else path):
        return next(name for name in found.groups() if name)
    given = parse_qs(parts.query).get(form.query, [""])[0]
    if re.fullmatch(form.name, given):
        return given
    raise NoAddress(
        f"This address doesn't say which post of {platform.label} it is. Open it, and give the address that the "
        f"browser then shows, like {form.example}; or say the post's id."
    )


def post_id(platform: Platform, url: str) -> str | None:
    """The post's id at the platform, as its address has it; None at Instagram, which calls it otherwise there.

    Raises NoAddress.
    """
    name = named(platform, url)
    return None if platform is Platform.INSTAGRAM else name
