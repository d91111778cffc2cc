"""Before anything goes out: plans, rights, approval, changes, calls off; and who may do which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.conftest import People
from tests.publishing.press import Desk, public

from stakazo.platforms.base import Platform
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault

LATER = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)


def test_a_matrix_is_planned_at_the_channels_pace_and_a_dry_run_writes_nothing(desk: Desk) -> None:
    made = desk.variants("instagram_reel", "facebook_feed", count=3)
    channels = [desk.channel("instagram", gap_minutes=60, time_zone="Europe/Berlin"), desk.channel("facebook")]
    body = {"variant_ids": made, "channel_ids": channels, "at": LATER.isoformat(), "caption": "Out"}
    tried = desk.http.post("/publications?dry_run=true", json=body).json()
    assert (len(tried["plan"]), tried["publications"]) == (6, [])
    assert desk.http.get("/publications").json()["items"] == []
    wanted = desk.want(made, channels, at=LATER.isoformat(), caption="Out")
    on = [datetime.fromisoformat(one["due_at"]) for one in wanted if one["channel_id"] == channels[0]]
    assert on == [LATER + timedelta(hours=n) for n in range(3)]
    calendar = desk.http.get(
        "/publications", params={"sort": "due", "since": LATER.isoformat(), "channel_id": channels[0]}
    ).json()["items"]
    assert [datetime.fromisoformat(one["due_at"]) for one in calendar] == on
    slots = {"slots": [{"weekday": day, "at": "18:00"} for day in range(7)]}
    desk.http.patch(f"/channels/{channels[1]}", json=slots | {"time_zone": "Europe/Berlin"}).raise_for_status()
    more = desk.want(desk.variants("facebook_feed", count=2), [channels[1]], queue=True)
    first, second = (datetime.fromisoformat(one["due_at"]) for one in more)
    assert second - first in {timedelta(days=1), timedelta(hours=23), timedelta(hours=25)}
    assert desk.http.patch(f"/channels/{channels[1]}", json={"time_zone": "Mars/Base"}).status_code == 422


def test_rights_are_kept_and_the_legal_variant_is_offered(desk: Desk) -> None:
    channel = desk.channel("youtube")
    short, landscape = desk.variants("youtube_short", "landscape", duration=75.0)
    rights = f"/videos/{desk.video_id}/rights"
    said = desk.http.put(rights, json={"isrc": "DE-A12-26-00001", "artist": "Blue", "content_id": "monetize"})
    assert (said.status_code, said.json()["isrc"]) == (200, "DEA122600001")
    body = {"variant_ids": [short], "channel_ids": [channel], "details": {"title": "Blue"}}
    (planned,) = desk.http.post("/publications?dry_run=true", json=body).json()["plan"]
    assert ([one["code"] for one in planned["findings"]], planned["offers"]) == (["claimed_short"], [landscape])
    refused = desk.http.post("/publications", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "preflight_refused")
    assert landscape in refused.json()["detail"]
    assert desk.want([landscape], [channel], at=LATER.isoformat(), details={"title": "Blue"})
    desk.http.put(rights, json={"embargo_until": (LATER + timedelta(hours=1)).isoformat()}).raise_for_status()
    assert "embargo" not in str(desk.http.get(rights).json()["isrc"])
    early = desk.http.post("/publications", json=body | {"at": LATER.isoformat()})
    assert "may be public before" in early.json()["detail"]
    for wrong in ({"isrc": "nonsense"}, {"territories": ["Germany"]}, {"embargo_until": "2026-12-01T00:00:00"}):
        assert desk.http.put(rights, json=wrong).status_code == 422


def test_of_what_is_said_to_several_platforms_each_reads_what_it_knows(desk: Desk) -> None:
    channels, variants = [desk.channel("instagram"), desk.channel("tiktok")], desk.variants("instagram_reel", "tiktok")
    said = {"first_comment": "Link", "details": {"collaborators": ["monk"], "share_to_feed": False}}
    body = {"variant_ids": variants, "channel_ids": channels, "at": LATER.isoformat(), **said}
    answer = desk.http.post("/publications", json=body).json()
    told = [(one["first_comment"], set(one["details"])) for one in answer["publications"]]
    assert told == [("Link", {"collaborators", "share_to_feed"}), ("", {"share_to_feed"})]
    left = {found["code"]: found["refused"] for found in answer["plan"][1]["findings"]}
    assert left == {"first_comment": False, "collaborators": False, "left_out": False}
    alone = {"variant_ids": variants[1:], "channel_ids": channels[1:], "intent_key": "alone", **said}
    assert desk.http.post("/publications", json=alone).status_code == 422


def test_what_is_offered_is_legal_as_what_is_wished(desk: Desk) -> None:
    square, _, upright = desk.variants("facebook_feed", "landscape", "instagram_reel")
    body = {"variant_ids": [square], "channel_ids": [desk.channel("facebook")], "kind": "reel"}
    (planned,) = desk.http.post("/publications?dry_run=true", json=body).json()["plan"]
    assert ([one["code"] for one in planned["findings"]], planned["offers"]) == (["shape"], [upright])


def test_what_is_forbidden_by_the_time_it_is_due_fails_loudly(desk: Desk) -> None:
    channel, variants = desk.channel("facebook"), desk.variants("facebook_feed")
    (wanted,) = desk.want(variants, [channel], at=(datetime.now(UTC) + timedelta(seconds=4)).isoformat())
    desk.http.put(f"/videos/{desk.video_id}/rights", json={"embargo_until": LATER.isoformat()}).raise_for_status()
    failed = desk.until(wanted)
    assert (failed["state"], failed["error"]["code"]) == ("FAILED", "preflight_embargo")
    assert "publication_failed" in desk.events(failed)


def test_another_person_approves_what_was_read_and_what_is_changed_is_approved_again(
    desk: Desk, people: People
) -> None:
    channel, variants = desk.channel("facebook"), desk.variants("facebook_feed")
    desk.http.put("/publishing/policy", json={"approval": "another"}).raise_for_status()
    ann, bob = people.join("MANAGER"), people.join("MANAGER")
    body = {"variant_ids": variants, "channel_ids": [channel], "at": LATER.isoformat(), "caption": "first"}
    wanted = ann.http.post("/publications", json=body).json()["publications"][0]
    path = f"/publications/{wanted['id']}"
    assert (wanted["state"], wanted["job_id"], wanted["author"]) == ("AWAITING_APPROVAL", None, f"user/{ann.id}")
    seen = bob.http.get(path)
    ann.http.patch(path, json={"caption": "second"}).raise_for_status()
    assert ann.http.post(f"{path}/approve").status_code == 403
    assert desk.http.post(f"{path}/approve").status_code == 403
    assert bob.http.post(f"{path}/approve", headers={"If-Match": seen.headers["ETag"]}).status_code == 412
    approved = bob.http.post(f"{path}/approve", headers={"If-Match": bob.http.get(path).headers["ETag"]})
    assert (approved.status_code, approved.json()["state"]) == (200, "SCHEDULED")
    assert approved.json()["approved_by"] == f"user/{bob.id}"
    changed = ann.http.patch(path, json={"caption": "third"}).json()
    assert (changed["state"], changed["approved_by"], changed["job_id"]) == ("AWAITING_APPROVAL", None, None)
    assert desk.http.get(f"/jobs/{approved.json()['job_id']}").json()["state"] == "CANCELLED"
    bob.http.post(f"{path}/approve").raise_for_status()
    moved = ann.http.patch(path, json={"at": datetime.now(UTC).isoformat()})
    assert moved.json()["state"] == "AWAITING_APPROVAL"
    bob.http.post(f"{path}/approve").raise_for_status()
    assert desk.until(wanted)["state"] == "PUBLISHED"
    assert (public(desk.world)["first"], public(desk.world)["third"]) == (0, 1)
    editor = people.join("EDITOR")
    assert editor.http.post(f"{path}/approve").status_code == 403
    assert editor.http.put("/publishing/policy", json={"approval": "none"}).status_code == 403


def test_a_draft_does_nothing_and_what_is_called_off_stays_so(desk: Desk) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    (draft,) = desk.want(variants, [channel], draft=True, caption="draft")
    assert (draft["state"], draft["job_id"]) == ("DRAFT", None)
    submitted = desk.http.post(f"/publications/{draft['id']}/submit").json()
    assert submitted["state"] == "SCHEDULED"
    assert desk.until(draft)["state"] == "PUBLISHED"
    (later,) = desk.want(desk.variants("instagram_reel"), [channel], at=LATER.isoformat())
    cancelled = desk.http.post(f"/publications/{later['id']}/cancel").json()
    assert cancelled["state"] == "CANCELLED"
    assert desk.http.get(f"/jobs/{later['job_id']}").json()["state"] == "CANCELLED"
    assert desk.http.post(f"/publications/{later['id']}/cancel").status_code == 200
    for verb in ("approve", "submit", "retry"):
        assert desk.http.post(f"/publications/{later['id']}/{verb}").status_code == 409, verb


def test_what_is_being_worked_on_is_called_off_and_never_published(desk: Desk) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    desk.world.processing = 3.0
    try:
        (wanted,) = desk.want(variants, [channel], caption="called off")
        desk.until(wanted, "PROCESSING")
        assert desk.http.post(f"/publications/{wanted['id']}/cancel").json()["state"] == "CANCELLED"
        job = f"/jobs/{desk.show(wanted)['job_id'] or wanted['job_id']}"
        desk.eventually(lambda: desk.http.get(job).json()["state"] == "CANCELLED")
    finally:
        desk.world.processing = 0.2
    assert public(desk.world)["called off"] == 0
    assert desk.show(wanted)["state"] == "CANCELLED"


def test_a_job_that_somebody_stops_leaves_no_publication_in_silence(desk: Desk) -> None:
    channel, variants = desk.channel("instagram"), desk.variants("instagram_reel")
    (wanted,) = desk.want(variants, [channel], at=LATER.isoformat())
    desk.http.post(f"/jobs/{wanted['job_id']}/cancel").raise_for_status()
    failed = desk.show(wanted)
    assert (failed["state"], failed["error"]["code"]) == ("FAILED", "cancelled")
    retried = desk.http.post(f"/publications/{wanted['id']}/retry").json()
    assert (retried["state"], retried["due_at"]) == ("SCHEDULED", wanted["due_at"])
    assert retried["job_id"] != wanted["job_id"]


def test_a_real_account_publishes_nothing_before_a_person_lets_it(desk: Desk, people: People) -> None:
    channel = f"/channels/{desk.unseen('instagram', '1784', 'EAAB-real-and-secret')}"
    made = desk.http.get(channel)
    assert (made.json()["live"], made.json()["sandbox"]) == (False, False)
    assert "real-and-secret" not in made.text
    wish = {"variant_ids": desk.variants("instagram_reel"), "channel_ids": [made.json()["id"]]}
    refused = desk.http.post("/publications", json=wish)
    assert "isn't switched to live" in refused.json()["detail"]
    assert desk.http.post(f"{channel}/live", json={"live": True}).status_code == 403
    assert people.join("EDITOR").http.post(f"{channel}/live", json={"live": True}).status_code == 403
    assert people.join("OWNER").http.post(f"{channel}/live", json={"live": True}).json()["live"] is True
    assert desk.http.post(f"{channel}/live", json={"live": False}).json()["live"] is False
    sandbox = desk.channel("facebook")
    answer: Any = people.join("OWNER").http.post(f"/channels/{sandbox}/live", json={"live": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert desk.http.delete(channel).status_code == 204
    assert desk.http.get(channel).json()["health"] == "disconnected"
    assert [one["id"] for one in desk.http.get("/channels").json()["items"]] == [sandbox]


@pytest.mark.parametrize("platform", ["instagram", "facebook", "tiktok", "youtube"])
def test_a_pasted_token_is_looked_at_before_it_takes_anothers_place(desk: Desk, platform: str) -> None:
    account = desk.world.add_account(platform)
    other = desk.world.add_account(platform)

    def paste(token: str) -> Any:
        body = {"platform": platform, "external_id": account["id"], "token": token, "scopes": ["as typed"]}
        return desk.http.post("/channels", json=body)

    made = paste(account["token"])
    assert made.status_code == 201, made.text
    assert (made.json()["scopes"] == ["as typed"]) is (platform == "tiktok")  # which doesn't say it itself
    assert bool(made.json()["missing_scopes"]) is (platform == "tiktok")
    for wrong in ("sandbox-rubbish", other["token"]):
        refused = paste(wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), refused.text
        assert "othing was kept" in refused.json()["detail"]
    (token,) = desk.world.of("Token", token=account["token"])
    desk.world.change(token, expires_at=1)
    assert paste(account["token"]).status_code == 422
    desk.world.change(token, expires_at=int(desk.world.now()) + 2 * 86400)
    again = paste(account["token"])
    assert again.status_code == 200, again.text
    assert (platform == "tiktok") is (again.json()["token_expires_at"] is None)
    assert again.json()["health"] == ("missing_scopes" if platform == "tiktok" else "expiring")
    desk.world.faults.play("never_arrived")
    silent = paste(account["token"])
    assert (silent.status_code, silent.json()["retryable"]) == (503, True)


def test_a_persons_token_becomes_its_pages_and_a_sandboxs_channel_shows_its_scopes(desk: Desk) -> None:
    body = {"platform": "facebook", "external_id": known.PAGE, "token": known.META_TOKEN}
    assert desk.http.post("/channels", json=body).json()["health"] == "ok"
    for platform in Platform:
        shown = desk.http.get(f"/channels/{desk.channel(platform.value)}").json()
        assert (shown["health"], shown["missing_scopes"], bool(shown["scopes"])) == ("ok", [], True), shown


def test_a_channel_with_open_publications_is_not_disconnected(desk: Desk) -> None:
    channel = desk.channel("facebook")
    desk.world.faults.add(Fault("rate_limit", "POST Page/*", times=0))
    (wanted,) = desk.want(desk.variants("facebook_feed"), [channel], at=LATER.isoformat())
    assert desk.http.delete(f"/channels/{channel}").status_code == 409
    desk.http.post(f"/publications/{wanted['id']}/cancel").raise_for_status()
    assert desk.http.delete(f"/channels/{channel}").status_code == 204


def test_what_tiktok_does_not_let_an_account_post_is_refused_when_it_is_planned(desk: Desk) -> None:
    creator = desk.world.things[known.CREATOR]
    wish: dict[str, Any] = {
        "channel_ids": [desk.channel("tiktok")],
        "variant_ids": desk.variants("tiktok"),
        "at": LATER.isoformat(),
    }
    with _changed(desk, creator["id"], privacy_level_options=["SELF_ONLY"], max_video_post_duration_sec=60):
        refused = desk.http.post("/publications", json=wish)
        assert (refused.status_code, refused.json()["code"]) == (422, "preflight_refused")
        assert "choose another `audience`" in refused.json()["detail"]
        wish["details"] = {"audience": "private", "stitches": True}
        (plan,) = desk.http.post("/publications?dry_run=true", json=wish).json()["plan"]
        assert [(one["code"], one["refused"]) for one in plan["findings"]] == [("stitches", False)]
        (wanted,) = desk.http.post("/publications", json=wish).json()["publications"]
        to_all = desk.http.patch(f"/publications/{wanted['id']}", json={"details": {"audience": "public"}})
        assert (to_all.status_code, to_all.json()["code"]) == (422, "preflight_refused")
        long = wish | {"variant_ids": desk.variants("tiktok", duration=61.0)}
        assert "up to 60 s" in desk.http.post("/publications", json=long).json()["detail"]


def test_what_tiktok_does_not_say_is_left_to_the_moment_when_it_goes_out(desk: Desk) -> None:
    creator = desk.world.things[known.CREATOR]
    desk.world.faults.add(Fault("rate_limit", "POST TikTok/creator_info", times=1))
    channel = desk.channel("tiktok")
    with _changed(desk, creator["id"], privacy_level_options=["SELF_ONLY"]):
        (wanted,) = desk.want(desk.variants("tiktok"), [channel])
        found = desk.until(wanted)
        assert (found["state"], found["error"]["code"]) == ("FAILED", "invalid")
        assert "SELF_ONLY" in found["error"]["detail"]


@contextmanager
def _changed(desk: Desk, thing: str, **changes: Any) -> Iterator[None]:
    before = dict(desk.world.things[thing])
    desk.world.change(desk.world.things[thing], **changes)
    try:
        yield
    finally:
        desk.world.save(before)


def test_what_an_account_may_post_is_asked_of_its_platform(desk: Desk) -> None:
    def allowance(channel: str, status: int = 200) -> dict[str, Any]:
        answer = desk.http.get(f"/channels/{channel}/allowance")
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    said = allowance(desk.channel("tiktok"))
    assert (said["name"], said["audiences"], said["longest"]) == ("Blue Note", ["public", "friends", "private"], 600)
    assert (said["comments"], said["duets"], said["stitches"], said["quota"]) == (True, True, False, None)
    instagram = desk.channel("instagram")
    assert allowance(instagram)["quota"]["total"] == 100
    assert set(allowance(desk.channel("youtube")).values()) == {None}
    desk.world.faults.add(Fault("expired_token", "GET IGUser/content_publishing_limit", times=1))
    assert "connected again" in allowance(instagram, 409)["detail"]
    assert desk.http.get(f"/channels/{instagram}").json()["health"] == "needs_reauth"
    assert desk.channel("instagram") == instagram
    desk.world.faults.add(Fault("error", "GET IGUser/content_publishing_limit", times=1, detail={"code": 2}))
    assert allowance(instagram, 503)["retryable"]
    desk.http.delete(f"/channels/{instagram}").raise_for_status()
    assert allowance(instagram, 409)["code"] == "conflict"
