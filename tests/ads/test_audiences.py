"""Audiences of our own, over HTTP and through a worker: made once whatever is lost, filled, used, removed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand
from tests.terminal import ask

from stakazo.ads import audiences, plan, tending
from stakazo.ads.gathered import LOOKS, PATIENCE, AudienceState, Wanted, look_again, patience, refusal
from stakazo.ads.models import AdAudience, AdAudienceBatch, Campaign
from stakazo.jobs.run import NotYet
from stakazo.ledger.models import LedgerEvent
from stakazo.platforms.crowds import Crowd
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.http import METERS
from stakazo.platforms.people import Fitness
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import PIXEL, Thing

SECRET = "mary.secret"


def wish(stand: Stand, name: str, *, dry: bool = False, status: int | None = None, **said: Any) -> dict[str, Any]:
    body = {"ad_account_id": stand.account(), "name": name, "crowd": "page", **said}
    answer = stand.http.post("/audiences", params={"dry_run": "true"} if dry else None, json=body)
    assert answer.status_code == (status or (200 if dry else 201)), answer.text
    return dict(answer.json())


def look(stand: Stand, audience: dict[str, Any]) -> dict[str, Any]:
    return dict(stand.http.get(f"/audiences/{audience['id']}").json())


def rests(stand: Stand, audience: dict[str, Any], state: str = "MADE") -> dict[str, Any]:
    """Once nobody is at it any more."""
    while (found := look(stand, audience))["job_id"] is not None:
        stand.run(found["job_id"])  # without its pauses
        time.sleep(0.2)
    assert found["state"] == state, found
    return found


def there(stand: Stand, audience: dict[str, Any]) -> list[Thing]:
    """What the platform has with its mark."""
    mark = UUID(audience["id"]).hex
    return [one for one in stand.world.of("CustomAudience") if mark in str(one.get("description"))]


def people(count: int, word: str = SECRET) -> list[dict[str, str]]:
    return [{"email": f" {word}{n}@Example.com"} for n in range(count)]


@pytest.fixture(autouse=True)
def as_meta_has_it(stand: Stand) -> Iterator[None]:
    """Audiences are filled at once; what is asked for them must be as Meta's contract has it."""
    before, stand.world.processing = stand.world.processing, 0.0
    yield
    stand.world.processing = before
    assert stand.world.violations == []


def put_off_after_hours(stand: Stand, audience: dict[str, Any]) -> None:
    """Of what is there one look that is put off says nothing, however long it has been there."""

    async def age(session: AsyncSession) -> None:
        row = await session.get_one(AdAudience, UUID(audience["id"]))
        row.begun_at -= timedelta(seconds=PATIENCE + 3600)

    stand.site.within(age)
    struck = stand.world.faults.struck["rate_limit"]
    stand.world.faults.add(Fault("rate_limit", "GET CustomAudience", times=1))
    job_id = look(stand, audience)["job_id"]
    stand.run(job_id)
    stand.eventually(lambda: stand.world.faults.struck["rate_limit"] > struck)
    stand.eventually(lambda: stand.http.get(f"/jobs/{job_id}").json()["state"] != "PROCESSING")
    METERS.clear()
    found = look(stand, audience)
    assert (found["job_id"], found["error"]) == (job_id, None)


def test_looks_go_on_while_it_fills_or_one_may_come_late() -> None:
    assert look_again(Fitness.READY, 5, doubted=False) is None
    assert look_again(Fitness.TOO_SMALL, 5, doubted=False) is None
    assert [look_again(Fitness.FILLING, age, doubted=False) for age in (0, 100, 80_000)] == [2, 50, 1800]
    assert look_again(Fitness.READY, 100, doubted=True) == look_again(None, 100, doubted=True) == 50
    assert look_again(Fitness.FILLING, LOOKS + 1, doubted=True) is None
    assert patience(AudienceState.MADE, waiting=False) == LOOKS
    assert patience(AudienceState.MADE, waiting=True) == patience(AudienceState.MAKING, waiting=False) == PATIENCE
    trouble = refusal(Rejected("No.", Reason.TERMS), "40", Crowd.WEBSITE)
    assert (trouble.code, "app/tos/?act=40 " in trouble.todo) == ("terms", True)
    wanted = Wanted(crowd=Crowd.VIDEO, days=30, page_id="7", video_ids=("1", "2"))
    assert Wanted.of(wanted.as_json()) == wanted


