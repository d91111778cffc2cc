"""Where the platforms are: the real ones, or one sandbox that plays them all. Pure.

Which of the two is meant follows from the account (`Account.live`), never from a setting alone: a token of the sandbox
is not sent to the real world, a real one not to the sandbox, and what claims to be the sandbox must say so in every
answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

TOKEN_MARK = "sandbox-"  # noqa: S105 - the beginning of tokens that are worth nothing
SANDBOX_HEADER = "X-Stakazo-Sandbox"
"""In every answer of the sandbox."""

GRAPH_VERSION = "v26.0"
"""What the contract tests check against."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where each API is, without a slash at the end."""

    sandbox: bool
    graph: str
    graph_video: str
    rupload: str
    dialog: str
    """Where people say yes to Meta's questions."""
    tiktok: str
    tiktok_dialog: str
    google: str
    google_upload: str
    google_analytics: str
    google_token: str
    google_dialog: str
    youtube_hub: str
    """Where one subscribes to what is new on YouTube's channels."""
    upload_domains: tuple[str, ...]
    """Hosts that may be named by a platform as where to send bytes, and all below them."""
    graph_version: str = GRAPH_VERSION

    def token_belongs(self, token: str) -> bool:
        return token.startswith(TOKEN_MARK) == self.sandbox

    def may_receive(self, url: str) -> bool:
        """Whether bytes may be sent where a platform's answer says: to the platform itself, encrypted if it is real."""
        parts = urlsplit(url)
        host = parts.netloc if self.sandbox else parts.hostname or ""
        named = any(
            host == domain or (not self.sandbox and host.endswith(f".{domain}")) for domain in self.upload_domains
        )
        return named and parts.scheme == ("http" if self.sandbox else "https")


def live(graph_version: str = GRAPH_VERSION) -> Hosts:
    """The real platforms."""
    return Hosts(
        sandbox=False,
        graph="https://graph.facebook.com",
        graph_video="https://graph-video.facebook.com",
        rupload="https://rupload.facebook.com",
        dialog="https://www.facebook.com",
        tiktok="https://open.tiktokapis.com",
        tiktok_dialog="https://www.tiktok.com",
        google="https://www.googleapis.com",
        google_upload="https://www.googleapis.com/upload",
        google_analytics="https://youtubeanalytics.googleapis.com",
        google_token="https://oauth2.googleapis.com",  # noqa: S106 - an address
        google_dialog="https://accounts.google.com",
        youtube_hub="https://pubsubhubbub.appspot.com",
        upload_domains=("facebook.com", "tiktokapis.com", "tiktok.com", "googleapis.com"),
        graph_version=graph_version,
    )


def sandbox(url: str, graph_version: str = GRAPH_VERSION) -> Hosts:
    """The sandbox at `http://host:port`. Raises ValueError for an address that could be anything else."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.netloc or parts.path.strip("/") or "@" in parts.netloc:
        raise ValueError(f"the sandbox is at an address like http://127.0.0.1:8480, not at {url!r}")
    root = f"http://{parts.netloc}"
    return Hosts(
        sandbox=True,
        graph=f"{root}/graph",
        graph_video=f"{root}/graph",
        rupload=f"{root}/rupload",
        dialog=f"{root}/facebook",
        tiktok=f"{root}/tiktok",
        tiktok_dialog=f"{root}/tiktok",
        google=f"{root}/google",
        google_upload=f"{root}/google/upload",
        google_analytics=f"{root}/google",
        google_token=f"{root}/google",
        google_dialog=f"{root}/google",
        youtube_hub=f"{root}/hub",
        upload_domains=(parts.netloc,),
        graph_version=graph_version,
    )
