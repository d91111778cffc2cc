"""Ways in which a post could appear twice, go missing, or go out without the agreement that it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.conftest import People
from tests.publishing.press import Desk, public

from stakazo.core.security import Keyring
from stakazo.platforms.base import Handle
from stakazo.publishing import progress
from stakazo.publishing.models import Publication

LATER = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
DOUBT = {"code": "doubtful", "detail": "Who knows.", "todo": "Look."}


def planned(desk: Desk, **said: Any) -> dict[str, Any]:
    (wanted,) = desk.want(desk.variants("facebook_feed"), [desk.channel("facebook")], at=LATER.isoformat(), **said)
    return wanted


def write(desk: Desk, publication: dict[str, Any], **columns: Any) -> None:
    """Let the row say what a job would have written."""

    async def change(session: AsyncSession) -> None:
        row = update(Publication).where(Publication.id == UUID(publication["id"]))
        await session.execute(row.values(**columns))

    desk.site.within(change)


def doubtful(desk: Desk, publication: dict[str, Any]) -> None:
    """The platform was asked to make it public, and nobody knows what came of it."""
    desk.http.post(f"/jobs/{publication['job_id']}/cancel").raise_for_status()
    acted = text("clock_timestamp()")
    write(
        desk, publication, state="NEEDS_HUMAN", error=DOUBT, acted_at=acted, handle=b"sealed", handle_id="h",
        job_id=None,
    )  # fmt: skip


# --- missed -------------------------------------------------------------------------------------------------


def test_what_no_worker_began_in_time_is_loud_and_goes_out_only_when_a_person_says_so(desk: Desk) -> None:
    """A worker that was away for hours publishes nothing late by itself."""
    wanted = planned(desk, caption="missed by hours")
    write(desk, wanted, due_at=text("clock_timestamp() - interval '2 hours'"))
    shown = desk.show(wanted)
    assert (shown["state"], shown["overdue"]) == ("SCHEDULED", True)
    assert [one["overdue"] for one in desk.http.get("/publications").json()["items"]] == [True]
    desk.run(wanted["job_id"])  # the worker is back
    found = desk.until(wanted, "NEEDS_HUMAN")
    assert (found["error"]["code"], "2.0 hours" in found["error"]["detail"]) == ("missed", True)
    assert found["error"]["todo"]
    assert desk.events(wanted)[-1] == "publication_needs_human"
    assert desk.http.get("/publications", params={"state": "NEEDS_HUMAN"}).json()["items"][0]["id"] == wanted["id"]
    assert public(desk.world)["missed by hours"] == 0
    desk.http.post(f"/publications/{wanted['id']}/retry").raise_for_status()
    assert desk.until(wanted)["state"] == "PUBLISHED"
    assert public(desk.world)["missed by hours"] == 1


def test_what_is_a_little_late_goes_out(desk: Desk) -> None:
    wanted = planned(desk, caption="late by minutes")
    write(desk, wanted, due_at=text("clock_timestamp() - interval '50 minutes'"))
    assert desk.show(wanted)["overdue"]
    desk.run(wanted["job_id"])
    assert desk.until(wanted)["state"] == "PUBLISHED"


def test_what_was_missed_can_be_called_off(desk: Desk) -> None:
    wanted = planned(desk, caption="missed and called off")
    write(desk, wanted, due_at=text("clock_timestamp() - interval '1 day'"))
    desk.run(wanted["job_id"])
    desk.until(wanted, "NEEDS_HUMAN")
    assert desk.http.post(f"/publications/{wanted['id']}/cancel").json()["state"] == "CANCELLED"
    assert public(desk.world)["missed and called off"] == 0


# --- twice --------------------------------------------------------------------------------------------------


def test_what_may_be_public_is_not_called_off_by_way_of_a_retry(desk: Desk) -> None:
    """Cancelled it could be wanted anew, and then be there twice."""
    wanted = planned(desk, caption="in doubt")
    doubtful(desk, wanted)
    retried = desk.http.post(f"/publications/{wanted['id']}/retry").json()
    assert retried["state"] == "SCHEDULED"
    for refused in (
        desk.http.post(f"/publications/{wanted['id']}/cancel"),
        desk.http.patch(f"/publications/{wanted['id']}", json={"caption": "other words"}),
    ):
        assert (refused.status_code, "may be public" in refused.json()["detail"]) == (409, True)
    assert desk.http.get(f"/jobs/{retried['job_id']}").json()["state"] == "PENDING"
    dropped = desk.http.post(f"/publications/{wanted['id']}/cancel", json={"looked": True})
    assert (dropped.status_code, dropped.json()["state"]) == (200, "CANCELLED")


def test_what_may_be_public_never_fails_for_what_is_forbidden_since(desk: Desk) -> None:
    """Failed it would begin anew at the next retry, and then be there twice."""
    wanted = planned(desk, caption="in doubt, then forbidden")
    doubtful(desk, wanted)
    job_id = desk.http.post(f"/publications/{wanted['id']}/retry").json()["job_id"]
    embargo = {"embargo_until": (LATER + timedelta(days=9)).isoformat()}
    desk.http.put(f"/videos/{desk.video_id}/rights", json=embargo).raise_for_status()

    async def claim(session: AsyncSession) -> object:
        return await progress.claim(session, Keyring(desk.site.settings), UUID(wanted["id"]), UUID(job_id))

    assert desk.site.within(claim) is None
    found = desk.show(wanted)
    assert (found["state"], found["error"]["code"]) == ("NEEDS_HUMAN", "preflight_embargo")


def test_what_a_person_posted_does_not_go_out_once_more_by_itself(desk: Desk) -> None:
    wanted = planned(desk)
    said = {"variant_id": wanted["variant_id"], "platform": "facebook", "channel_id": wanted["channel_id"]}
    said["url"] = "https://facebook.com/reel/77"
    refused = desk.http.post("/confirm_publish", json=said)
    assert (refused.status_code, "twice" in refused.json()["detail"]) == (409, True)
    desk.http.post(f"/publications/{wanted['id']}/cancel").raise_for_status()
    confirmed = desk.http.post("/confirm_publish", json=said).json()
    again = desk.http.post(
        "/publications", json={"variant_ids": [said["variant_id"]], "channel_ids": [said["channel_id"]]}
    ).json()
    assert (again["plan"][0]["existed"], again["publications"][0]["id"]) == (True, confirmed["id"])


def test_an_account_that_comes_back_is_the_channel_it_was(desk: Desk) -> None:
    """What was published on it isn't published once more because it was connected anew."""
    channel, variants = desk.channel("facebook"), desk.variants("facebook_feed")
    (wanted,) = desk.want(variants, [channel], caption="before it went")
    assert desk.until(wanted)["state"] == "PUBLISHED"
    desk.http.delete(f"/channels/{channel}").raise_for_status()
    assert desk.channel("facebook") == channel
    back = desk.http.get(f"/channels/{channel}").json()
    assert (back["health"], back["live"], back["disconnected_at"]) == ("ok", False, None)
    (same,) = desk.want(variants, [channel], caption="after it came back")
    assert (same["id"], same["state"]) == (wanted["id"], "PUBLISHED")


