"""The first comment is written at most once; what may be there is looked for, and a person hears of what isn't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.publishing.press import Desk

from stakazo.jobs.models import Job
from stakazo.platforms.sandbox.faults import Fault

WRITE, LOOK = "POST IGMedia/comments", "GET IGMedia/comments"


class Below:
    """A post whose first comment meets a fault."""

    def __init__(self, desk: Desk, fault: str, **detail: Any) -> None:
        self.desk = desk
        desk.world.faults.add(Fault(fault, WRITE, times=1, detail=detail))
        channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
        (self.wanted,) = desk.want(variants, [channel], first_comment="Link  in bio")
        self.published = desk.until(self.wanted, "PUBLISHED")

    def said(self) -> list[str]:
        media = self.published["external_id"]
        return [one["text"] for one in self.desk.world.of("IGComment") if one["media"] == media]

    def job(self) -> str:
        """The latest that is at it."""

        async def read(session: AsyncSession) -> Any:
            mine = Job.payload["publication_id"].astext == self.wanted["id"]
            found = select(Job.id).where(Job.type == "write_first_comment", mine)
            return await session.scalar(found.order_by(Job.id.desc()).limit(1))

        return str(self.desk.site.within(read))

    def looked(self, times: int) -> None:
        self.desk.eventually(lambda: self.desk.events(self.wanted).count("first_comment_looked_for") == times)

    def until(self, name: str) -> dict[str, Any]:
        """The publication once it says this of its comment."""
        self.desk.eventually(lambda: self.desk.show(self.wanted)[name])
        return self.desk.show(self.wanted)

    def again(self, said: Mapping[str, bool] | None = None) -> int:
        return self.desk.http.post(f"/publications/{self.wanted['id']}/first_comment", json=said).status_code


def test_what_comes_late_is_found_and_written_once(desk: Desk) -> None:
    below = Below(desk, "late_effect", seconds=600)
    below.looked(1)
    assert (below.said(), below.again(), below.again({"looked": True})) == ([], 409, 409)  # it is on its way
    desk.world.move_on(600)
    desk.world.faults.add(Fault("error", LOOK, times=1, detail={"code": 10}))
    desk.hurry(below.job())
    below.looked(2)  # a question that is refused says nothing of what was asked about
    desk.hurry(below.job())
    assert below.until("comment_id")["comment_error"] is None
    assert below.said() == ["Link  in bio"]
    assert "first_comment_doubtful" not in desk.events(below.wanted)


def test_what_is_not_there_is_told_and_written_again_once_a_person_has_looked(desk: Desk) -> None:
    below = Below(desk, "never_arrived")
    for looks in (1, 2):
        below.looked(looks)
        desk.hurry(below.job())
    found = below.until("comment_error")
    assert (found["comment_error"]["code"], found["state"]) == ("doubtful", "PUBLISHED")
    below.looked(3)
    first = below.job()
    assert (below.again(), below.again({"looked": True}), below.again({"looked": True})) == (409, 202, 409)
    below.until("comment_id")
    desk.hurry(first)  # who was still looking finds that it is settled
    desk.eventually(lambda: desk.http.get(f"/jobs/{first}").json()["state"] == "COMPLETED")
    assert (below.said(), desk.show(below.wanted)["comment_error"]) == (["Link  in bio"], None)
    assert desk.events(below.wanted).count("first_comment_doubtful") == 1


def test_what_is_refused_is_told_and_can_be_written_when_the_cause_is_gone(desk: Desk) -> None:
    below = Below(desk, "error", code=10)
    assert below.until("comment_error")["comment_error"]["code"] == "rejected"
    assert "first_comment_failed" in desk.events(below.wanted)
    assert below.again() == 202
    below.until("comment_id")
    assert (below.said(), below.again()) == (["Link  in bio"], 409)


def test_it_is_written_below_what_a_person_has_confirmed(desk: Desk) -> None:
    """Of what was in doubt a person says which post it is: its first comment is wanted as before."""
    desk.world.faults.add(Fault("expired_token", "POST IGUser/media", times=1, detail={"subcode": 463}))
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    (wanted,) = desk.want(variants, [channel], first_comment="Hello")
    assert desk.until(wanted)["state"] == "NEEDS_HUMAN"
    desk.channel("instagram")
    (other,) = desk.want(desk.variants("instagram_reel"), [channel])
    post = desk.until(other)["external_id"]
    media = dict(desk.world.things[post])
    made = desk.world.new("IGMedia", **{name: value for name, value in media.items() if name not in {"id", "kind"}})
    said = {"variant_id": variants[0], "platform": "instagram", "channel_id": channel, "external_id": made["id"]}
    confirmed = desk.http.post("/confirm_publish", json=said).json()
    assert (confirmed["id"], confirmed["state"]) == (wanted["id"], "PUBLISHED")
    desk.eventually(lambda: desk.show(wanted)["comment_id"])
    assert [one["text"] for one in desk.world.of("IGComment", media=made["id"])] == ["Hello"]
