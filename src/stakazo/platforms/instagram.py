"""Instagram through the Graph API (with Facebook Login, which can upload from disk).

A container is the inert thing: it is made, fed, worked on, and expires after a day. `media_publish` names it, and a
container can be published once; so a lost answer is settled by the container's `status_code`, and the post is then
looked for among the account's newest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from stakazo.platforms import meta_messages
from stakazo.platforms.base import (
    Account,
    Comment,
    Handle,
    Kind,
    Left,
    Leftover,
    Media,
    Mention,
    Metrics,
    Platform,
    Post,
    Quota,
    Stage,
    Status,
)
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.platforms.graph import Graph, Part
from stakazo.platforms.graph_errors import CONTAINER
from stakazo.platforms.http import Connection

SCOPES = ("instagram_basic", "instagram_content_publish", "instagram_manage_comments", "instagram_manage_insights",
          "pages_read_engagement", "pages_show_list", "business_management")  # fmt: skip
EARLIER = timedelta(minutes=2)
"""How far a post's time may lie before its container's: clocks differ."""
REEL_METRICS = (
    "views", "reach", "likes", "comments", "shares", "saved", "total_interactions",
    "ig_reels_avg_watch_time", "ig_reels_video_view_total_time", "reels_skip_rate",
)  # fmt: skip
STORY_METRICS = ("views", "reach", "replies", "shares", "total_interactions", "navigation", "follows")
_NUMBER = re.compile(r"\b(2207\d{3})\b")


class Instagram:
    """One professional account; a `base.Publisher`."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self._graph = Graph(connection, account, allowances=("instagram",))
        self._connection = connection
        self._user = account.id

    async def begin(self, post: Post, media: Media) -> Handle:
        made_at = self._connection.now()
        answer = await self._graph.post(f"{self._user}/media", container(post, media), effect=False)
        return Handle(str(answer["id"]), made_at, upload_url=str(answer.get("uri", "")))

    async def upload(self, handle: Handle, media: Media) -> Handle:
        if media.source is not None and handle.upload_url:  # else Instagram fetches it
            await self._graph.resume(handle.upload_url, media.source, lambda: self.ask(handle, Post()))
        return handle

    async def finish(self, handle: Handle, post: Post, media: Media) -> Status:
        del post, media
        answer = await self._graph.post(f"{self._user}/media_publish", {"creation_id": handle.id}, effect=True)
        return await self._published(str(answer["id"]))

    async def ask(self, handle: Handle, post: Post, *, taken: Collection[str] = ()) -> Status:
        try:
            found = await self._graph.get(handle.id, {"fields": "id,status_code,status,video_status"})
        except Rejected as refused:
            if refused.reason is Reason.NOT_FOUND:
                return Status(Stage.FAILED, reason=Reason.GONE, detail="Instagram doesn't know the container any more.")
            raise
        if found.get("status_code") == "PUBLISHED":
            return await self._search(handle, post, taken)
        return progress(found, resumable=bool(handle.upload_url))

    async def discard(self, handle: Handle, post: Post) -> Leftover:
        del handle, post
        return Leftover(Left.NOTHING)  # a container can't be removed, and is gone after a day

    async def quota(self) -> Quota | None:
        answer = await self._graph.get(f"{self._user}/content_publishing_limit", {"fields": "config,quota_usage"})
        for limit in answer.get("data", []):
            config = limit.get("config") or {}
            return Quota(int(limit["quota_usage"]), int(config["quota_total"]), int(config["quota_duration"]))
        return None

    async def names(self, post_id: str) -> tuple[str, ...]:
        del post_id
        return ()

    async def find(self, name: str) -> str | None:
        for edge in ("media", "stories"):
            async for row in self._graph.pages(f"{self._user}/{edge}", {"fields": "id,permalink"}):
                if name in str(row.get("permalink", "")).split("/"):
                    return str(row["id"])
        return None

    async def measure(self, post_id: str) -> Metrics:
        kind = await self._graph.get(post_id, {"fields": "media_product_type"}, urgent=False)
        names = STORY_METRICS if kind.get("media_product_type") == "STORY" else REEL_METRICS
        answer = await self._graph.get(f"{post_id}/insights", {"metric": ",".join(names)}, urgent=False)
        return metrics({row["name"]: _number(row) for row in answer.get("data", [])})

    async def comments(self, post_id: str) -> list[Comment]:
        return await self._said(f"{post_id}/comments")

    async def _said(self, edge: str) -> list[Comment]:
        fields = "id,text,from,timestamp,parent_id"
        found: list[Comment] = []
        async for row in self._graph.pages(edge, {"fields": fields}, size=50, urgent=False):
            author = row.get("from") or {}
            found.append(
                Comment(
                    id=str(row["id"]),
                    text=str(row.get("text", "")),
                    author=str(author.get("username", "")),
                    author_id=str(author.get("id", "")),
                    at=_time(row["timestamp"]),
                    parent_id=row.get("parent_id"),
                )
            )
            if len(found) == 100:
                break
        return found

    async def comment(self, post_id: str, text: str) -> str:
        return str((await self._graph.post(f"{post_id}/comments", {"message": text}, effect=True))["id"])

    async def reply(self, comment_id: str, text: str) -> str:
        return str((await self._graph.post(f"{comment_id}/replies", {"message": text}, effect=True))["id"])

    async def replies(self, post_id: str, comment_id: str) -> list[Comment]:
        del post_id
        return await self._said(f"{comment_id}/replies")

    async def mentions(self, of: Sequence[tuple[str, str | None]]) -> list[Mention | None]:
        """What others have said of us, in few requests; None for what Instagram doesn't show (any more).

        Args:
            of: The post of each, and the comment below it where that is what names us.
        """
        asked = [self._mention(post, comment) for post, comment in of]
        answers = iter(await self._graph.batch([part for parts in asked for part in parts], effect=False))
        return [mention(*(_known(next(answers)) for _ in parts)) for parts in asked]

    def _mention(self, post_id: str, comment_id: str | None) -> list[Part]:
        """A comment doesn't say where it is: its post does, where Instagram shows us that."""
        wanted = [f"mentioned_media.media_id({post_id}){{id,caption,permalink,username}}"]
        if comment_id is not None:
            wanted.insert(0, f"mentioned_comment.comment_id({comment_id}){{id,text,username}}")
        return [Part("GET", self._user, {"fields": fields}) for fields in wanted]

    async def hide(self, comment_id: str, *, hidden: bool = True) -> None:
        """Hide a comment, or show it again."""
        await self._graph.post(comment_id, {"hide": hidden}, effect=False)

    async def message(self, person_id: str, text: str) -> str:
        return await meta_messages.write(self._graph, person_id, text)

    async def messages(self, person_id: str) -> list[Comment]:
        return await meta_messages.written(self._graph, Platform.INSTAGRAM, person_id)

    async def delete(self, post_id: str) -> None:
        try:
            await self._graph.delete(post_id)
        except Rejected as refused:
            if refused.reason is not Reason.NOT_FOUND:
                raise

    async def _search(self, handle: Handle, post: Post, taken: Collection[str]) -> Status:
        """Which of the newest posts ours is. When several could be it, none is taken: better no id than a wrong one."""
        edge = "stories" if post.kind is Kind.STORY else "media"
        since = handle.made_at - EARLIER
        ours: list[str] = []
        async for row in self._graph.pages(f"{self._user}/{edge}", {"fields": "id,caption,timestamp"}, size=25):
            if _time(row["timestamp"]) < since:
                break
            if str(row["id"]) not in taken and _same(str(row.get("caption", "")), post.caption, post.kind):
                ours.append(str(row["id"]))
        if len(ours) == 1:
            return await self._published(ours[0])
        return Status(Stage.PUBLISHED, detail=f"{len(ours)} posts could be it.")

    async def _published(self, media_id: str) -> Status:
        """It is public whatever this look says: it may fail for a while, and then only the address is missing."""
        try:
            found = await self._graph.get(media_id, {"fields": "id,permalink"})
        except (Rejected, TryLater, TokenExpired) as error:
            return Status(Stage.PUBLISHED, post_id=media_id, detail=str(error))
        return Status(Stage.PUBLISHED, post_id=media_id, url=found.get("permalink"))


