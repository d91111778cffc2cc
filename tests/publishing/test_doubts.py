"""What became of a post is asked again by itself until there is an answer; what was asked for is never done again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.publishing.press import Desk, public

from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.platforms.base import Stage, Status
from stakazo.platforms.errors import Reason
from stakazo.platforms.http import METERS
from stakazo.platforms.sandbox.faults import Fault
from stakazo.publishing import saying, states
from stakazo.publishing.states import Act

PUBLISH, LOOK = "POST IGUser/media_publish", "GET ShadowIGMediaBuilder"
UNKNOWN = {"code": 100, "subcode": 33}


def test_it_is_asked_ever_more_seldom_first_alone_and_then_beside_a_person() -> None:
    every = [states.ask_after(asks) for asks in range(8)]
    assert every[:4] == [60, 300, 1800, 7200]
    assert every == [*sorted(every[:6], key=lambda after: after or 0), None, None]
    assert [states.ask_after(asks, alone=True) for asks in range(4)] == [60, 300, None, None]


@given(st.builds(Status, stage=st.sampled_from(Stage), reason=st.sampled_from([None, *Reason])))
def test_only_the_platform_s_last_word_settles_a_doubt_and_nothing_is_done_about_it(status: Status) -> None:
    following = states.verdict(status)
    gone = status.reason is Reason.GONE
    assert (following is not None) == (status.stage.settled and not (status.stage is Stage.FAILED and gone))
    if following is not None:
        assert following.act is (Act.DONE if status.stage is Stage.PUBLISHED else Act.FAIL)
        assert (following.trouble is None) == (following.act is Act.DONE)


class Doubt:
    """A post of which the platform says from its act on, for as long as it is wanted, that it knows nothing."""

    def __init__(self, desk: Desk, act: str = "lost_reply", says: Mapping[str, int] = UNKNOWN) -> None:
        self.desk = desk
        self.acts = self._acts()
        desk.world.faults.add(Fault(act, PUBLISH, times=1))
        desk.world.faults.add(Fault("error", LOOK, after=act, detail=says))
        caption = f"in doubt {uuid4().hex}"
        channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
        (self.wanted,) = desk.want(variants, [channel], caption=caption, first_comment="First!")

    def see(self) -> None:
        self.desk.world.faults.play("calm")

    def _acts(self) -> int:
        return sum(call["operation"] == PUBLISH for call in self.desk.world.calls)

    @property
    def acted(self) -> int:
        """How often it was asked for."""
        return self._acts() - self.acts

    def seen(self) -> int:
        return public(self.desk.world)[self.wanted["caption"]]

    def asked(self, times: int) -> dict[str, Any]:
        """The publication once it has been asked for so often."""
        self.desk.eventually(lambda: self.desk.show(self.wanted)["asks"] == times)
        return self.desk.show(self.wanted)

    def question(self) -> str:
        """The job that asks next."""

        async def read(session: AsyncSession) -> Any:
            waiting = select(Job.id).where(Job.type == "ask_again", Job.state == JobState.PENDING)
            payload = Job.payload["publication_id"].astext == self.wanted["id"]
            return await session.scalar(waiting.where(payload).order_by(Job.id.desc()).limit(1))

        self.desk.eventually(lambda: self.desk.site.within(read))
        return str(self.desk.site.within(read))

    def until_a_person_is_told(self) -> dict[str, Any]:
        for asks in (1, 2):
            assert self.asked(asks)["state"] == "PUBLISHING"
            self.desk.wake(self.wanted)
        return self.desk.until(self.wanted, "NEEDS_HUMAN")


def test_an_answer_before_a_person_is_told_settles_it(desk: Desk) -> None:
    doubt = Doubt(desk)
    found = doubt.asked(1)
    assert (found["state"], found["ask_at"] > found["updated_at"]) == ("PUBLISHING", True)
    doubt.see()
    desk.wake(doubt.wanted)
    found = desk.until(doubt.wanted, "PUBLISHED")
    assert (found["asks"], found["ask_at"], bool(found["external_id"])) == (0, None, True)
    assert (doubt.acted, doubt.seen()) == (1, 1)
    told = desk.events(doubt.wanted)
    assert ("publication_asked_again" in told, "publication_needs_human" in told) == (True, False)


def test_it_is_asked_on_when_a_person_is_told_and_an_answer_settles_it(desk: Desk) -> None:
    doubt = Doubt(desk)
    found = doubt.until_a_person_is_told()
    assert (found["error"]["code"], found["asks"]) == ("doubtful", 2)
    assert found["ask_at"] is not None
    assert "asked again by itself" in found["error"]["todo"]
    desk.run(doubt.question())
    found = doubt.asked(3)
    assert found["state"] == "NEEDS_HUMAN"
    doubt.see()
    desk.run(doubt.question())
    found = desk.until(doubt.wanted, "PUBLISHED")
    assert (found["error"], found["ask_at"], bool(found["external_id"])) == (None, None, True)
    assert (doubt.acted, doubt.seen()) == (1, 1)
    desk.eventually(lambda: "first_comment_written" in desk.events(doubt.wanted))
    assert desk.events(doubt.wanted).count("publication_published") == 1


def test_what_is_ready_still_is_left_to_a_person_and_what_never_will_be_is_settled(desk: Desk) -> None:
    """Ready it was before, too: a request that is on its way may come yet. Failed it will never be public."""
    doubt = Doubt(desk, "never_arrived")
    handle = doubt.until_a_person_is_told()["handle"]
    doubt.see()
    desk.run(doubt.question())
    found = doubt.asked(3)
    assert (found["state"], doubt.acted, doubt.seen()) == ("NEEDS_HUMAN", 1, 0)
    desk.world.change(desk.world.things[handle], failed=2207076)
    desk.run(doubt.question())
    found = desk.until(doubt.wanted, "FAILED")
    assert (found["error"]["code"], found["ask_at"]) == ("processing", None)
    assert (doubt.acted, doubt.seen()) == (1, 0)


def test_whoever_settles_it_first_ends_the_asking(desk: Desk) -> None:
    doubt = Doubt(desk)
    found = doubt.until_a_person_is_told()
    question = doubt.question()
    said = {"variant_id": found["variant_id"], "platform": "instagram", "channel_id": found["channel_id"]}
    (owner,) = {one["id"] for one in desk.world.of("IGUser", username="bluenote.sandbox")}
    shown = {"owner": owner, "media_product_type": "REELS", "caption": "", "media_type": "VIDEO"}
    shown["timestamp"] = "2020-01-01T00:00:00+0000"
    made = desk.world.new("IGMedia", **shown, permalink="https://www.instagram.com/reel/S1/")
    elsewhere = desk.http.post("/confirm_publish", json=said | {"url": "https://evil.org/reel/S1"})
    assert (elsewhere.status_code, "evil.org" in elsewhere.json()["detail"]) == (422, True)
    confirmed = desk.http.post("/confirm_publish", json=said | {"url": "https://instagram.com/reel/S1"}).json()
    assert (confirmed["id"], confirmed["state"], confirmed["ask_at"]) == (found["id"], "PUBLISHED", None)
    doubt.see()
    desk.run(question)
    desk.eventually(lambda: desk.http.get(f"/jobs/{question}").json()["state"] == "COMPLETED")
    desk.eventually(lambda: desk.show(doubt.wanted)["checked_at"])
    settled = desk.show(doubt.wanted)
    assert (settled["url"], settled["external_id"]) == ("https://instagram.com/reel/S1", made["id"])
    desk.eventually(lambda: desk.http.get(f"/publications/{found['id']}/metrics").status_code == 200)
    desk.world.drop(made["id"])


def test_what_a_person_drops_after_a_look_is_loud_where_it_appears(desk: Desk) -> None:
    doubt = Doubt(desk)
    found = doubt.until_a_person_is_told()
    cancel, channel = f"/publications/{found['id']}/cancel", f"/channels/{found['channel_id']}"
    assert (desk.http.post(cancel).status_code, desk.http.delete(channel).status_code) == (409, 409)
    dropped = desk.http.post(cancel, json={"looked": True}).json()
    assert (dropped["state"], dropped["error"]) == ("CANCELLED", None)
    doubt.see()
    desk.run(doubt.question())
    desk.eventually(lambda: desk.show(found)["error"])
    late = desk.show(found)
    assert (late["state"], late["error"]["code"], late["ask_at"]) == ("CANCELLED", "appeared", None)
    events = desk.http.get("/ledger/events", params={"subject": f"publication/{found['id']}"}).json()["items"]
    told = {one["event"]: one["data"] for one in events}
    assert told["publication_cancelled"]["looked"].startswith(("user/", "api_key/"))
    assert told["publication_appeared"]["code"] == "appeared"
    assert desk.http.delete(channel).status_code == 204


def test_which_post_it_is_is_asked_for_until_the_platform_knows(desk: Desk) -> None:
    """TikTok says so only once it has moderated it, here ten minutes later."""
    desk.world.faults.add(Fault("moderation", times=1))
    (wanted,) = desk.want(desk.variants("tiktok"), [desk.channel("tiktok")])
    found = desk.until(wanted, "PUBLISHED")
    assert (found["external_id"], found["error"]["code"]) == (None, "post_unknown")
    assert found["ask_at"] is not None
    desk.world.move_on(600)

    async def question(session: AsyncSession) -> Any:
        waiting = Job.payload["publication_id"].astext == wanted["id"]
        return await session.scalar(select(Job.id).where(Job.type == "ask_again", waiting))

    desk.run(str(desk.site.within(question)))
    desk.eventually(lambda: desk.show(wanted)["external_id"])
    found = desk.show(wanted)
    assert (found["error"], found["ask_at"], bool(found["url"])) == (None, None, True)
    desk.eventually(lambda: desk.http.get(f"/publications/{wanted['id']}/metrics").status_code == 200)


def test_a_refused_question_says_nothing_of_what_was_asked_about(desk: Desk) -> None:
    """The platform doesn't let us look: called failed it would be begun anew, and is public."""
    doubt = Doubt(desk, says={"code": 10})
    assert doubt.asked(1)["state"] == "PUBLISHING"
    doubt.see()
    desk.wake(doubt.wanted)
    assert desk.until(doubt.wanted)["state"] == "PUBLISHED"
    assert (doubt.acted, doubt.seen()) == (1, 1)


