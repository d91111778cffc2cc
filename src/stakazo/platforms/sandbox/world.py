"""What exists in the sandbox: things by id, as Meta's nodes are, with a clock that can be moved on.

Things are plain JSON objects with an `id` and a `kind`, since that is what the platforms' answers are made of. They are
in memory, and with a file also there: every change is written through, so a sandbox that is started again goes on.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stakazo.platforms.sandbox.faults import Faults

Thing = dict[str, Any]

FIRST_ID = 17_800_000_000_000_000
"""Ids look like Meta's: 17 digits."""
_KEEP = "insert into things values (?, ?) on conflict (id) do update set body = excluded.body"
LIMITS = {"instagram": 100, "containers": 400, "facebook": 30, "youtube": 100}
"""Posts (and Instagram's containers) of an account in 24 hours; YouTube's are the project's."""
KEPT_CALLS = 20_000

META_APP, META_SECRET = "sandbox-app", "sandbox-meta-secret"
USER, PAGE, IG_USER, AD_ACCOUNT = "1000000000000010", "1000000000000020", "17840000000000030", "1000000000000040"
PIXEL, FORM = "1000000000000050", "1000000000000060"
AUDIENCES: tuple[tuple[str, str, str, int, dict[str, bool]], ...] = (
    ("1200000000000001", "Blue Note followers", "ENGAGEMENT", 48_000, {}),
    ("1200000000000002", "Like Blue Note followers (US, 1%)", "LOOKALIKE", 2_100_000, {"special": False}),
    ("1200000000000003", "Newsletter", "CUSTOM", 40, {}),
    ("1200000000000004", "Concert goers with debts", "CUSTOM", 9_000, {"flagged": True}),
)
"""Of the advertising account: id, name, subtype, people, and what else is so."""
CREATOR, CHANNEL = "sandbox-creator", "UCsandbox000000000000000"
TIKTOK_TOKEN, YOUTUBE_TOKEN = "sandbox-tiktok", "sandbox-youtube"
META_TOKEN, PAGE_TOKEN = "sandbox-meta-user", "sandbox-meta-page"


