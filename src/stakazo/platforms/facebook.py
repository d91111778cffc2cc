"""A Facebook Page through the Graph API: Reels, stories and plain videos, at once or at a time.

The inert thing is an upload with a video's id; `finish` names it and makes it public, and can do so once. That finish
was accepted doesn't mean that the video is public: its phases say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
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
    Metrics,
    Platform,
    Post,
    Quota,
    Source,
    Stage,
    Status,
)
from stakazo.platforms.errors import Reason, Rejected, TryLater
from stakazo.platforms.graph import Graph
from stakazo.platforms.http import Connection

SCOPES = ("pages_show_list", "pages_read_engagement", "pages_manage_posts", "pages_manage_engagement", "read_insights",
          "business_management")  # fmt: skip
CHUNK = 8 * 1024 * 1024
"""Bytes of a plain video in memory at once, at most; Meta says how many it wants next."""
MAX_STALLS = 5
"""How often pieces of one upload may go lost in a row of tries."""
PHASES = "id,status,published,permalink_url,post_id,from"
REEL_METRICS = ("blue_reels_play_count", "post_video_avg_time_watched", "post_video_view_time",
                "post_video_followers", "post_video_social_actions", "post_video_retention_graph")  # fmt: skip
VIDEO_METRICS = ("total_video_views", "total_video_avg_time_watched", "total_video_view_total_time",
                 "total_video_impressions_unique", "total_video_retention_graph")  # fmt: skip
_EDGE = {Kind.REEL: "video_reels", Kind.STORY: "video_stories"}


class FacebookPage:
    """One Page, with its own token; a `base.Publisher`."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self._graph = Graph(connection, account, allowances=("pages",))
        self._connection = connection
        self._page = account.id

    async def begin(self, post: Post, media: Media) -> Handle:
        made_at = self._connection.now()
        if edge := _EDGE.get(post.kind):
            answer = await self._graph.post(f"{self._page}/{edge}", {"upload_phase": "start"}, effect=False)
            return Handle(str(answer["video_id"]), made_at, upload_url=str(answer["upload_url"]))
        if media.source is None:
            raise Rejected("Send a plain video's bytes; only Reels and stories can be fetched.", Reason.INVALID)
        start = {"upload_phase": "start", "file_size": media.source.size}
        answer = await self._graph.post(f"{self._page}/videos", start, effect=False)
        return Handle(str(answer["video_id"]), made_at, session=str(answer["upload_session_id"]))

    async def upload(self, handle: Handle, media: Media) -> Handle:
        if handle.session:
            assert media.source is not None
            await self._send_chunks(handle, media.source)
        elif media.url:
            await self._graph.rupload_from(handle.upload_url, media.url)
        elif media.source is not None:
            await self._graph.resume(handle.upload_url, media.source, lambda: self.ask(handle, Post()))
        return handle

    async def _send_chunks(self, handle: Handle, source: Source) -> None:
        """From where Facebook has bytes to; it says after each piece where the next one begins and ends."""
        status = await self.ask(handle, Post(kind=Kind.VIDEO))
        if status.stage is not Stage.UPLOADING:
            return
        start, stop = status.received or 0, min((status.received or 0) + CHUNK, source.size)
        stalls = 0
        while start < stop:
            stop = min(stop, start + CHUNK)
            chunk = b"".join([piece async for piece in source.read(start, stop)])
            where = {"upload_phase": "transfer", "upload_session_id": handle.session, "start_offset": start}
            try:
                answer = await self._graph.send_chunk(f"{self._page}/videos", where, "video_file_chunk", chunk)
            except TryLater as later:  # a piece was lost on the way: Facebook says which it wants
                stalls += 1
                if "start_offset" not in later.said.data or stalls > MAX_STALLS:
                    raise
                answer = dict(later.said.data)
            start, stop = int(answer["start_offset"]), int(answer["end_offset"])

    async def finish(self, handle: Handle, post: Post, media: Media) -> Status:
        del media
        edge = _EDGE.get(post.kind)
        if edge:
            await self._graph.post(f"{self._page}/{edge}", reel(handle, post), effect=True)
        else:
            await self._graph.post(f"{self._page}/videos", video(handle, post), effect=True)
        return Status(Stage.SCHEDULED if post.publish_at else Stage.SENT)

    async def ask(self, handle: Handle, post: Post, *, taken: Collection[str] = ()) -> Status:
        del post, taken
        try:
            found = await self._graph.get(handle.id, {"fields": PHASES})
        except Rejected as refused:
            if refused.reason is Reason.NOT_FOUND:
                return Status(Stage.FAILED, reason=Reason.GONE, detail="Facebook doesn't know the upload any more.")
            raise
        return phases(found)

    async def discard(self, handle: Handle, post: Post) -> Leftover:
        status = await self.ask(handle, post)
        if not status.stage.inert:
            return Leftover(Left.SEEN, (handle.id,))
        if status.reason is Reason.GONE:
            return Leftover(Left.NOTHING)
        await self.delete(handle.id)
        return Leftover(Left.REMOVED, (handle.id,))

    async def quota(self) -> Quota | None:
        return None  # thirty Reels in 24 hours, but nowhere to be read

    async def names(self, post_id: str) -> tuple[str, ...]:
        return names(await self._graph.get(post_id, {"fields": PHASES}))

    async def find(self, name: str) -> str | None:
        return name  # its addresses have the id

    async def measure(self, post_id: str) -> Metrics:
        raw: dict[str, Any] = {}
        async for row in self._graph.pages(f"{post_id}/video_insights", {}, urgent=False):
            raw[row["name"]] = row["values"][0]["value"]
        return metrics(raw)

    async def comments(self, post_id: str) -> list[Comment]:
        found: list[Comment] = []
        params = {"fields": "id,message,from,created_time,parent", "order": "reverse_chronological", "filter": "stream"}
        async for row in self._graph.pages(f"{post_id}/comments", params, size=50, urgent=False):
            author = row.get("from") or {}
            found.append(
                Comment(
                    id=str(row["id"]),
                    text=str(row.get("message", "")),
                    author=str(author.get("name", "")),
                    author_id=str(author.get("id", "")),
                    at=datetime.fromisoformat(row["created_time"]),
                    parent_id=(row.get("parent") or {}).get("id"),
                )
            )
            if len(found) == 100:
                break
        return found

    async def comment(self, post_id: str, text: str) -> str:
        return str((await self._graph.post(f"{post_id}/comments", {"message": text}, effect=True))["id"])

    async def reply(self, comment_id: str, text: str) -> str:
        return str((await self._graph.post(f"{comment_id}/comments", {"message": text}, effect=True))["id"])

    async def replies(self, post_id: str, comment_id: str) -> list[Comment]:
        return [one for one in await self.comments(post_id) if one.parent_id == comment_id]

    async def message(self, person_id: str, text: str) -> str:
        return await meta_messages.write(self._graph, person_id, text)

    async def messages(self, person_id: str) -> list[Comment]:
        return await meta_messages.written(self._graph, Platform.FACEBOOK, person_id)

    async def delete(self, post_id: str) -> None:
        try:
            await self._graph.delete(post_id)
        except Rejected as refused:
            if refused.reason is not Reason.NOT_FOUND:
                raise


