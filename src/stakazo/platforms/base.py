"""What every platform can be asked, in one vocabulary. Pure: values, and what a publisher must do.

    handle = await publisher.begin(post, media)              inert: nobody sees it, and it expires. Store the handle
    handle = await publisher.upload(handle, media)           goes on where the platform has bytes to; inert. Store it
    status = await publisher.ask(handle, post)               ... until READY
    status = await publisher.finish(handle, post, media)     the one act that makes it public
    status = await publisher.ask(handle, post)               ... until PUBLISHED, and after every doubt

Only `finish` has an effect that people see. It names the handle, so a second `finish` of the same handle can't make a
second post; after `Unknown` one asks all the same, and finishes again only when the platform says READY. Every method
raises the errors of `platforms.errors`, and says what it found in a `Status`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from stakazo.platforms.errors import Reason


class Platform(StrEnum):
    INSTAGRAM = "instagram"
    FACEBOOK = "facebook"
    TIKTOK = "tiktok"
    YOUTUBE = "youtube"

    @property
    def label(self) -> str:
        """As it writes itself."""
        return {"tiktok": "TikTok", "youtube": "YouTube"}.get(self.value, self.value.capitalize())


@dataclass(frozen=True, slots=True)
class Account:
    """A connected profile, Page or channel."""

    platform: Platform
    id: str
    """The platform's: the Instagram user, the Page, TikTok's open id, the YouTube channel."""
    token: str = field(repr=False)
    live: bool = False
    """Whether this is the real platform. Only a person sets it; everything else goes to the sandbox."""


class Kind(StrEnum):
    REEL = "reel"
    FEED = "feed"
    """A video in the feed; Instagram makes a Reel of it that the feed shows."""
    STORY = "story"
    VIDEO = "video"
    """What it is on TikTok and YouTube (a Short is a short upright one), and a plain video on a Page."""
    INBOX = "inbox"
    """TikTok: a draft that waits for the person in the app."""


class Audience(StrEnum):
    PUBLIC = "public"
    FRIENDS = "friends"
    """TikTok's mutual friends; YouTube: whoever has the link."""
    FOLLOWERS = "followers"
    PRIVATE = "private"


class Trial(StrEnum):
    """Instagram's trial Reels: first shown to strangers only, and then to followers ..."""

    MANUAL = "MANUAL"
    """... when the person says so."""
    IF_IT_PERFORMS = "SS_PERFORMANCE"
    """... when it does well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What is to be published. A platform reads what it knows and leaves the rest; limits are checked before."""

    kind: Kind = Kind.REEL
    caption: str = ""
    """With its hashtags and mentions; the description, where there is a title."""
    title: str = ""
    """Facebook, YouTube."""
    tags: tuple[str, ...] = ()
    """YouTube."""
    cover_at: float | None = None
    """Seconds into the video: Instagram, TikTok."""
    cover_url: str | None = None
    """A picture that the platform fetches: Instagram."""
    publish_at: datetime | None = None
    """When the platform itself makes it public: Facebook, YouTube. Elsewhere the publisher waits."""
    audience: Audience = Audience.PUBLIC
    made_with_ai: bool = False
    paid_partnership: bool = False
    promotes_own: bool = False
    """TikTok: advertises what the creator sells."""
    collaborators: tuple[str, ...] = ()
    """Instagram: at most three names, who are asked to be authors too."""
    share_to_feed: bool = True
    trial: Trial | None = None
    audio_name: str = ""
    location_id: str = ""
    comments: bool = True
    duets: bool = True
    stitches: bool = True
    """TikTok, as far as the creator's own settings allow it."""
    category: str = "10"
    """YouTube's number; 10 is music."""
    for_kids: bool = False


class Source(Protocol):
    """Bytes that can be read from anywhere in them, in small pieces."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to and without `stop`."""
        ...


@dataclass(frozen=True, slots=True)
class Media:
    """The file: bytes of ours, or an address from which the platform fetches it. One of the two."""

    source: Source | None = None
    url: str | None = None
    type: str = "video/mp4"
    duration: float | None = None
    """Seconds."""

    def __post_init__(self) -> None:
        if (self.source is None) == (self.url is None):
            raise ValueError("either bytes or an address")


