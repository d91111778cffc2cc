"""What YouTube is told of a video, and what it says of one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from stakazo.platforms.base import Audience, Comment, Metrics, Post, Stage, Status
from stakazo.platforms.errors import Reason

PRIVACY = {
    Audience.PUBLIC: "public",
    Audience.FRIENDS: "unlisted",
    Audience.FOLLOWERS: "unlisted",
    Audience.PRIVATE: "private",
}
FAILURES = {
    "codec": Reason.MEDIA,
    "conversion": Reason.PROCESSING,
    "emptyFile": Reason.MEDIA,
    "invalidFile": Reason.MEDIA,
    "tooSmall": Reason.MEDIA,
    "uploadAborted": Reason.GONE,
}
REFUSALS = {"duplicate": Reason.DUPLICATE, "length": Reason.MEDIA}
"""Why YouTube rejected a video; anything else is against its rules."""


def resource(post: Post) -> dict[str, Any]:
    """The video that is uploaded: private whatever the post says."""
    return {
        "snippet": {
            "title": post.title or post.caption[:100] or "Untitled",
            "description": post.caption,
            "tags": list(post.tags),
            "categoryId": post.category,
        },
        "status": {
            "privacyStatus": "private",
            "selfDeclaredMadeForKids": post.for_kids,
            "containsSyntheticMedia": post.made_with_ai,
        },
    }


def visibility(post: Post) -> dict[str, Any]:
    """Who sees it from now on, or from its time on; what the update leaves out, YouTube would reset."""
    at = post.publish_at
    return {
        "privacyStatus": "private" if at else PRIVACY[post.audience],
        "selfDeclaredMadeForKids": post.for_kids,
        "containsSyntheticMedia": post.made_with_ai,
    } | ({"publishAt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")} if at else {})


def progress(video: Mapping[str, Any], post: Post) -> Status:
    """How far a video is."""
    status = video.get("status") or {}
    if failed := _failed(status):
        return failed
    if status.get("uploadStatus") != "processed":
        return Status(Stage.PROCESSING)
    done = Status(Stage.PUBLISHED, post_id=str(video["id"]), url=f"https://www.youtube.com/watch?v={video['id']}")
    if status.get("publishAt"):
        return replace(done, stage=Stage.SCHEDULED, look_again=300.0)
    if status.get("privacyStatus") != "private" or post.audience is Audience.PRIVATE:
        return done
    return Status(Stage.READY)


def is_hidden(video: Mapping[str, Any]) -> bool:
    """Whether nobody sees it, nor will by itself."""
    status = video.get("status") or {}
    return status.get("privacyStatus") == "private" and not status.get("publishAt")


def _failed(status: Mapping[str, Any]) -> Status | None:
    match status.get("uploadStatus"):
        case "failed":
            why = str(status.get("failureReason", ""))
            return Status(Stage.FAILED, reason=FAILURES.get(why, Reason.PROCESSING), detail=why)
        case "rejected":
            why = str(status.get("rejectionReason", ""))
            return Status(Stage.FAILED, reason=REFUSALS.get(why, Reason.BLOCKED), detail=why)
        case "deleted":
            return Status(Stage.FAILED, reason=Reason.GONE)
    return None


def metrics(now: Mapping[str, Any], late: list[dict[str, float]], curve: list[dict[str, float]]) -> Metrics:
    """In our words: counts of this moment, and what Analytics knows two or three days later."""

    def count(name: str) -> int | None:
        return int(now[name]) if name in now else None

    row = late[0] if late else {}
    minutes = row.get("estimatedMinutesWatched")
    return Metrics(
        views=count("viewCount"),
        likes=count("likeCount"),
        comments=count("commentCount"),
        shares=int(row["shares"]) if "shares" in row else None,
        follows=int(row["subscribersGained"]) if "subscribersGained" in row else None,
        average_watch=row.get("averageViewDuration"),
        total_watch=None if minutes is None else minutes * 60,
        retention=tuple(slot["audienceWatchRatio"] for slot in curve),
        raw={"statistics": dict(now), "analytics": row},
    )


def comment_of(found: Mapping[str, Any]) -> Comment:
    """A comment, or an answer to one."""
    said = found["snippet"]
    return Comment(
        id=str(found["id"]),
        text=str(said.get("textDisplay", "")),
        author=str(said.get("authorDisplayName", "")),
        author_id=str((said.get("authorChannelId") or {}).get("value", "")),
        at=datetime.fromisoformat(said["publishedAt"]),
    )
