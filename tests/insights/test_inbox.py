"""What was said to us: found, put aside, and answered at most once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.conftest import People
from tests.insights.test_measuring import look, posted
from tests.insights.test_news import comment, happens, inbox, send, settled, subscribed
from tests.publishing.press import Desk

from stakazo.jobs.models import Job
from stakazo.platforms.http import METERS
from stakazo.platforms.sandbox import instagram, pages, youtube
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault


def commented(desk: Desk, text: str = "When is the tour?") -> dict[str, Any]:
    """Somebody comments on a Reel of ours, and Meta tells it."""
    publication = posted(desk)
    media = desk.world.things[publication["external_id"]]
    made = instagram.add_comment(desk.world, media, text, author="99", name="bob")
    value = {"id": made["id"], "from": made["from"], "text": text, "media": {"id": media["id"]}}
    assert send(desk, [{"field": "comments", "value": value}]).status_code == 200
    desk.eventually(settled(desk))
    (item,) = inbox(desk, publication_id=publication["id"])
    return item


def answers(desk: Desk, item: dict[str, Any]) -> list[str]:
    return [one["text"] for one in desk.world.of("IGComment", parent_id=item["external_id"])]


def answered(desk: Desk, item: dict[str, Any], text: str = "In May!") -> dict[str, Any]:
    reply = desk.http.post(f"/inbox/{item['id']}/reply", json={"text": text})
    assert reply.status_code == 202, reply.text
    return over(desk, item)


def over(desk: Desk, item: dict[str, Any]) -> dict[str, Any]:
    """The item once its answer is there, or isn't."""
    shown: dict[str, Any] = {}

    def is_over() -> bool:
        shown.update(desk.http.get(f"/inbox/{item['id']}").json())
        return shown["reply_id"] is not None or shown["error"] is not None

    desk.eventually(is_over)
    return shown


def looked_for(desk: Desk, item: dict[str, Any], times: int) -> None:
    """Until an answer was looked for so often in vain."""
    query = {"subject": f"inbox_item/{item['id']}", "event": "reply_looked_for"}
    desk.eventually(lambda: len(desk.http.get("/ledger/events", params=query).json()["items"]) == times)


def sending(desk: Desk, item: dict[str, Any]) -> UUID:
    """The job that answers."""

    async def job(session: AsyncSession) -> Any:
        mine = Job.payload["item_id"].astext == item["id"]
        return await session.scalar(select(Job.id).where(Job.type == "send_reply", mine))

    return UUID(str(desk.site.within(job)))


def look_again(desk: Desk, item: dict[str, Any]) -> None:
    """Without waiting for it."""
    desk.hurry(str(sending(desk, item)))


@pytest.mark.parametrize("wrong", [None, "lost_reply", "late_effect", "never_arrived"])
def test_a_comment_is_answered_at_most_once_whatever_goes_wrong(desk: Desk, wrong: str | None) -> None:
    item = commented(desk)
    if wrong is not None:
        desk.world.faults.add(Fault(wrong, "POST IGComment/replies", times=1, detail={"seconds": 600}))
    said = desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "In May!"})
    assert said.status_code == 202
    if wrong == "late_effect":
        looked_for(desk, item, 1)
        desk.world.move_on(600)
        look_again(desk, item)
    if wrong == "never_arrived":
        for looks in (1, 2):
            looked_for(desk, item, looks)
            look_again(desk, item)
        looked_for(desk, item, 3)
        shown = desk.http.get(f"/inbox/{item['id']}").json()
        assert (shown["error"]["code"], shown["state"], answers(desk, item)) == ("doubt", "OPEN", [])
        assert desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "In May!"}).status_code == 202
    shown = over(desk, item)
    assert (shown["state"], answers(desk, item)) == ("DONE", ["In May!"])
    assert shown["done_by"] == shown["replied_by"]
    again = desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "In May!"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_what_the_platform_refuses_is_said_and_can_be_tried_again(desk: Desk) -> None:
    item = commented(desk)
    desk.world.faults.add(Fault("expired_token", "POST IGComment/replies", times=1, detail={"subcode": 463}))
    shown = answered(desk, item)
    assert (shown["error"]["code"], shown["state"], shown["reply"]) == ("token_expired", "OPEN", "In May!")
    assert answered(desk, item, "In June!")["state"] == "DONE"
    assert answers(desk, item) == ["In June!"]


def test_an_answer_that_is_only_put_off_is_given_up_after_a_day(desk: Desk) -> None:
    item = commented(desk)
    desk.world.faults.add(Fault("rate_limit", "POST IGComment/replies", times=2))
    assert desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "In May!"}).status_code == 202
    job_id, day = sending(desk, item), timedelta(days=1, minutes=1)
    desk.eventually(lambda: desk.http.get(f"/jobs/{job_id}").json()["state"] == "RETRY")
    assert desk.http.get(f"/inbox/{item['id']}").json()["error"] is None

    async def age(session: AsyncSession) -> None:
        await session.execute(update(Job).where(Job.id == job_id).values(put_off_at=Job.put_off_at - day))

    desk.site.within(age)
    look_again(desk, item)
    assert over(desk, item)["error"]["code"] == "put_off"
    METERS.clear()


def test_pages_and_channels_are_answered_too(desk: Desk) -> None:
    for platform, recipe in (("facebook", "facebook_feed"), ("youtube", "youtube_short")):
        publication = posted(desk, platform, recipe)
        video = desk.world.things[publication["external_id"]]
        if platform == "facebook":
            pages.add_comment(desk.world, video, "Nice!", "99", "Bob")
        else:
            youtube.add_comment(desk.world, "YouTubeComment", "Nice!", author="99", name="Bob", video=video["id"])
        look(desk, publication)
        (item,) = inbox(desk, publication_id=publication["id"])
        assert (item["text"], item["author"], item["state"]) == ("Nice!", "Bob", "OPEN")
        done = answered(desk, item, "Thanks!")
        assert done["state"] == "DONE"
        look(desk, publication)  # what is found again stays done, and our own answer needs none
        assert inbox(desk, publication_id=publication["id"]) == [done]