def test_an_audience_is_tried_made_filled_named_and_removed(stand: Stand) -> None:
    tried = wish(stand, "Fans", dry=True)
    assert (tried["preview"], tried["state"]) == ({"refused": [], "people": 0, "unusable": 0}, "MAKING")
    assert stand.http.get(f"/audiences/{tried['id']}").status_code == 404
    assert wish(stand, "BLUE NOTE followers", dry=True)["preview"]["refused"][0].startswith(
        "The ad account has an audience called 'BLUE NOTE followers' already"
    )
    stand.world.processing = 3600.0
    made = wish(stand, "Fans", days=30)
    stand.eventually(lambda: look(stand, made)["fitness"] == "filling")
    put_off_after_hours(stand, made)
    stand.world.processing = 0.0
    assert wish(stand, "Fans", status=409)["code"] == "conflict"
    ready = rests(stand, made)
    assert (ready["fitness"], ready["usable"], ready["error"]) == ("ready", True, None)
    (one,) = there(stand, made)
    assert (one["id"], one["name"], one["rule"]["inclusions"]["rules"][0]["retention_seconds"]) == (
        ready["external_id"], "Fans", 30 * 86400,
    )  # fmt: skip
    named = stand.http.post("/campaigns?dry_run=true", json=stand.wish(audiences=["fans"])).json()["plan"]["audiences"]
    assert named == [[one["id"], "Fans"]]
    campaign = stand.launched()

    async def show_to_them(session: AsyncSession) -> None:
        row = await session.get_one(Campaign, campaign)
        row.plan = row.plan | {"audiences": named}

    stand.site.within(show_to_them)
    refused = stand.http.delete(f"/audiences/{made['id']}")
    assert (refused.status_code, "'Blue'" in refused.json()["detail"]) == (409, True)
    stand.settled({"id": str(campaign)}, "ARCHIVED")
    assert stand.http.delete(f"/audiences/{made['id']}").json()["state"] == "REMOVING"
    rests(stand, made, "REMOVED")
    assert there(stand, made) == []
    assert made["id"] not in {one["id"] for one in stand.http.get("/audiences").json()["items"]}


@pytest.mark.parametrize("what", ["lost_reply", "never_arrived"])
def test_a_lost_reply_makes_no_second_one(stand: Stand, what: str) -> None:
    stand.world.faults.add(Fault(what, "POST AdAccount/customaudiences", times=1))
    made = wish(stand, f"Lost {what}")
    stand.eventually(lambda: look(stand, made)["state"] == "MADE")
    assert [one["id"] for one in there(stand, made)] == [look(stand, made)["external_id"]]


def test_what_a_worker_made_that_died_of_it_is_adopted(stand: Stand) -> None:
    audience = {"id": str(stand.audience("FAILED"))}

    async def died(session: AsyncSession) -> str:
        row = await session.get_one(AdAudience, UUID(audience["id"]))
        row.making = True
        return plan.mark(row.workspace_id, row.id)

    mark, account = stand.site.within(died), next(iter(stand.world.of("AdAccount")))["id"]
    known = {"account": account, "subtype": "CUSTOM", "people": 0, "customers": [], "flagged": False, "special": True}
    made = stand.world.new("CustomAudience", name="Found again", description=f"x {mark}", **known)
    assert stand.http.post(f"/audiences/{audience['id']}/retry").status_code == 200
    stand.eventually(lambda: look(stand, audience)["state"] == "MADE")
    assert look(stand, audience)["external_id"] == made["id"]
    assert [one["id"] for one in there(stand, audience)] == [made["id"]]


def test_one_that_comes_after_all_is_removed(stand: Stand) -> None:
    late = Fault("late_effect", "POST AdAccount/customaudiences", times=1, detail={"seconds": 3600.0})
    stand.world.faults.add(late)
    made = wish(stand, "Late")
    stand.eventually(lambda: look(stand, made)["state"] == "MADE")
    kept = look(stand, made)["external_id"]
    stand.world.move_on(3600)
    stand.world.catch_up()
    assert len(there(stand, made)) == 2
    stand.eventually(lambda: [one["id"] for one in there(stand, made)] == [kept])
    job_id = look(stand, made)["job_id"]  # others may come still
    assert stand.http.post(f"/jobs/{job_id}/cancel").is_success
    unwatched = rests(stand, made)
    assert (unwatched["error"]["code"], unwatched["external_id"]) == ("unwatched", kept)


