"""What Meta sends, over HTTP and through a real worker: each effect once, and nothing from anybody else."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.insights.test_measuring import look, posted, samples
from tests.near import NEAR
from tests.publishing.press import Desk

from stakazo.insights.models import InboxItem, PlatformDelivery, PlatformEvent
from stakazo.ledger.models import LedgerEvent
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.webhooks import escaped, signature

PATH = "/webhook/instagram"
NOW = int(time.time())


def send(
    desk: Desk,
    changes: list[dict[str, Any]],
    *,
    account: str = known.IG_USER,
    at: int = NOW,
    secret: str = "",
    **said: Any,
) -> httpx.Response:
    """A delivery as Meta writes and signs it; by the sandbox's app unless it is said otherwise."""
    body = escaped({"object": "instagram", "entry": [{"id": account, "time": at, "changes": changes, **said}]})
    return deliver(desk, body, signature(body, secret or known.META_SECRET))


def deliver(desk: Desk, body: bytes, header: str | None) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | ({"X-Hub-Signature-256": header} if header else {})
    return httpx.post(f"{desk.site.url}{PATH}", content=body, headers=headers, timeout=30, **NEAR)


def comment(number: int, text: str = "Nice!", media: str = "m", **more: Any) -> dict[str, Any]:
    author = {"id": f"9{number}", "username": f"bob{number}"}
    return {
        "field": "comments",
        "value": {"id": f"c{number}", "from": author, "text": text, "media": {"id": media}, **more},
    }


def inbox(desk: Desk, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = desk.http.get("/inbox", params={"limit": 200, **query, **cursor}).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def counted(desk: Desk, *tables: type[Any]) -> list[int]:
    async def count(session: AsyncSession) -> list[int]:
        return [await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]

    return list(desk.site.within(count))


def subscribed(desk: Desk, publication: dict[str, Any]) -> None:
    """The channel, once its platform tells what happens on it."""
    path = f"/channels/{publication['channel_id']}"
    desk.eventually(lambda: desk.http.get(path).json()["subscription"]["state"] != "pending")
    subscription = desk.http.get(path).json()["subscription"]
    assert (subscription["state"], subscription["error"]) == ("subscribed", None)


def happens(desk: Desk, **what: Any) -> int:
    """Something happens at the sandbox; says how often it is told."""
    answer = httpx.post(f"{desk.site.settings.sandbox_url}/sandbox/webhooks", json=what, **NEAR)
    return int(answer.raise_for_status().json()["deliveries"])


def unread(desk: Desk) -> int:
    async def count(session: AsyncSession) -> int:
        whole = select(func.count()).select_from(PlatformDelivery)
        waiting = select(func.count()).select_from(PlatformEvent).where(PlatformEvent.read_at.is_(None))
        # In the order of their lives: asked the other way round, what is being divided is in neither.
        return (await session.scalar(whole) or 0) + (await session.scalar(waiting) or 0)

    return int(desk.site.within(count))


def settled(desk: Desk) -> Callable[[], bool]:
    return lambda: unread(desk) == 0


def test_the_handshake_is_for_who_knows_the_word(desk: Desk) -> None:
    def ask(**said: str) -> httpx.Response:
        query = {f"hub.{name}": value for name, value in said.items()}
        return httpx.get(f"{desk.site.url}{PATH}", params=query, **NEAR)

    answer = ask(mode="subscribe", verify_token="verify-me", challenge="1158201444")
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    assert ask(mode="subscribe", verify_token="verify-you", challenge="1").status_code == 403
    assert ask(mode="unsubscribe", verify_token="verify-me", challenge="1").status_code == 403
    assert ask().status_code == 403


def test_a_comment_at_the_sandbox_comes_into_the_inbox_by_itself(desk: Desk) -> None:
    publication = posted(desk)
    subscribed(desk, publication)
    desk.world.faults.add(Fault("webhook_twice", times=1))
    assert happens(desk, comment="Schön 🎺 a/b", on=publication["external_id"], author="bob") == 2
    desk.eventually(lambda: inbox(desk))
    (item,) = inbox(desk, state="OPEN")
    assert (item["kind"], item["text"], item["author"]) == ("comment", "Schön 🎺 a/b", "bob")
    assert item["publication_id"] == publication["id"]
    trace = [event["event"] for event in desk.http.get("/ledger/events", params={"limit": 100}).json()["items"]]
    assert trace.count("comment_received") == 1
    assert "Schön" not in desk.http.get("/ledger/export").text


def test_a_comment_below_a_page_s_video_is_below_our_post(desk: Desk) -> None:
    """The Page's news names the post, our publication the video: they are the same, and so are polled comments."""
    publication = posted(desk, "facebook", "facebook_feed")
    subscribed(desk, publication)
    video = desk.world.things[publication["external_id"]]
    assert video["post_id"].rpartition("_")[2] != video["id"]
    happens(desk, comment="When?", on=video["id"], author="bob")
    desk.eventually(lambda: inbox(desk))
    (item,) = inbox(desk)
    assert (item["publication_id"], item["post_id"]) == (publication["id"], video["id"])
    look(desk, publication)  # asked for, it is the same comment
    assert [one["id"] for one in inbox(desk)] == [item["id"]]
    desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "Friday."}).raise_for_status()
    desk.eventually(lambda: inbox(desk)[0]["reply_id"])