# --- unapproved ---------------------------------------------------------------------------------------------


def test_words_that_changed_are_sent_anew(desk: Desk) -> None:
    """What lies at the platform already has the old ones."""
    wanted = planned(desk, caption="old words")
    there = json.dumps(Handle("h", datetime.now(UTC)).as_json()).encode()
    of = {"owner": desk.site.workspace_id, "row": UUID(wanted["id"])}
    write(desk, wanted, handle=Keyring(desk.site.settings).seal(there, "publications.handle", **of), handle_id="h")
    changed = desk.http.patch(f"/publications/{wanted['id']}", json={"caption": "new words"}).json()
    assert changed["handle"] is None


def after_a_policy(desk: Desk, then: Callable[[str], Any]) -> dict[str, Any]:
    """What was scheduled when nobody had to agree, once somebody else must."""
    wanted = planned(desk, caption="first words")
    desk.http.put("/publishing/policy", json={"approval": "another"}).raise_for_status()
    then(f"/publications/{wanted['id']}")
    return desk.show(wanted)


def test_what_is_changed_once_somebody_must_agree_waits_for_them(desk: Desk, people: People) -> None:
    found = after_a_policy(desk, lambda path: desk.http.patch(path, json={"caption": "others"}).raise_for_status())
    assert (found["state"], found["job_id"]) == ("AWAITING_APPROVAL", None)
    bob = people.join("MANAGER")
    assert bob.http.post(f"/publications/{found['id']}/approve").json()["state"] == "SCHEDULED"


def test_what_is_retried_once_somebody_must_agree_waits_for_them(desk: Desk) -> None:
    def fail_and_retry(path: str) -> None:
        desk.http.post(f"/jobs/{desk.http.get(path).json()['job_id']}/cancel").raise_for_status()
        assert desk.http.get(path).json()["state"] == "FAILED"
        desk.http.post(f"{path}/retry").raise_for_status()

    found = after_a_policy(desk, fail_and_retry)
    assert (found["state"], found["job_id"]) == ("AWAITING_APPROVAL", None)