def test_customers_leave_only_hashes_and_those_only_until_they_are_sent(stand: Stand) -> None:
    crowd: dict[str, Any] = {"crowd": "customers", "people": [*people(99), {"phone": "030 1234"}]}
    assert "Say `consent`" in wish(stand, "List", status=422, **crowd)["detail"]
    tried = wish(stand, "List", dry=True, **crowd, consent=True)["preview"]
    assert (tried["people"], tried["unusable"]) == (99, 1)
    nobody = crowd | {"people": [{"phone": "030 1234"}]}
    assert "Nobody of these" in wish(stand, "Nobody", status=422, **nobody, consent=True)["detail"]
    made = wish(stand, "List", **crowd, consent=True)
    assert made["unusable"] == 1
    found = rests(stand, made)
    assert (found["fitness"], found["usable"], found["given"], found["unread"]) == ("too_small", False, 99, 0)
    more = f"/audiences/{made['id']}/people"
    assert stand.http.post(more, json={"people": people(1, "bob")}).status_code == 422
    assert stand.http.post(more, json={"people": people(1, "bob"), "consent": True}).json()["given"] == 100
    assert rests(stand, made)["fitness"] == "ready"
    (one,) = there(stand, made)
    assert len(one["customers"]) == 100

    async def left(session: AsyncSession) -> str:
        events = await session.scalars(select(LedgerEvent.data).where(LedgerEvent.subject_id == UUID(made["id"])))
        rows = await session.scalars(select(AdAudience.wanted))
        return f"{list(events)} {list(rows)}"

    assert waiting(stand) == 0
    assert SECRET not in stand.site.within(left) + str(stand.world.calls) + str(one)


def waiting(stand: Stand) -> int:
    """Lists whose hashes are here."""

    async def count(session: AsyncSession) -> int:
        return int(await session.scalar(select(func.count()).select_from(AdAudienceBatch)) or 0)

    return stand.site.within(count)


def sweep(stand: Stand) -> None:
    """As the machinery does now and then."""

    async def act() -> None:
        async with stand.site.house.database.system_transaction() as session:
            await audiences.sweep(session)

    stand.site.house.do(act())


def put_off(stand: Stand, name: str) -> dict[str, Any]:
    """A list with customers who wait, since the platform has put it off."""
    stand.world.faults.add(Fault("rate_limit", "GET AdAccount/customaudiences", times=1))
    made = wish(stand, name, crowd="customers", people=people(2), consent=True)
    job = f"/jobs/{made['job_id']}"
    stand.eventually(lambda: stand.http.get(job).json()["state"] == "RETRY")
    METERS.clear()
    return made


def test_it_is_not_over_while_customers_wait(stand: Stand) -> None:
    """They may be given between the last look for them and the end."""
    made = put_off(stand, "Slices")

    async def end(session: AsyncSession) -> None:
        with pytest.raises(NotYet, match="More customers"):
            await tending.over(session, UUID(made["id"]), UUID(made["job_id"]), None)

    stand.site.within(end)
    assert (rests(stand, made)["given"], waiting(stand)) == (2, 0)


GONE = {"code": 100, "subcode": 33}


def test_what_can_not_be_loaded_just_now_is_not_gone(stand: Stand) -> None:
    made = wish(stand, "Still there", crowd="customers", people=people(2), consent=True)
    rests(stand, made)
    stand.world.faults.add(Fault("error", "GET CustomAudience", times=1, detail=GONE))
    more = {"people": people(1, "b"), "consent": True}
    assert stand.http.post(f"/audiences/{made['id']}/people", json=more).status_code == 200
    rests(stand, made)
    stand.world.faults.add(Fault("error", "DELETE CustomAudience", times=1, detail=GONE))
    assert stand.http.delete(f"/audiences/{made['id']}").json()["state"] == "REMOVING"
    rests(stand, made, "REMOVED")
    assert there(stand, made) == []


def test_nobody_waits_for_a_list_that_is_gone_or_an_account_that_is(stand: Stand) -> None:
    made = wish(stand, "Vanishing", crowd="customers", people=people(2), consent=True)
    found = rests(stand, made)
    stand.world.drop(found["external_id"])
    more = {"people": people(2, "bob"), "consent": True}
    assert stand.http.post(f"/audiences/{made['id']}/people", json=more).status_code == 200
    rests(stand, made, "REMOVED")
    assert waiting(stand) == 0
    cut = put_off(stand, "Cut")
    sweep(stand)
    assert waiting(stand) == 1
    assert stand.http.delete(f"/ad-accounts/{cut['ad_account_id']}").status_code == 204
    found = rests(stand, cut, "NEEDS_HUMAN")
    assert (found["error"]["code"], "2 customers had not been sent" in found["error"]["detail"]) == (
        "disconnected",
        True,
    )
    assert waiting(stand) == 0


def test_nobody_waits_for_ever(stand: Stand) -> None:
    put_off(stand, "Week")

    async def age(session: AsyncSession) -> None:
        await session.execute(update(AdAudienceBatch).values(expires_at=datetime.now(UTC)))

    stand.site.within(age)
    sweep(stand)
    assert waiting(stand) == 0


def test_a_name_is_taken_once(stand: Stand) -> None:
    """Two wishes at once don't see each other, nor does one that is tried again look: the rows themselves refuse."""
    failed = {"id": str(stand.audience("FAILED"))}
    name = look(stand, failed)["name"]
    rests(stand, wish(stand, name))
    refused = stand.http.post(f"/audiences/{failed['id']}/retry")
    assert (refused.status_code, "already" in refused.json()["detail"]) == (409, True)