def test_an_error_that_is_said_of_a_question_is_no_doubt_about_an_act(desk: Desk) -> None:
    """Meta's "action is blocked" comes to anything; where nothing can have happened it is asked again soon."""
    desk.world.faults.add(Fault("error_after", LOOK, times=1))
    (wanted,) = desk.want(desk.variants("instagram_reel"), [desk.channel("instagram")], caption="blocked for a moment")
    desk.wake(wanted)
    found = desk.until(wanted)
    assert (found["state"], found["asks"], public(desk.world)["blocked for a moment"]) == ("PUBLISHED", 0, 1)


# --- the first comment: written at most once, looked for, and never lost without a word ---------------------


COMMENT, COMMENTS = "POST IGMedia/comments", "GET IGMedia/comments"


class Below:
    """A post whose first comment meets a fault."""

    def __init__(self, desk: Desk, fault: str, **detail: Any) -> None:
        self.desk = desk
        desk.world.faults.add(Fault(fault, COMMENT, times=1, detail=detail))
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
    desk.world.faults.add(Fault("error", COMMENTS, times=1, detail={"code": 10}))
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


def test_what_is_only_put_off_is_given_up_after_a_day_and_told(desk: Desk) -> None:
    """Nothing is below the post then, so a person has it written without having looked."""
    below = Below(desk, "rate_limit")
    desk.eventually(lambda: desk.http.get(f"/jobs/{below.job()}").json()["state"] == "RETRY")
    assert (desk.show(below.wanted)["comment_error"], below.again()) == (None, 409)

    job_id, day = UUID(below.job()), timedelta(days=1, minutes=1)

    async def age(session: AsyncSession) -> None:
        mine = update(Job).where(Job.id == job_id)
        await session.execute(mine.values(created_at=Job.created_at - day))
        assert not await saying.is_given_up(session, job_id)  # no worker may have been there for a day
        await session.execute(mine.values(put_off_at=Job.put_off_at - day))

    desk.site.within(age)
    desk.world.faults.add(Fault("rate_limit", COMMENT, times=1))
    desk.hurry(below.job())
    error = below.until("comment_error")["comment_error"]
    assert (error["code"], "Have it written again" in error["todo"]) == ("put_off", True)
    assert "first_comment_failed" in desk.events(below.wanted)
    METERS.clear()
    assert below.again() == 202
    below.until("comment_id")
    assert below.said() == ["Link  in bio"]


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
