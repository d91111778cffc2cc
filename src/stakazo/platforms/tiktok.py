"""TikTok's Content Posting API: direct posts, and drafts for the app's inbox.

`init` makes an upload and says what the post will be; TikTok publishes by itself when the last byte is there. So
the last piece of the file is the act that makes it public: `upload` sends all pieces but that one, `finish` sends it. A
file that TikTok fetches from an address would be published without such a moment, so bytes are always sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from stakazo.platforms.base import (
    Account,
    Audience,
    Comment,
    Handle,
    Kind,
    Left,
    Leftover,
    Media,
    Metrics,
    Post,
    Quota,
    Source,
    Stage,
    Status,
)
from stakazo.platforms.errors import PlatformError, Reason, Rejected, Said, TokenExpired, TryLater, Unknown
from stakazo.platforms.http import UPLOAD_PAUSE, Connection, Reply, send

SCOPES = ("user.info.basic", "video.publish", "video.upload", "video.list")
MiB = 1024 * 1024
CHUNK, LARGEST_CHUNK, MOST_CHUNKS = 8 * MiB, 64 * MiB, 1000
"""Bytes of a piece: TikTok takes 5 to 64 MB, at most a thousand, and the rest with the last one."""
PRIVACY = {
    Audience.PUBLIC: "PUBLIC_TO_EVERYONE",
    Audience.FRIENDS: "MUTUAL_FOLLOW_FRIENDS",
    Audience.FOLLOWERS: "FOLLOWER_OF_CREATOR",
    Audience.PRIVATE: "SELF_ONLY",
}

HOUR, DAY = 3600.0, 86400.0
LATER: dict[str, tuple[Reason, float]] = {
    "rate_limit_exceeded": (Reason.RATE, 60.0),
    "spam_risk_too_many_posts": (Reason.QUOTA, DAY / 4),
    "spam_risk_too_many_pending_share": (Reason.QUOTA, HOUR),
    "reached_active_user_cap": (Reason.QUOTA, DAY / 4),
}
REJECTED: dict[str, Reason] = {
    "scope_not_authorized": Reason.PERMISSION,
    "scope_permission_missed": Reason.PERMISSION,
    "unaudited_client_can_only_post_to_private_accounts": Reason.PERMISSION,
    "privacy_level_option_mismatch": Reason.INVALID,
    "url_ownership_unverified": Reason.FETCH,
    "invalid_params": Reason.INVALID,
    "invalid_param": Reason.INVALID,
    "invalid_publish_id": Reason.NOT_FOUND,
    "token_not_authorized_for_specified_publish_id": Reason.NOT_FOUND,
    "spam_risk_user_banned_from_posting": Reason.BLOCKED,
    "spam_risk_text": Reason.BLOCKED,
    "spam_risk": Reason.BLOCKED,
}
TOKEN: dict[str, Reason] = {"access_token_invalid": Reason.EXPIRED, "access_token_expired": Reason.EXPIRED}
FAILED: dict[str, Reason] = {
    "file_format_check_failed": Reason.MEDIA,
    "duration_check_failed": Reason.MEDIA,
    "frame_rate_check_failed": Reason.MEDIA,
    "picture_size_check_failed": Reason.MEDIA,
    "video_pull_failed": Reason.FETCH,
    "auth_removed": Reason.REVOKED,
    "publish_cancelled": Reason.GONE,
    "internal": Reason.PROCESSING,
}
"""Why a post failed. What isn't here begins with `spam_risk`, or is new."""


@dataclass(frozen=True, slots=True)
class Creator:
    """What the creator allows, to be asked for before every post and shown to the person."""

    name: str
    nickname: str
    privacy: tuple[str, ...]
    longest: int
    """Seconds."""
    comments: bool
    duets: bool
    stitches: bool