def test_a_page_s_comment_finds_its_post_by_whatever_name_meta_gives(desk: Desk) -> None:
    """The post, the Page's post, the video, the Reel's address; also below what a person has posted by hand."""
    by_us = posted(desk, "facebook", "facebook_feed")
    video = desk.world.things[by_us["external_id"]]
    page, number = known.PAGE, video["post_id"].rpartition("_")[2]
    other = dict(video) | {"id": f"{video['id']}7", "post_id": f"{page}_{number}7"}
    desk.world.save(other)
    said = {"variant_id": desk.variants("facebook_feed")[0], "platform": "facebook", "external_id": other["id"]}
    by_hand = desk.http.post("/confirm_publish", json={**said, "channel_id": by_us["channel_id"]}).json()
    desk.eventually(lambda: desk.show(by_hand)["checked_at"])
    forms: list[tuple[dict[str, Any], str]] = []
    for publication, thing, post in ((by_us, video, number), (by_hand, other, f"{number}7")):
        address = {"permalink_url": f"https://www.facebook.com/reel/{thing['id']}/"}
        forms += [
            (one, publication["id"])
            for one in (
                {"post_id": f"{page}_{post}", "comment_id": f"{post}_1"},
                {"post_id": f"{page}_{thing['id']}", "comment_id": f"{thing['id']}_2"},
                {"post_id": f"{page}_5", "comment_id": "5_3", "video_id": thing["id"]},
                {"post_id": f"{page}_6", "comment_id": "6_4", "post": address},
                {"post_id": post, "comment_id": f"{post}_5"},
            )
        ]
    told = []
    for n, (form, _) in enumerate(forms):
        value = {"item": "comment", "verb": "add", "message": f"{n}", "from": {"id": "9"}, **form}
        told.append({"field": "feed", "value": value | {"comment_id": f"{form['comment_id']}{n}"}})
    body = escaped({"object": "page", "entry": [{"id": page, "time": NOW, "changes": told}]})
    assert deliver(desk, body, signature(body, known.META_SECRET)).status_code == 200
    desk.eventually(lambda: len(inbox(desk)) == len(forms))
    assert {int(one["text"]): one["publication_id"] for one in inbox(desk)} == {
        n: publication for n, (_, publication) in enumerate(forms)
    }


def test_ten_thousand_shuffled_and_repeated_have_each_effect_once(desk: Desk) -> None:
    """In batches of all sizes, read while they still come."""
    desk.channel("instagram")
    made = [comment(number, "ä" * (number % 7)) for number in range(1500)]
    made += [
        {"field": "mentions", "value": {"media_id": f"m{number}", "comment_id": f"x{number}"}} for number in range(400)
    ]
    made += [{"field": "story_insights", "value": {"media_id": f"s{number}", "reach": number}} for number in range(50)]
    made += [{"field": "brand_new", "value": {"what": number}} for number in range(50)]
    dice = random.Random(7)
    everything = made * 5
    dice.shuffle(everything)
    assert len(everything) == 10_000
    while everything:
        size = dice.choice([1, 40, 400, 1000])
        batch, everything = everything[:size], everything[size:]
        assert send(desk, batch).status_code == 200
    desk.eventually(settled(desk))
    assert counted(desk, PlatformEvent, InboxItem) == [2000, 1900]
    items = inbox(desk)
    assert {item["external_id"] for item in items} == {f"c{n}" for n in range(1500)} | {f"x{n}" for n in range(400)}

    async def told(session: AsyncSession) -> dict[str, int]:
        found = select(LedgerEvent.event, func.count()).where(LedgerEvent.subject_type == "inbox_item")
        return {name: number for name, number in await session.execute(found.group_by(LedgerEvent.event))}  # noqa: C416

    assert desk.site.within(told) == {"comment_received": 1500, "mention_received": 400}


def test_the_newest_word_counts_in_whatever_order_it_comes(desk: Desk) -> None:
    page = known.PAGE
    desk.channel("facebook")

    def feed(verb: str, message: str, at: int) -> None:
        value = {"item": "comment", "verb": verb, "comment_id": "2_9", "post_id": f"{page}_2", "message": message,
                 "from": {"id": "7", "name": "Bob"}}  # fmt: skip
        body = escaped(
            {"object": "page", "entry": [{"id": page, "time": at, "changes": [{"field": "feed", "value": value}]}]}
        )
        assert deliver(desk, body, signature(body, known.META_SECRET)).status_code == 200
        desk.eventually(settled(desk))

    feed("edited", "Nicer", NOW + 20)
    feed("add", "Nice", NOW)
    (item,) = inbox(desk)
    assert (item["text"], item["state"]) == ("Nicer", "OPEN")
    feed("remove", "", NOW + 40)
    feed("edited", "Nicest", NOW + 30)
    (item,) = inbox(desk)
    assert item["state"] == "REMOVED"
    assert desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "Why?"}).status_code == 409