def reel(handle: Handle, post: Post) -> dict[str, Any]:
    """The parameters that make an uploaded Reel or story public."""
    if post.kind is Kind.STORY:
        return {"upload_phase": "finish", "video_id": handle.id}
    return {
        "upload_phase": "finish",
        "video_id": handle.id,
        "video_state": "SCHEDULED" if post.publish_at else "PUBLISHED",
        "scheduled_publish_time": int(post.publish_at.timestamp()) if post.publish_at else None,
        "description": post.caption or None,
        "title": post.title or None,
        "is_ai_generated": post.made_with_ai or None,
        "place": post.location_id or None,
    }


def video(handle: Handle, post: Post) -> dict[str, Any]:
    """The parameters that make an uploaded plain video public."""
    return {
        "upload_phase": "finish",
        "upload_session_id": handle.session,
        "description": post.caption or None,
        "title": post.title or None,
        "published": post.publish_at is None,
        "scheduled_publish_time": int(post.publish_at.timestamp()) if post.publish_at else None,
        "is_ai_generated": post.made_with_ai or None,
    }


def phases(found: Mapping[str, Any]) -> Status:
    """How far a video is, from its phases."""
    status = found.get("status") or {}
    uploading, processing, publishing = (
        status.get(f"{name}_phase") or {} for name in ("uploading", "processing", "publishing")
    )
    video_id, url = str(found["id"]), _address(found.get("permalink_url"))
    if publishing.get("status") == "complete" and publishing.get("publish_status", "published") == "published":
        return Status(Stage.PUBLISHED, post_id=video_id, aliases=names(found), url=url)
    if failed := _failed(status):
        return failed
    if publishing.get("publish_status") == "scheduled":
        return Status(Stage.SCHEDULED, post_id=video_id, url=url, look_again=300.0)
    if uploading.get("status") != "complete":
        received = uploading.get("bytes_transferred", uploading.get("bytes_transfered", 0))  # Meta writes both
        return Status(Stage.UPLOADING, received=int(received))
    # Work begins with finish. What says anything else than that the upload is complete may have been finished.
    untouched = processing.get("status", "not_started") == "not_started"
    return Status(Stage.READY if untouched and status.get("video_status") == "upload_complete" else Stage.SENT)