@dataclass(frozen=True, slots=True)
class Handle:
    """The inert thing at the platform. It is stored before anything becomes public; `as_json` for that."""

    id: str
    """The container, video or publish id. Empty at YouTube until the upload has ended."""
    made_at: datetime
    upload_url: str = ""
    session: str = ""
    """Facebook's name of the upload, for plain videos."""
    size: int = 0
    """Bytes that were announced: TikTok, YouTube."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"made_at": self.made_at.isoformat()}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """The handle that `as_json` stored."""
        return cls(**{**stored, "made_at": datetime.fromisoformat(stored["made_at"])})


class Stage(StrEnum):
    UPLOADING = "uploading"
    """Inert; bytes are missing: `upload` (or `finish`, where it sends the last ones)."""
    PROCESSING = "processing"
    """Inert; the platform works on it."""
    READY = "ready"
    """Inert; waits for `finish`."""
    SENT = "sent"
    """Finished and accepted; the platform is about to make it public."""
    SCHEDULED = "scheduled"
    """The platform will make it public at its time."""
    INBOX = "inbox"
    """A draft with the person, who decides."""
    PUBLISHED = "published"
    FAILED = "failed"
    """Not public, and never will be under this handle: `reason`, and `reason.anew`."""

    @property
    def inert(self) -> bool:
        """Whether nobody sees it, nor will unless somebody acts."""
        return self in {Stage.UPLOADING, Stage.PROCESSING, Stage.READY, Stage.FAILED}

    @property
    def settled(self) -> bool:
        """Whether nothing more changes by itself."""
        return self in {Stage.PUBLISHED, Stage.FAILED}


@dataclass(frozen=True, slots=True)
class Status:
    """How far something is, as the platform says."""

    stage: Stage
    post_id: str | None = None
    """The platform's id of what is public. None although PUBLISHED: it is, but which of several can't be told (yet)."""
    aliases: tuple[str, ...] = ()
    """What else the platform calls the same post, where it says so."""
    url: str | None = None
    """Where people see it; None where the platform doesn't say (yet)."""
    received: int | None = None
    """Bytes that the platform has, while UPLOADING."""
    reason: Reason | None = None
    """Why it FAILED."""
    detail: str = ""
    """The platform's words."""
    look_again: float = 15.0
    """Seconds after which another look is worth it, unless `stage.settled`."""


class Left(StrEnum):
    """What is at the platform of an upload that isn't wanted any more."""

    NOTHING = "nothing"
    """Nothing, or what goes by itself."""
    REMOVED = "removed"
    """It lay there, and is gone now."""
    OPEN = "open"
    """Its last bytes may be on their way: look again."""
    SEEN = "seen"
    """Somebody may see it: it was left alone."""
    ALIKE = "alike"
    """There is something that could be it; it was left alone."""


@dataclass(frozen=True, slots=True)
class Leftover:
    left: Left
    ids: tuple[str, ...] = ()
    """What lies there, by the platform's names."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many posts an account may still make."""

    used: int
    total: int
    seconds: int
    """The length of the moving window."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What became of a post up to now, in one vocabulary. What a platform doesn't say is None, never 0."""

    views: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    follows: int | None = None
    average_watch: float | None = None
    """Seconds."""
    total_watch: float | None = None
    """Seconds."""
    skip_rate: float | None = None
    """The share of plays that ended within three seconds, 0 to 1."""
    retention: tuple[float, ...] = ()
    """The share of viewers left, at even distances from start to end."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The platform's own names and numbers."""


@dataclass(frozen=True, slots=True)
class Comment:
    id: str
    text: str
    author: str
    author_id: str
    at: datetime
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """Where somebody has named us: below a post, or in what they say about their own."""

    text: str
    author: str
    url: str | None
    """The post's address."""


class Publisher(Protocol):
    """One account at one platform."""

    async def begin(self, post: Post, media: Media) -> Handle:
        """Make the inert thing. A lost answer leaves one that nobody sees and that expires: begin anew."""
        ...

    async def upload(self, handle: Handle, media: Media) -> Handle:
        """Send what the platform doesn't have yet; nothing becomes public. Gives the handle to be stored from now on.

        May be called again after any error: it asks first how far it is.
        """
        ...

    async def finish(self, handle: Handle, post: Post, media: Media) -> Status:
        """Make it public. After `Unknown`: `ask`."""
        ...

    async def ask(self, handle: Handle, post: Post, *, taken: Collection[str] = ()) -> Status:
        """How far it is, and whether it is public. Changes nothing.

        Args:
            taken: Ids of posts that are known to be others, where the platform must be searched for ours.
        """
        ...

    async def discard(self, handle: Handle, post: Post) -> Leftover:
        """Remove an upload that isn't wanted any more. What may be seen, or isn't surely it, is left alone."""
        ...

    async def quota(self) -> Quota | None:
        """How many posts are left; None where the platform doesn't say."""
        ...

    async def names(self, post_id: str) -> tuple[str, ...]:
        """What else the platform calls a post, in its news say; nothing where it has one name."""
        ...

    async def find(self, name: str) -> str | None:
        """The id of the account's post whose address has this name in it; None where it has none such."""
        ...

    async def measure(self, post_id: str) -> Metrics:
        """What became of a post."""
        ...

    async def comments(self, post_id: str) -> list[Comment]:
        """The newest comments, at most a hundred."""
        ...

    async def comment(self, post_id: str, text: str) -> str:
        """Comment on a post; says the comment's id. `Unknown`: look at `comments`."""
        ...

    async def reply(self, comment_id: str, text: str) -> str:
        """Answer a comment; says the answer's id. `Unknown`: look at `replies`."""
        ...

    async def replies(self, post_id: str, comment_id: str) -> list[Comment]:
        """The answers to a comment below a post, at most a hundred."""
        ...

    async def message(self, person_id: str, text: str) -> str:
        """Answer somebody who has written to the account; says the answer's id. `Unknown`: look at `messages`."""
        ...

    async def messages(self, person_id: str) -> list[Comment]:
        """The newest messages between the account and somebody, at most twenty."""
        ...

    async def delete(self, post_id: str) -> None:
        """Take a post down; one that isn't there is down already. Rejected (PERMISSION): only a person can, there."""
        ...