def test_what_is_done_is_put_aside_and_can_be_taken_up_again(desk: Desk, people: People) -> None:
    desk.channel("instagram")
    assert send(desk, [comment(1), comment(2)]).status_code == 200
    desk.eventually(settled(desk))
    first = inbox(desk, sort="oldest")[0]
    path = f"/inbox/{first['id']}"
    tag = desk.http.get(path).headers["etag"]
    done = desk.http.post(f"{path}/done", headers={"If-Match": tag}).json()
    assert (done["state"], done["done_by"]) == ("DONE", desk.http.post(f"{path}/done").json()["done_by"])
    assert [item["id"] for item in inbox(desk, state="DONE")] == [first["id"]]
    assert len(inbox(desk, state="OPEN")) == 1
    send(desk, [comment(1)])  # told again: it stays done
    desk.eventually(settled(desk))
    assert desk.http.get(path).json() == done | {"updated_at": desk.http.get(path).json()["updated_at"]}
    assert desk.http.post(f"{path}/reopen", headers={"If-Match": tag}).status_code == 412
    assert desk.http.post(f"{path}/reopen").json()["state"] == "OPEN"
    assert inbox(desk, kind="message") == inbox(desk, platform="tiktok") == []
    assert len(inbox(desk, platform="instagram", kind="comment")) == 2
    viewer = people.join("VIEWER")
    assert viewer.http.get(path).status_code == 200
    assert viewer.http.post(f"{path}/done").status_code == 403


def written(desk: Desk, platform: str, text: str = "Hi!", person: str = "7") -> dict[str, Any]:
    """Somebody writes to an account, and Meta tells it; what is in the inbox then."""
    account = known.PAGE if platform == "facebook" else known.IG_USER
    assert happens(desk, message=text, to=account, author=person) >= 1
    desk.eventually(lambda: [one for one in inbox(desk, kind="message") if one["text"] == text])
    (item,) = [one for one in inbox(desk, kind="message") if one["text"] == text]
    assert (item["author_id"], item["state"]) == (person, "OPEN")
    return item


def ours(desk: Desk, person: str) -> list[str]:
    return sorted(one["message"] for one in desk.world.of("Message", person=person) if one["from"]["id"] != person)


@pytest.mark.parametrize("platform", ["instagram", "facebook"])
def test_a_message_is_answered_once_although_its_reply_is_lost(desk: Desk, platform: str) -> None:
    subscribed(desk, {"channel_id": desk.channel(platform)})
    person = uuid4().hex
    first = answered(desk, written(desk, platform, person=person), "Thanks!")
    assert (first["state"], ours(desk, person)) == ("DONE", ["Thanks!"])
    desk.world.faults.add(Fault("never_arrived", "POST Page/messages", times=1))
    again = written(desk, platform, "And when?", person)
    assert desk.http.post(f"/inbox/{again['id']}/reply", json={"text": "Thanks!"}).status_code == 202
    looked_for(desk, again, 1)  # what was said before is not taken for it
    desk.world.faults.add(Fault("lost_reply", "POST Page/messages", times=1))
    third = answered(desk, written(desk, platform, "In May?", person), "Yes.")
    assert (third["state"], ours(desk, person)) == ("DONE", ["Thanks!", "Yes."])


def test_what_the_platform_takes_no_answer_to_is_said(desk: Desk) -> None:
    subscribed(desk, {"channel_id": desk.channel("instagram")})
    item = written(desk, "instagram", person=uuid4().hex)
    path = f"/inbox/{item['id']}/reply"
    assert "up to 1000 bytes" in desk.http.post(path, json={"text": "ä" * 501}).json()["detail"]
    desk.world.move_on(86_401)  # Meta's day is over
    assert answered(desk, item)["error"]["code"] == "rejected"
    mention = {"field": "mentions", "value": {"media_id": "m", "comment_id": "x"}}
    assert send(desk, [mention]).status_code == 200
    desk.eventually(lambda: inbox(desk, kind="mention"))
    (item,) = inbox(desk, kind="mention")
    assert "own app" in desk.http.post(f"/inbox/{item['id']}/reply", json={"text": "Hi"}).json()["detail"]


def test_a_mention_says_who_it_was_what_they_said_and_where(desk: Desk) -> None:
    """What Instagram doesn't show is in the inbox all the same."""
    subscribed(desk, {"channel_id": desk.channel("instagram")})
    happens(desk, mention="Wie schön, @bluenote 🎺", of=known.IG_USER, author="bob", comment=True)
    happens(desk, mention="With @bluenote", of=known.IG_USER, author="eve")
    assert send(desk, [{"field": "mentions", "value": {"media_id": "gone"}}]).status_code == 200
    desk.eventually(lambda: [one["author"] for one in inbox(desk, kind="mention")].count("") == 1)
    found = {one["author"]: one for one in inbox(desk, kind="mention")}
    assert (found["bob"]["text"], found["eve"]["text"]) == ("Wie schön, @bluenote 🎺", "With @bluenote")
    addresses = {desk.world.things[one["post_id"]]["permalink"] for one in (found["bob"], found["eve"])}
    assert {found["bob"]["permalink"], found["eve"]["permalink"]} == addresses
    assert (found[""]["text"], found[""]["permalink"], found[""]["state"]) == ("", None, "OPEN")