def names(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What a video is called beside its own id: its post's, with the Page's before it and without, and its address'.

    A Page's news names posts, its comments the post or the video, and a Reel's address a third number now and then.
    """
    post = str(found.get("post_id") or "")
    page = str((found.get("from") or {}).get("id") or "")
    tail = post.rpartition("_")[2]
    address = str(found.get("permalink_url") or "").rstrip("/").rpartition("/")[2]
    given = (post, tail, f"{page}_{tail}" if page and tail else "", address if address.isdecimal() else "")
    return tuple(dict.fromkeys(one for one in given if one and one != str(found["id"])))


def _failed(status: Mapping[str, Any]) -> Status | None:
    """Which phase went wrong, if one has."""
    reasons = {"uploading": Reason.PROCESSING, "processing": Reason.MEDIA, "publishing": Reason.BLOCKED}
    for name, reason in reasons.items():
        phase = status.get(f"{name}_phase") or {}
        if phase.get("status") == "error":
            words = "; ".join(str(error.get("message", "")) for error in phase.get("errors") or [])
            return Status(Stage.FAILED, reason=reason, detail=words)
    if status.get("video_status") in {"error", "expired"}:
        gone = status["video_status"] == "expired"
        return Status(Stage.FAILED, reason=Reason.GONE if gone else Reason.PROCESSING)
    return None


def metrics(raw: Mapping[str, Any]) -> Metrics:
    """In our words. Facebook's watch times are milliseconds; a retention graph is a share for each slot."""

    def count(*names: str) -> int | None:
        return next((int(raw[name]) for name in names if name in raw), None)

    def seconds(*names: str) -> float | None:
        return next((raw[name] / 1000 for name in names if name in raw), None)

    social = raw.get("post_video_social_actions") or {}
    likes = sum((raw.get("post_video_likes_by_reaction_type") or {}).values())
    curve = raw.get("post_video_retention_graph") or raw.get("total_video_retention_graph") or {}
    return Metrics(
        views=count("blue_reels_play_count", "total_video_views", "fb_reels_total_plays"),
        reach=count("post_impressions_unique", "total_video_impressions_unique"),
        likes=likes if "post_video_likes_by_reaction_type" in raw else None,
        comments=social.get("COMMENT"),
        shares=social.get("SHARE"),
        follows=count("post_video_followers"),
        average_watch=seconds("post_video_avg_time_watched", "total_video_avg_time_watched"),
        total_watch=seconds("post_video_view_time", "total_video_view_total_time"),
        retention=tuple(float(curve[slot]) for slot in sorted(curve, key=int)),
        raw=dict(raw),
    )


def _address(path: Any) -> str | None:
    if not path:
        return None
    return path if str(path).startswith("http") else f"https://www.facebook.com{path}"
