"""The people of the sandbox: how often a post is seen, and what they do then. Pure.

Every post has an appeal of its own (drawn from its id) and is seen along the same curve: half of all views come in the
first day, nearly all within four weeks. The same post at the same age has the same numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Protocol

DAY = 86400.0
HALF_LIFE = DAY
REACH_OF_VIEWS, LIKES, COMMENTS, SHARES, SAVES, FOLLOWS = 0.72, 0.061, 0.004, 0.009, 0.012, 0.002
RESTATED = 0.93
"""What is left of numbers that a platform corrects."""


class Clock(Protocol):
    def now(self) -> float: ...


def appeal(post_id: str) -> random.Random:
    """Chance that belongs to the post."""
    return random.Random(f"appeal/{post_id}")  # noqa: S311 - play


def views(post_id: str, age: float, followers: int = 5000) -> int:
    """Views of a post `age` seconds after it appeared."""
    most = followers * math.exp(appeal(post_id).gauss(0.2, 0.9))
    return int(most * (1 - 0.5 ** (max(0.0, age) / HALF_LIFE)))


def behaviour(post_id: str, seen: int) -> dict[str, Any]:
    """What so many viewers do, and how long they stay (milliseconds)."""
    dice = appeal(f"{post_id}/b")
    mood = math.exp(dice.gauss(0, 0.35))
    watch = 1000 * dice.uniform(3.5, 14)
    return {
        "reach": int(seen * REACH_OF_VIEWS),
        "likes": int(seen * LIKES * mood),
        "comments": int(seen * COMMENTS * mood),
        "shares": int(seen * SHARES * mood),
        "saves": int(seen * SAVES * mood),
        "follows": int(seen * FOLLOWS * mood),
        "average_watch": round(watch, 1),
        "total_watch": round(watch * seen),
        "skip_rate": round(dice.uniform(18, 62), 2),
    }


def retention(post_id: str, slots: int = 40) -> dict[str, float]:
    """The share that is left in each slot of the video."""
    fall = appeal(f"{post_id}/r").uniform(1.2, 3.4)
    return {str(slot): round(math.exp(-fall * slot / slots), 4) for slot in range(slots)}


def instagram(clock: Clock, media: Mapping[str, Any], *, restated: bool = False) -> dict[str, Any]:
    """Instagram's names and numbers for a post."""
    seen = views(media["id"], clock.now() - media["made"])
    seen = int(seen * RESTATED) if restated else seen
    done = behaviour(media["id"], seen)
    shared = {
        "views": seen,
        "reach": done["reach"],
        "shares": done["shares"],
        "total_interactions": done["likes"] + done["comments"] + done["shares"] + done["saves"],
        "likes": done["likes"],
        "comments": done["comments"],
    }
    if media.get("media_product_type") == "STORY":
        return {
            **shared,
            "replies": done["comments"],
            "navigation": seen // 2,
            "follows": done["follows"],
            "profile_visits": seen // 50,
        }
    return {
        **shared,
        "saved": done["saves"],
        "ig_reels_avg_watch_time": done["average_watch"],
        "ig_reels_video_view_total_time": done["total_watch"],
        "reels_skip_rate": done["skip_rate"],
    }


def facebook(clock: Clock, video: Mapping[str, Any], *, restated: bool = False) -> dict[str, Any]:
    """Facebook's names and numbers for a Page's video."""
    seen = views(video["id"], clock.now() - video["made"], followers=3000)
    seen = int(seen * RESTATED) if restated else seen
    done = behaviour(video["id"], seen)
    shared = {
        "post_video_likes_by_reaction_type": {"REACTION_LIKE": done["likes"]},
        "post_video_social_actions": {"COMMENT": done["comments"], "SHARE": done["shares"]},
    }
    if video["reel"]:
        return {
            **shared,
            "blue_reels_play_count": seen,
            "post_impressions_unique": done["reach"],
            "post_video_avg_time_watched": done["average_watch"],
            "post_video_view_time": done["total_watch"],
            "post_video_followers": done["follows"],
            "post_video_retention_graph": retention(video["id"]),
        }
    return {
        **shared,
        "total_video_views": seen,
        "total_video_impressions_unique": done["reach"],
        "total_video_avg_time_watched": done["average_watch"],
        "total_video_view_total_time": done["total_watch"],
        "total_video_retention_graph": retention(video["id"]),
    }