def test_nobody_else_is_believed(desk: Desk) -> None:
    desk.channel("instagram")
    body = escaped(
        {"object": "instagram", "entry": [{"id": known.IG_USER, "time": NOW, "changes": [comment(1, "ä🎺/")]}]}
    )
    right = signature(body, known.META_SECRET)
    plain = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    for forged, header in (
        (body, None), (body, "sha256="), (body, signature(body, "guess")), (body + b" ", right), (plain, right),
        (body, right.removeprefix("sha256=")), (body, "sha256=ä"),
    ):  # fmt: skip
        headers = {"X-Hub-Signature-256": header.encode()} if header else {}
        answer = httpx.post(f"{desk.site.url}{PATH}", content=forged, headers=headers, **NEAR)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), header
    big = escaped({"object": "instagram", "entry": [{"id": "1", "time": NOW, "pad": "x" * 1024 * 1024}]})
    assert deliver(desk, big, signature(big, known.META_SECRET)).status_code == 413
    senseless = b'{"object":"instagram"}'
    assert deliver(desk, senseless, signature(senseless, known.META_SECRET)).status_code == 422
    assert counted(desk, PlatformDelivery, PlatformEvent) == [0, 0]
    assert deliver(desk, body, right).status_code == 200
    desk.eventually(settled(desk))
    assert counted(desk, PlatformEvent) == [1]


def test_what_was_kept_for_days_to_be_sent_again_is_refused(desk: Desk) -> None:
    """Within the days in which Meta tries again the same is known by its key; later it isn't taken at all."""
    assert send(desk, [comment(1)], at=NOW - 47 * 3600, secret="real").status_code == 200
    replayed = send(desk, [comment(1)], at=NOW - 49 * 3600, secret="real")
    assert replayed.status_code == 403
    assert "days ago" in replayed.json()["detail"]


def test_one_world_has_no_news_of_the_other(desk: Desk) -> None:
    """Everybody knows the sandbox's secret: with it nothing can be said of a real account, nor the other way round."""
    desk.channel("instagram")
    desk.unseen("instagram", "178414", "EAAB-real")
    assert send(desk, [comment(1)], account="178414").status_code == 200
    assert send(desk, [comment(1)], secret="real").status_code == 200
    assert counted(desk, PlatformDelivery, PlatformEvent) == [0, 0]
    for number, secret in enumerate(("real", "insta")):
        assert send(desk, [comment(number)], account="178414", secret=secret).status_code == 200
    desk.eventually(settled(desk))
    assert counted(desk, PlatformEvent) == [2]


def test_each_workspace_hears_of_its_own_accounts_only(desk: Desk) -> None:
    other_site = desk.site.house.site()
    with other_site.client() as http:
        other = Desk(other_site, desk.world, http)
        desk.channel("instagram")
        other.channel("instagram")  # the same account, connected by both
        other.channel("facebook")
        page = {
            "id": known.PAGE,
            "time": NOW,
            "messaging": [{"sender": {"id": "7"}, "message": {"mid": "x", "text": "Hi"}}],
        }
        body = escaped({"object": "page", "entry": [page]})
        assert deliver(desk, body, signature(body, known.META_SECRET)).status_code == 200
        assert send(desk, [comment(1)]).status_code == 200
        assert send(desk, [comment(2)], account="nobody's").status_code == 200
        assert send(desk, [comment(3)], account="0").status_code == 200  # the button in Meta's dashboard
        for one, expected in ((desk, ["c1"]), (other, ["c1", "x"])):
            one.eventually(settled(one))
            assert sorted(item["external_id"] for item in inbox(one)) == expected


def test_a_story_s_last_numbers_are_a_sample_that_says_when(desk: Desk) -> None:
    publication = posted(desk)
    value = {"media_id": publication["external_id"], "impressions": 320, "reach": 200, "replies": -1, "exits": 9}
    for _ in range(2):
        assert send(desk, [{"field": "story_insights", "value": value}]).status_code == 200
    desk.eventually(settled(desk))
    (sample,) = samples(desk, publication)
    assert (sample["views"], sample["reach"], sample["comments"], sample["told"]) == (320, 200, None, True)
    assert datetime.fromisoformat(sample["sampled_at"]) == datetime.fromtimestamp(NOW, UTC)
    assert sample["raw"] == value


def test_what_is_not_known_is_kept_whole(desk: Desk) -> None:
    desk.channel("instagram")
    value = {"deep": [{"ä": 1}], "id": 7}
    assert send(desk, [{"field": "brand_new", "value": value}]).status_code == 200
    desk.eventually(settled(desk))

    async def read(session: AsyncSession) -> Any:
        return (await session.execute(select(PlatformEvent.field, PlatformEvent.value, PlatformEvent.came_to))).one()

    assert tuple(desk.site.within(read)) == ("brand_new", value, "nothing")
