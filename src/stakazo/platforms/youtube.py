"""YouTube's Data and Analytics APIs.

A video is uploaded private, in a session that can be gone on with and that says afterwards which video came of it. When
it is processed, `videos.update` makes it public: an assignment, which may be repeated. Shorts are upright videos up to
three minutes; there is no flag for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stakazo.platforms.base import (
    Account,
    Comment,
    Handle,
    Left,
    Leftover,
    Media,
    Metrics,
    Post,
    Quota,
    Stage,
    Status,
)
from stakazo.platforms.errors import PlatformError, Reason, Rejected, Said, TokenExpired, TryLater, Unknown
from stakazo.platforms.http import PAUSE, UPLOAD_PAUSE, Connection, Reply, send
from stakazo.platforms.youtube_videos import PRIVACY, comment_of, is_hidden, metrics, progress, resource, visibility

SCOPES = (
    "https://www.googleapis.com/auth/youtube.upload",
    "https://www.googleapis.com/auth/youtube",
    "https://www.googleapis.com/auth/youtube.force-ssl",
    "https://www.googleapis.com/auth/yt-analytics.readonly",
)
QUOTA_ZONE = ZoneInfo("America/Los_Angeles")
"""Where a day's quota begins at midnight."""
EARLIER = timedelta(minutes=2)
"""How far a video's time may lie before its upload's: clocks differ."""
FIRST_DAY = "2005-04-23"
"""Before it there were no videos."""

TOKEN = {"authError": Reason.EXPIRED, "youtubeSignupRequired": Reason.CHECKPOINT, "unauthorized": Reason.EXPIRED}
LATER = {
    "rateLimitExceeded": (Reason.RATE, 30.0),
    "userRateLimitExceeded": (Reason.RATE, 30.0),
    "quotaExceeded": (Reason.QUOTA, 0.0),
    "dailyLimitExceeded": (Reason.QUOTA, 0.0),
    "uploadLimitExceeded": (Reason.QUOTA, 86400.0),
}
"""And after how many seconds; 0 is at midnight in California."""
REJECTED = {
    "forbidden": Reason.PERMISSION,
    "insufficientPermissions": Reason.PERMISSION,
    "accessNotConfigured": Reason.PERMISSION,
    "videoNotFound": Reason.NOT_FOUND,
    "notFound": Reason.NOT_FOUND,
    "commentsDisabled": Reason.PERMISSION,
    "processingFailure": Reason.PROCESSING,
}