class TikTok:
    """One creator; a `base.Publisher`."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self._hosts = connection.hosts(account)
        self._connection = connection
        self._account = account

    async def creator(self) -> Creator:
        """What may be posted. TikTok wants it asked, and shown, before every post."""
        found = await self._post("post/publish/creator_info/query/", {}, effect=False)
        return Creator(
            name=str(found.get("creator_username", "")),
            nickname=str(found.get("creator_nickname", "")),
            privacy=tuple(found.get("privacy_level_options") or ()),
            longest=int(found.get("max_video_post_duration_sec", 0)),
            comments=not found.get("comment_disabled"),
            duets=not found.get("duet_disabled"),
            stitches=not found.get("stitch_disabled"),
        )

    async def person(self) -> tuple[str, str]:
        """Whose the token is: open id and name."""
        headers = {"Authorization": f"Bearer {self._account.token}"}
        url = f"{self._hosts.tiktok}/v2/user/info/?fields=open_id,display_name"
        found = understood(
            await send(self._connection.http, self._hosts, "GET", url, effect=False, headers=headers), effect=False
        )
        user = found.get("user") or {}
        return str(user.get("open_id", "")), str(user.get("display_name", ""))

    async def begin(self, post: Post, media: Media) -> Handle:
        if media.source is None:
            raise Rejected(
                "Send the file's bytes: what TikTok fetches itself, it publishes at once.", Reason.UNSUPPORTED
            )
        size = media.source.size
        made_at = self._connection.now()
        source = {
            "source": "FILE_UPLOAD",
            "video_size": size,
            "chunk_size": chunk_size(size),
            "total_chunk_count": count(size),
        }
        if post.kind is Kind.INBOX:
            found = await self._post("post/publish/inbox/video/init/", {"source_info": source}, effect=False)
        else:
            creator = await self.creator()
            _check(post, media, creator)
            body = {"post_info": post_info(post, creator), "source_info": source}
            found = await self._post("post/publish/video/init/", body, effect=False)
        return Handle(str(found["publish_id"]), made_at, upload_url=str(found["upload_url"]), size=size)

    async def upload(self, handle: Handle, media: Media) -> Handle:
        assert media.source is not None
        status = await self.ask(handle, Post())
        if status.stage is Stage.UPLOADING:
            for start, stop in pieces(handle.size)[:-1]:
                if start >= (status.received or 0):
                    await self._put(handle, media.source, start, stop, media.type, effect=False)
        return handle

    async def finish(self, handle: Handle, post: Post, media: Media) -> Status:
        assert media.source is not None
        status = await self.ask(handle, post)
        if status.stage is not Stage.READY:
            return status
        start, stop = pieces(handle.size)[-1]
        await self._put(handle, media.source, start, stop, media.type, effect=True)
        return Status(Stage.SENT)

    async def ask(self, handle: Handle, post: Post, *, taken: Collection[str] = ()) -> Status:
        del post, taken
        try:
            found = await self._post("post/publish/status/fetch/", {"publish_id": handle.id}, effect=False)
        except Rejected as refused:
            if refused.reason is Reason.NOT_FOUND:
                return Status(Stage.FAILED, reason=Reason.GONE, detail="TikTok doesn't know the upload any more.")
            raise
        status = progress(found, handle.size)
        if status.stage is Stage.PUBLISHED and status.post_id:
            return Status(Stage.PUBLISHED, post_id=status.post_id, url=await self._address(status.post_id))
        return status

    async def discard(self, handle: Handle, post: Post) -> Leftover:
        del handle, post
        return Leftover(Left.NOTHING)  # what isn't whole after an hour is gone

    async def quota(self) -> Quota | None:
        return None  # fifteen posts a day or so, but TikTok says it only by refusing

    async def names(self, post_id: str) -> tuple[str, ...]:
        del post_id
        return ()

    async def find(self, name: str) -> str | None:
        return name  # its addresses have the id

    async def measure(self, post_id: str) -> Metrics:
        video = await self._video(post_id, "id,view_count,like_count,comment_count,share_count,duration")
        return Metrics(
            views=video.get("view_count"),
            likes=video.get("like_count"),
            comments=video.get("comment_count"),
            shares=video.get("share_count"),
            raw=video,
        )

    async def comments(self, post_id: str) -> list[Comment]:
        del post_id
        raise _unsupported("shows comments")

    async def comment(self, post_id: str, text: str) -> str:
        del post_id, text
        raise _unsupported("takes comments")

    async def reply(self, comment_id: str, text: str) -> str:
        del comment_id, text
        raise _unsupported("takes answers")

    async def replies(self, post_id: str, comment_id: str) -> list[Comment]:
        del post_id, comment_id
        raise _unsupported("shows answers")

    async def message(self, person_id: str, text: str) -> str:
        del person_id, text
        raise _unsupported("takes messages")

    async def messages(self, person_id: str) -> list[Comment]:
        del person_id
        raise _unsupported("shows messages")

    async def delete(self, post_id: str) -> None:
        del post_id
        raise _unsupported("deletes posts")

    async def _address(self, post_id: str) -> str | None:
        try:
            return (await self._video(post_id, "id,share_url")).get("share_url")
        except PlatformError:
            return None  # it is public all the same

    async def _video(self, post_id: str, fields: str) -> dict[str, Any]:
        found = await self._post(f"video/query/?fields={fields}", {"filters": {"video_ids": [post_id]}}, effect=False)
        for video in found.get("videos") or []:
            return dict(video)
        raise Rejected("TikTok has no such video, or not for this account.", Reason.NOT_FOUND)

    async def _post(self, path: str, body: Mapping[str, Any], *, effect: bool) -> dict[str, Any]:
        reply = await send(
            self._connection.http,
            self._hosts,
            "POST",
            f"{self._hosts.tiktok}/v2/{path}",
            effect=effect,
            json_body=body,
            headers={"Authorization": f"Bearer {self._account.token}"},
        )
        return understood(reply, effect=effect)

    async def _put(self, handle: Handle, source: Source, start: int, stop: int, kind: str, *, effect: bool) -> None:
        """One piece; it carries no token, for the address is the permission."""
        if not self._hosts.may_receive(handle.upload_url):
            raise Rejected("TikTok named a place for the upload that isn't its own.", Reason.INVALID)
        content: AsyncIterator[bytes] = source.read(start, stop)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(stop - start),
            "Content-Range": f"bytes {start}-{stop - 1}/{handle.size}",
        }
        reply = await send(
            self._connection.http, self._hosts, "PUT", handle.upload_url,
            effect=effect, content=content, headers=headers, patience=UPLOAD_PAUSE,
        )  # fmt: skip
        if reply.status in {403, 404, 410}:
            raise Rejected("The upload's address is too old; begin anew.", Reason.GONE, Said(reply.status))
        if reply.status not in {200, 201, 206}:
            raise _trouble(reply, effect=effect)


def understood(reply: Reply, *, effect: bool) -> dict[str, Any]:
    """What an answer holds. Raises what its `error.code` stands for."""
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        raise _trouble(reply, effect=effect)
    code = str(error.get("code", ""))
    if code == "ok":
        return body.get("data") or {}
    said = Said(reply.status, code, None, str(error.get("message", ""))[:500], str(error.get("log_id", "")))
    sentence = f"{said.message or 'TikTok refused'} [TikTok {code}]"
    if code in TOKEN:
        raise TokenExpired(sentence, TOKEN[code], said)
    if code in LATER:
        reason, after = LATER[code]
        raise TryLater(sentence, reason, said, after=after)
    if code in REJECTED or (reply.status < 500 and not effect):
        raise Rejected(sentence, REJECTED.get(code, Reason.INVALID), said)
    raise _trouble(reply, effect=effect, said=said)


def progress(found: Mapping[str, Any], size: int) -> Status:
    """How far a publish id is, of a file of so many bytes."""
    match found.get("status"):
        case "PUBLISH_COMPLETE":
            ids = found.get("publicaly_available_post_id") or []  # TikTok's spelling; empty until it is moderated
            return Status(Stage.PUBLISHED, post_id=str(ids[0]) if ids else None, look_again=60.0)
        case "SEND_TO_USER_INBOX":
            return Status(Stage.INBOX, look_again=300.0)
        case "FAILED":
            why = str(found.get("fail_reason", ""))
            reason = FAILED.get(why, Reason.BLOCKED if why.startswith("spam_risk") else Reason.PROCESSING)
            return Status(Stage.FAILED, reason=reason, detail=why)
    received = int(found.get("uploaded_bytes", 0))
    if received >= size:
        return Status(Stage.SENT)
    return Status(Stage.READY if received >= pieces(size)[-1][0] else Stage.UPLOADING, received=received)


def chunk_size(size: int) -> int:
    """Bytes of every piece but the last, which takes the rest too."""
    if size < 2 * CHUNK:
        return size
    return max(CHUNK, -(-size // MOST_CHUNKS))


def count(size: int) -> int:
    """How many pieces: rounded down, since the last one takes the rest."""
    return max(1, size // chunk_size(size))


def pieces(size: int) -> list[tuple[int, int]]:
    """Where each piece begins and ends."""
    each, last = chunk_size(size), count(size) - 1
    return [(at * each, size if at == last else (at + 1) * each) for at in range(last + 1)]


def post_info(post: Post, creator: Creator) -> dict[str, Any]:
    """What the post will be. What the creator has turned off stays off."""
    info: dict[str, Any] = {
        "title": post.caption,
        "privacy_level": PRIVACY[post.audience],
        "disable_comment": not (post.comments and creator.comments),
        "disable_duet": not (post.duets and creator.duets),
        "disable_stitch": not (post.stitches and creator.stitches),
        "brand_content_toggle": post.paid_partnership,
        "brand_organic_toggle": post.promotes_own,
        "is_aigc": post.made_with_ai,
    }
    if post.cover_at is not None:
        info["video_cover_timestamp_ms"] = round(post.cover_at * 1000)
    return info


def _check(post: Post, media: Media, creator: Creator) -> None:
    wanted = PRIVACY[post.audience]
    if wanted not in creator.privacy:
        allowed = ", ".join(creator.privacy) or "nothing"
        raise Rejected(
            f"This account may not post as {wanted}; TikTok allows {allowed}. Apps that TikTok has not audited may "
            "only post privately.",
            Reason.INVALID,
        )
    if media.duration is not None and creator.longest and media.duration > creator.longest:
        raise Rejected(f"This account may post up to {creator.longest} seconds.", Reason.MEDIA)


def _trouble(reply: Reply, *, effect: bool, said: Said | None = None) -> PlatformError:
    said = said or Said(reply.status, message=reply.body[:200].decode("utf-8", "replace"))
    if effect:
        return Unknown(f"TikTok answered with HTTP {reply.status} and nothing that says what happened.", said=said)
    return TryLater(f"TikTok has troubles of its own (HTTP {reply.status}).", Reason.BUSY, said, after=30.0)


def _unsupported(what: str) -> Rejected:
    return Rejected(f"TikTok {what} in its app only.", Reason.UNSUPPORTED)