def container(post: Post, media: Media) -> dict[str, Any]:
    """The parameters of the container that this post wants."""
    story = post.kind is Kind.STORY
    upload = {"video_url": media.url} if media.url else {"upload_type": "resumable"}
    if story:
        return {"media_type": "STORIES", **upload, "is_ai_generated": post.made_with_ai or None}
    return {
        "media_type": "REELS",
        **upload,
        "caption": post.caption or None,
        "share_to_feed": True if post.kind is Kind.FEED else post.share_to_feed,
        "cover_url": post.cover_url,
        "thumb_offset": None if post.cover_at is None or post.cover_url else round(post.cover_at * 1000),
        "collaborators": list(post.collaborators) or None,
        "audio_name": post.audio_name or None,
        "location_id": post.location_id or None,
        "trial_params": {"graduation_strategy": post.trial.value} if post.trial else None,
        "is_ai_generated": post.made_with_ai or None,
        "is_paid_partnership": post.paid_partnership or None,
    }


def progress(found: Mapping[str, Any], *, resumable: bool) -> Status:
    """How far a container is that isn't published."""
    match found.get("status_code"):
        case "FINISHED":
            return Status(Stage.READY)
        case "EXPIRED":
            return Status(Stage.FAILED, reason=Reason.GONE, detail="The container expired unpublished.")
        case "ERROR":
            return _failed(str(found.get("status", "")))
    received = _received(found.get("video_status"))
    if resumable and received is not None:
        return Status(Stage.UPLOADING, received=received)
    return Status(Stage.PROCESSING)