def test_who_watched_our_clips_is_asked_for_by_the_platform_s_videos(stand: Stand) -> None:
    refused = wish(stand, "Viewers", status=422, crowd="video", variant_ids=stand.variants("facebook_feed"))
    assert refused["code"] == "audience_refused"
    (post,) = stand.want(stand.variants("facebook_feed"), [stand.channel("facebook")])
    post = stand.until(post, "PUBLISHED")
    made = wish(stand, "Viewers", crowd="video", publication_ids=[post["id"]], watched="95%", days=90)
    rests(stand, made)
    (one,) = there(stand, made)
    (rule,) = one["rule"]
    assert (rule["event_name"], rule["object_id"]) == ("video_completed", post["external_id"])


def test_a_lookalike_of_what_is_there_and_visitors_by_the_account_s_pixel(stand: Stand) -> None:
    alike: dict[str, Any] = {"crowd": "lookalike", "country": "DE", "percent": 2}
    asked = {
        "blue note followers": None,
        "nobody": "There is no audience 'nobody'",
        "Alike": "is a lookalike itself",
    }
    lookalike = next(one for one in stand.world.of("CustomAudience") if one["subtype"] == "LOOKALIKE")["name"]
    for origin, words in asked.items():
        name = lookalike if origin == "Alike" else origin
        found = wish(stand, "Like them", dry=True, **alike, origin=name)["preview"]["refused"]
        assert found == [] if words is None else words in found[0], found
    (one,) = there(stand, rests(stand, wish(stand, "Like them", **alike, origin="blue note followers")))
    assert one["lookalike_spec"] == {"type": "similarity", "country": "DE", "ratio": 0.02}
    (site,) = there(stand, rests(stand, wish(stand, "Visitors", crowd="website", event="Purchase")))
    assert site["rule"]["inclusions"]["rules"][0]["event_sources"] == [{"id": PIXEL, "type": "pixel"}]
    unknown = wish(stand, "Nobody's", crowd="website", pixel_id="77")
    assert rests(stand, unknown, "FAILED")["error"]["code"] == "not_found"


def test_terms_that_nobody_has_accepted_say_where_and_a_retry_goes_on(stand: Stand) -> None:
    account = next(iter(stand.world.of("AdAccount")))
    stand.world.change(account, tos_accepted={"custom_audience_tos": 0})
    known: dict[str, Any] = {"crowd": "customers", "people": people(1), "consent": True}
    assert "customaudiences/tos" in wish(stand, "Terms", dry=True, **known)["preview"]["refused"][0]
    made = wish(stand, "Terms", **known)
    failed = rests(stand, made, "FAILED")
    assert (failed["error"]["code"], there(stand, made)) == ("terms", [])
    todo = failed["error"]["todo"]
    assert (f"tos/?act={account['id'].removeprefix('act_')}" in todo, "1 customers wait" in todo) == (True, True)
    stand.world.change(account, tos_accepted={"custom_audience_tos": 1})
    assert stand.http.post(f"/audiences/{made['id']}/retry").status_code == 200
    assert rests(stand, made)["given"] == 1
    assert len(there(stand, made)) == 1


@pytest.mark.usefixtures("quiet")
def test_a_list_from_the_terminal_is_hashed_before_it_is_sent(stand: Stand, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        return ask(stand.site, "audiences", *words)

    stand.account()
    file = tmp_path / "readers.csv"
    file.write_text(f"Name,E-Mail,Email,Phone\nMary,,{SECRET}@example.com,\nBob,,,030 1\nEve,,,+49 30 1234567\n")
    assert "2 customers; 1 more" in run("customers", "Readers", str(file), "--consent", "--dry-run")
    made = json.loads(run("customers", "Readers", str(file), "--consent", "--json"))
    rests(stand, made)
    (one,) = there(stand, made)
    assert sorted(map(list, one["customers"])) == sorted(
        [["", sha256(b"49301234567").hexdigest()], [sha256(f"{SECRET}@example.com".encode()).hexdigest(), ""]]
    )
    file.write_text(f'\ufeffEmail;Phone;Name\n{SECRET}@example.com;;"Doe, Eve"\n;0301;Mary\n')
    assert "1 customers; 1 more" in run("customers", "Excel", str(file), "--consent", "--dry-run")
    file.write_text("new@example.com\n+1 234 567 8910\n")
    assert json.loads(run("add", made["id"], str(file), "--consent", "--json"))["given"] == 4
    assert "Nothing stands" in run("instagram", "Insta", "--dry-run")
    assert "Readers" in run("list")
    rests(stand, made)
    assert json.loads(run("remove", made["id"], "--json"))["state"] in {"REMOVING", "REMOVED"}