class World:
    """Everything that the sandbox knows.

    Args:
        clock: Seconds since 1970.
        seed: What chance draws from: the same requests in the same order meet the same faults.
        file: Where to keep it; None for as long as the process lives.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, seed: int = 0, file: Path | None = None) -> None:
        self._clock = clock
        self._moved = 0.0
        self.faults = Faults(seed)
        self.processing = 2.0
        """Seconds that a platform works on a video."""
        self.late = 2.0
        """Seconds that a late reply is late."""
        self.allowance = 100_000
        """Requests an hour that one token may make."""
        self.spent: dict[str, deque[float]] = {}
        """When each token has asked, within the last hour."""
        self.limits = dict(LIMITS)
        """Posts in a day."""
        self.things: dict[str, Thing] = {}
        self._kinds: dict[str, dict[str, Thing]] = {}
        self.callbacks: dict[str, str] = {}
        """Addresses that an app's settings name: TikTok's."""
        self._late: list[_Late] = []
        self.violations: list[dict[str, Any]] = []
        self.calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self._file = _opened(file) if file else None
        self._load()
        if not self.things:
            self._furnish()

    def now(self) -> float:
        return self._clock() + self._moved

    def move_on(self, seconds: float) -> None:
        """Make it later."""
        self._moved += seconds
        self.save({"id": "clock", "kind": "Clock", "moved": self._moved})

    def postpone(self, act: Callable[[], object], detail: Mapping[str, Any]) -> None:
        """Let something happen later: after so many `looks` of anybody, or else after so many `seconds`."""
        looks = detail.get("looks")
        at = None if looks is not None else self.now() + float(detail.get("seconds", self.late))
        self._late.append(_Late(act, at, looks))

    def catch_up(self, *, looked: bool = False) -> None:
        """Let happen what was postponed until now.

        Args:
            looked: Whether somebody is about to look; they see nothing yet of what was to wait for this look.
        """
        due = [one for one in self._late if one.is_due(self.now())]
        self._late = [one for one in self._late if one not in due]
        for one in self._late:
            if looked and one.looks is not None:
                one.looks -= 1
        for one in due:
            one.act()

    # --- things ---------------------------------------------------------------------------------------------

    def new(self, kind: str, **fields: Any) -> Thing:
        """A thing with an id of its own."""
        counter = self.things.get("ids") or {"id": "ids", "kind": "Ids", "next": FIRST_ID}
        counter["next"] += 1
        self.save(counter)
        return self.save({"id": str(counter["next"]), "kind": kind, "made": self.now(), **fields})

    def save(self, thing: Thing) -> Thing:
        """Keep it, and what was changed about it."""
        self._index(thing)
        if self._file:
            self._file.execute(_KEEP, (thing["id"], json.dumps(thing)))
        return thing

    def change(self, thing: Thing, **fields: Any) -> Thing:
        return self.save({**thing, **fields})

    def drop(self, thing_id: str) -> None:
        thing = self.things.pop(thing_id, None)
        if thing is not None:
            self._kinds[thing["kind"]].pop(thing_id, None)
        if self._file:
            self._file.execute("delete from things where id = ?", (thing_id,))

    def of(self, kind: str, **match: Any) -> Iterator[Thing]:
        """The things of a kind, the newest first."""
        for thing in reversed(list(self._kinds.get(kind, {}).values())):
            if all(thing.get(name) == value for name, value in match.items()):
                yield thing

    def token(self, token: str) -> Thing | None:
        return next(self.of("Token", token=token), None)

    def new_token(self, **fields: Any) -> Thing:
        """A token that is worth nothing anywhere else, and says so."""
        return self.new("Token", token=f"sandbox-{secrets.token_urlsafe(18)}", **fields)

    def add_account(self, platform: str) -> dict[str, str]:
        """Another account to connect: its id and token. Raises KeyError for a platform that isn't there."""
        number = self.new("Account", platform=platform)["id"]
        name = f"{platform}.{number[-4:]}"
        match platform:
            case "instagram" | "facebook":
                page, user = f"2{number[1:]}", f"3{number[1:]}"
                self.save({**self.things[IG_USER], "id": user, "username": name, "made": self.now()})
                self.save({**self.things[PAGE], "id": page, "ig": user, "name": name, "made": self.now()})
                token = self.new_token(
                    type="PAGE", user=USER, page=page, app=META_APP, scopes=list(META_SCOPES), expires_at=0
                )
                return {"id": user if platform == "instagram" else page, "token": token["token"]}
            case "tiktok":
                self.save({**self.things[CREATOR], "id": name, "creator_username": name, "made": self.now()})
                token = self.new_token(type="TIKTOK", creator=name, scopes=list(TIKTOK_SCOPES), expires_at=0)
                return {"id": name, "token": token["token"]}
            case "youtube":
                channel = f"UC{number}"
                self.save({**self.things[CHANNEL], "id": channel, "title": name, "made": self.now()})
                token = self.new_token(type="GOOGLE", channel=channel, scopes=list(YOUTUBE_SCOPES), expires_at=0)
                return {"id": channel, "token": token["token"]}
        raise KeyError(platform)

    def close(self) -> None:
        if self._file:
            self._file.close()

    # --- the beginning --------------------------------------------------------------------------------------

    def _load(self) -> None:
        if not self._file:
            return
        for (body,) in self._file.execute("select body from things order by rowid"):
            thing = json.loads(body)
            self._index(thing)
        self._moved = float(self.things.get("clock", {}).get("moved", 0.0))

    def _index(self, thing: Thing) -> None:
        self.things[thing["id"]] = thing
        self._kinds.setdefault(thing["kind"], {})[thing["id"]] = thing

    def _furnish(self) -> None:
        """An app, a person, a Page with an Instagram account, and an advertising account in euros."""
        now = self.now()
        everything = list(META_SCOPES)
        self.save(
            {"id": META_APP, "kind": "Application", "made": now, "name": "Stakazo (sandbox)", "secret": META_SECRET}
        )
        self.save({"id": USER, "kind": "User", "made": now, "name": "Ann Sandbox"})
        self.save({"id": IG_USER, "kind": "IGUser", "made": now, "username": "bluenote.sandbox", "name": "Blue Note",
                   "followers_count": 5000})  # fmt: skip
        self.save({"id": PAGE, "kind": "Page", "made": now, "name": "Blue Note (sandbox)", "owner": USER, "ig": IG_USER,
                   "category": "Record label", "fan_count": 3000})  # fmt: skip
        self.save({"id": f"act_{AD_ACCOUNT}", "kind": "AdAccount", "made": now, "name": "Blue Note ads (sandbox)",
                   "owner": USER, "currency": "EUR", "timezone_name": "Europe/Berlin",
                   "min_daily_budget": 100,
                   "tos_accepted": {"custom_audience_tos": 1, "web_custom_audience_tos": 1}})  # fmt: skip
        for key, name, subtype, people, more in AUDIENCES:
            known = {"name": name, "subtype": subtype, "people": people, "flagged": False, "special": True, **more}
            account = f"act_{AD_ACCOUNT}"
            self.save({"id": key, "kind": "CustomAudience", "made": now - 30 * 86400, "account": account, **known})
        self.save({"id": FORM, "kind": "LeadgenForm", "made": now, "name": "Tell me of concerts", "page_id": PAGE,
                   "status": "ACTIVE"})  # fmt: skip
        self.save({"id": PIXEL, "kind": "AdsPixel", "made": now, "name": "Blue Note pixel", "owner": USER})
        self.save({"id": CREATOR, "kind": "TikTokCreator", "made": now, "creator_username": "bluenote.sandbox",
                   "creator_nickname": "Blue Note", "max_video_post_duration_sec": 600, "comment_disabled": False,
                   "duet_disabled": False, "stitch_disabled": True, "privacy_level_options": [
                       "PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]})  # fmt: skip
        self.save({"id": CHANNEL, "kind": "YouTubeChannel", "made": now, "title": "Blue Note (sandbox)"})
        self.new("Token", token=TIKTOK_TOKEN, type="TIKTOK", creator=CREATOR, scopes=list(TIKTOK_SCOPES), expires_at=0)
        self.new("Token", token=YOUTUBE_TOKEN, type="GOOGLE", channel=CHANNEL, scopes=list(YOUTUBE_SCOPES),
                 expires_at=0)  # fmt: skip
        given = {"user": USER, "app": META_APP, "scopes": everything, "expires_at": 0, "lasting": True}
        self.new("Token", token=META_TOKEN, type="USER", **given)
        self.new("Token", token=PAGE_TOKEN, type="PAGE", page=PAGE, **given)


@dataclass(eq=False, slots=True)
class _Late:
    """What is still to happen, although whoever wanted it has heard nothing."""

    act: Callable[[], object]
    at: float | None
    looks: int | None
    """How often somebody is to look before."""

    def is_due(self, now: float) -> bool:
        return now >= self.at if self.at is not None else not self.looks


TIKTOK_SCOPES = ("user.info.basic", "video.publish", "video.upload", "video.list")
YOUTUBE_SCOPES = tuple(
    f"https://www.googleapis.com/auth/{one}"
    for one in ("youtube.upload", "youtube", "youtube.force-ssl", "yt-analytics.readonly")
)
META_SCOPES = ("public_profile", "pages_show_list", "pages_read_engagement", "pages_manage_posts",
               "pages_manage_engagement", "pages_manage_metadata", "read_insights", "instagram_basic",
               "instagram_content_publish", "instagram_manage_comments", "instagram_manage_insights",
               "instagram_manage_messages", "pages_messaging", "ads_read", "ads_management",
               "business_management")  # fmt: skip


def iso(seconds: float) -> str:
    """As Meta writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _opened(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = off")
    database.execute("create table if not exists things (id text primary key, body text not null)")
    return database