def metrics(raw: Mapping[str, float]) -> Metrics:
    """In our words. Instagram's watch times are milliseconds, its skip rate is percent."""

    def count(name: str) -> int | None:
        return int(raw[name]) if name in raw else None

    def seconds(name: str) -> float | None:
        return raw[name] / 1000 if name in raw else None

    return Metrics(
        views=count("views"),
        reach=count("reach"),
        likes=count("likes"),
        comments=count("comments" if "comments" in raw else "replies"),  # below a story nobody comments
        shares=count("shares"),
        saves=count("saved"),
        follows=count("follows"),
        average_watch=seconds("ig_reels_avg_watch_time"),
        total_watch=seconds("ig_reels_video_view_total_time"),
        skip_rate=raw["reels_skip_rate"] / 100 if "reels_skip_rate" in raw else None,
        raw=dict(raw),
    )


def mention(first: Mapping[str, Any], post: Mapping[str, Any] | None = None) -> Mention | None:
    """From what was answered of the comment, if that is what names us, and of the post."""
    media = (first if post is None else post).get("mentioned_media") or {}
    said = media if post is None else first.get("mentioned_comment") or {}
    if not said:
        return None
    text = str(said.get("caption" if post is None else "text") or "")
    return Mention(text, str(said.get("username") or ""), media.get("permalink"))


def _known(answer: dict[str, Any] | PlatformError) -> dict[str, Any]:
    """Nothing where it is not to be had. Raises what may pass."""
    if isinstance(answer, Rejected | Unknown):
        return {}
    if isinstance(answer, PlatformError):
        raise answer
    return answer


def _failed(status: str) -> Status:
    found = _NUMBER.search(status)
    reason = CONTAINER.get(int(found[1]), Reason.PROCESSING) if found else Reason.PROCESSING
    return Status(Stage.FAILED, reason=reason, detail=status)


def _received(video_status: Any) -> int | None:
    """How many bytes a resumable upload has; None when it has them all."""
    phase = (video_status or {}).get("uploading_phase") or {}
    if not phase or phase.get("status") == "complete":
        return None
    return int(phase.get("bytes_transferred", phase.get("bytes_transfered", 0)))


def _same(theirs: str, ours: str, kind: Kind) -> bool:
    return kind is Kind.STORY or theirs.split() == ours.split()


def _number(row: Mapping[str, Any]) -> float:
    if "total_value" in row:
        return float(row["total_value"]["value"])
    return float(row["values"][0]["value"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