class YouTube:
    """One channel; a `base.Publisher`."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self._hosts = connection.hosts(account)
        self._connection = connection
        self._account = account

    async def begin(self, post: Post, media: Media) -> Handle:
        if media.source is None:
            raise Rejected("Send the file's bytes: YouTube fetches none.", Reason.UNSUPPORTED)
        made_at = self._connection.now()
        reply = await self._send(
            "POST", f"{self._hosts.google_upload}/youtube/v3/videos", effect=False,
            params={"uploadType": "resumable", "part": "snippet,status"}, body=resource(post),
            headers={"X-Upload-Content-Length": str(media.source.size), "X-Upload-Content-Type": media.type},
        )  # fmt: skip
        self._understood(reply, effect=False)
        return Handle("", made_at, upload_url=reply.headers.get("location", ""), size=media.source.size)

    async def upload(self, handle: Handle, media: Media) -> Handle:
        assert media.source is not None
        if handle.id:
            return handle
        video_id, received = await self._session(handle)
        if video_id is None:
            headers = {
                "Content-Type": media.type,
                "Content-Length": str(handle.size - received),
                "Content-Range": f"bytes {received}-{handle.size - 1}/{handle.size}",
            }
            content = media.source.read(received, handle.size)
            reply = await self._put(handle, headers, content)
            video_id, _ = self._settled(reply)
        if video_id is None:
            raise TryLater("YouTube hasn't all bytes yet.", Reason.BUSY, after=5.0)
        return replace(handle, id=video_id)

    async def finish(self, handle: Handle, post: Post, media: Media) -> Status:
        del media
        url = f"{self._hosts.google}/youtube/v3/videos"
        body = {"id": handle.id, "status": visibility(post)}
        reply = await self._send("PUT", url, effect=True, params={"part": "status"}, body=body)
        found = self._understood(reply, effect=True)
        status = found.get("status") or {}
        if not post.publish_at and status.get("privacyStatus") != PRIVACY[post.audience]:
            raise Rejected(
                "YouTube keeps the video private: a Google project that was not audited can't publish.",
                Reason.PERMISSION,
            )
        return progress({**found, "status": {"uploadStatus": "processed", **status}}, post)

    async def ask(self, handle: Handle, post: Post, *, taken: Collection[str] = ()) -> Status:
        del taken
        if not handle.id:
            try:
                _, received = await self._session(handle)
            except Rejected as refused:
                return Status(Stage.FAILED, reason=refused.reason, detail=str(refused))
            return Status(Stage.UPLOADING, received=received)
        found = await self._get("videos", {"part": "status,processingDetails", "id": handle.id})
        for video in found.get("items") or []:
            return progress(video, post)
        return Status(Stage.FAILED, reason=Reason.GONE, detail="YouTube doesn't know the video any more.")

    async def discard(self, handle: Handle, post: Post) -> Leftover:
        video_id: str | None = handle.id
        if not video_id:
            try:
                video_id, _ = await self._session(handle)
            except Rejected as refused:
                if refused.reason is not Reason.GONE:
                    raise
                alike = await self._alike(handle.made_at - EARLIER, post)
                return Leftover(Left.ALIKE if alike else Left.NOTHING, alike)
            if video_id is None:
                return Leftover(Left.OPEN)
        for video in (await self._get("videos", {"part": "status", "id": video_id})).get("items") or []:
            if not is_hidden(video):
                return Leftover(Left.SEEN, (video_id,))
            await self.delete(video_id)
            return Leftover(Left.REMOVED, (video_id,))
        return Leftover(Left.NOTHING)

    async def _alike(self, since: datetime, post: Post) -> tuple[str, ...]:
        """What nobody sees of the channel's newest fifty videos, was uploaded since and is called like the post."""
        mine = await self._get("channels", {"part": "contentDetails", "mine": "true"})
        uploads = [one["contentDetails"]["relatedPlaylists"]["uploads"] for one in mine.get("items") or []]
        ids: list[str] = []
        for playlist in uploads:
            listed = await self._get(
                "playlistItems", {"part": "contentDetails", "playlistId": playlist, "maxResults": "50"}
            )
            ids += [str(one["contentDetails"]["videoId"]) for one in listed.get("items") or []]
        if not ids:
            return ()
        found = await self._get("videos", {"part": "snippet,status", "id": ",".join(ids)})
        words = resource(post)["snippet"]
        return tuple(
            str(video["id"])
            for video in found.get("items") or []
            if is_hidden(video)
            and datetime.fromisoformat(video["snippet"]["publishedAt"]) >= since
            and all(video["snippet"].get(name, "") == words[name] for name in ("title", "description"))
        )

    async def quota(self) -> Quota | None:
        return None  # a hundred uploads a day for a project, but nowhere to be read

    async def names(self, post_id: str) -> tuple[str, ...]:
        del post_id
        return ()

    async def find(self, name: str) -> str | None:
        return name  # its addresses have the id

    async def measure(self, post_id: str) -> Metrics:
        listed = await self._get("videos", {"part": "statistics", "id": post_id})
        if not listed.get("items"):
            raise Rejected("YouTube has no such video, or not for this account.", Reason.NOT_FOUND)
        names = "shares,subscribersGained,averageViewDuration,estimatedMinutesWatched"
        late = await self._report(post_id, names)
        curve = await self._report(post_id, "audienceWatchRatio", dimension="elapsedVideoTimeRatio")
        return metrics(listed["items"][0].get("statistics") or {}, late, curve)

    async def comments(self, post_id: str) -> list[Comment]:
        params = {
            "part": "snippet",
            "videoId": post_id,
            "maxResults": "100",
            "order": "time",
            "textFormat": "plainText",
        }
        found = await self._get("commentThreads", params)
        return [comment_of(thread["snippet"]["topLevelComment"]) for thread in found.get("items") or []]

    async def comment(self, post_id: str, text: str) -> str:
        body = {"snippet": {"videoId": post_id, "topLevelComment": {"snippet": {"textOriginal": text}}}}
        url = f"{self._hosts.google}/youtube/v3/commentThreads"
        reply = await self._send("POST", url, effect=True, params={"part": "snippet"}, body=body)
        return str(self._understood(reply, effect=True)["id"])

    async def reply(self, comment_id: str, text: str) -> str:
        body = {"snippet": {"parentId": comment_id, "textOriginal": text}}
        url = f"{self._hosts.google}/youtube/v3/comments"
        reply = await self._send("POST", url, effect=True, params={"part": "snippet"}, body=body)
        return str(self._understood(reply, effect=True)["id"])

    async def replies(self, post_id: str, comment_id: str) -> list[Comment]:
        del post_id
        params = {"part": "snippet", "parentId": comment_id, "maxResults": "100", "textFormat": "plainText"}
        return [comment_of(one) for one in (await self._get("comments", params)).get("items") or []]

    async def message(self, person_id: str, text: str) -> str:
        del person_id, text
        raise Rejected("YouTube has no messages.", Reason.UNSUPPORTED)

    async def messages(self, person_id: str) -> list[Comment]:
        del person_id
        raise Rejected("YouTube has no messages.", Reason.UNSUPPORTED)

    async def delete(self, post_id: str) -> None:
        url = f"{self._hosts.google}/youtube/v3/videos"
        reply = await self._send("DELETE", url, effect=False, params={"id": post_id})
        if reply.status != 404:
            self._understood(reply, effect=False)

    async def channels(self) -> dict[str, str]:
        """The channels that the token opens, by id, with their names: the one that the person chose."""
        found = await self._get("channels", {"part": "snippet", "mine": "true"})
        return {str(one["id"]): str(one["snippet"]["title"]) for one in found.get("items") or []}

    # --- how a request goes ---------------------------------------------------------------------------------

    async def _session(self, handle: Handle) -> tuple[str | None, int]:
        """The video that came of an upload, or how many bytes are there. Rejected (GONE) for a session too old."""
        return self._settled(
            await self._put(handle, {"Content-Length": "0", "Content-Range": f"bytes */{handle.size}"})
        )

    def _settled(self, reply: Reply) -> tuple[str | None, int]:
        if reply.status == 308:
            _, _, last = reply.headers.get("range", "").partition("-")
            return None, int(last) + 1 if last.isdigit() else 0
        if reply.status in {404, 410}:
            raise Rejected("The upload is too old; begin anew.", Reason.GONE, Said(reply.status))
        return str(self._understood(reply, effect=False)["id"]), 0

    async def _put(self, handle: Handle, headers: Mapping[str, str], content: Any = None) -> Reply:
        if not self._hosts.may_receive(handle.upload_url):
            raise Rejected("YouTube named a place for the upload that isn't its own.", Reason.INVALID)
        return await self._send("PUT", handle.upload_url, effect=False, headers=headers, content=content)

    async def _get(self, what: str, params: Mapping[str, str]) -> dict[str, Any]:
        reply = await self._send("GET", f"{self._hosts.google}/youtube/v3/{what}", effect=False, params=params)
        return self._understood(reply, effect=False)

    async def _report(self, video_id: str, names: str, dimension: str | None = None) -> list[dict[str, float]]:
        params = {
            "ids": "channel==MINE",
            "startDate": FIRST_DAY,
            "endDate": self._connection.now().date().isoformat(),
            "metrics": names,
            "filters": f"video=={video_id}",
        } | ({"dimensions": dimension} if dimension else {})
        url = f"{self._hosts.google_analytics}/v2/reports"
        found = self._understood(await self._send("GET", url, effect=False, params=params), effect=False)
        columns = [column["name"] for column in found.get("columnHeaders") or []]
        return [dict(zip(columns, row, strict=True)) for row in found.get("rows") or []]

    async def _send(
        self, method: str, url: str, *, effect: bool, params: Mapping[str, str] | None = None, body: Any = None,
        headers: Mapping[str, str] | None = None, content: Any = None,
    ) -> Reply:  # fmt: skip
        return await send(
            self._connection.http, self._hosts, method, url, effect=effect, params=params, json_body=body,
            content=content, headers={"Authorization": f"Bearer {self._account.token}", **(headers or {})},
            patience=UPLOAD_PAUSE if content is not None else PAUSE,
        )  # fmt: skip

    def _understood(self, reply: Reply, *, effect: bool) -> dict[str, Any]:
        if reply.status < 300:
            found = reply.json()
            return found if isinstance(found, dict) else {}
        raise refusal(reply, self._connection.now(), effect=effect)


def refusal(reply: Reply, now: datetime, *, effect: bool) -> PlatformError:
    """What an error's `reason` stands for; Google's name for a code."""
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code = str(next((one.get("reason", "") for one in error.get("errors") or []), ""))
    said = Said(reply.status, code or None, None, str(error.get("message", ""))[:500])
    sentence = f"{said.message or 'YouTube refused'} [YouTube {reply.status} {code}]"
    if code in TOKEN or reply.status == 401:
        return TokenExpired(sentence, TOKEN.get(code, Reason.EXPIRED), said)
    if code in LATER or reply.status == 429:
        reason, after = LATER.get(code, (Reason.RATE, 30.0))
        return TryLater(sentence, reason, said, after=after or until_midnight(now))
    if reply.status < 500:
        reason = REJECTED.get(code, Reason.NOT_FOUND if reply.status == 404 else Reason.INVALID)
        return Rejected(sentence, reason, said)
    return Unknown(sentence, said=said) if effect else TryLater(sentence, Reason.BUSY, said, after=30.0)


def until_midnight(now: datetime) -> float:
    """Seconds until a new day's quota."""
    local = now.astimezone(QUOTA_ZONE)
    tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow.astimezone(UTC) - now).total_seconds()
