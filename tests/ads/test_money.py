"""Who may let money flow, how much of it, and how it is stopped; over HTTP, with a worker and the sandbox."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.ads.stand import Stand
from tests.api.conftest import People

from stakazo.core.errors import Conflict
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault


def test_two_requests_at_once_do_not_exceed_a_limit_by_one_unit(stand: Stand) -> None:
    made = [stand.launched() for _ in range(3)]
    stand.limit(at_once=299_99)

    def let_run(campaign: object) -> httpx.Response:
        return stand.http.post(f"/campaigns/{campaign}/activate")

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(let_run, made))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 422]
    assert [answer.json()["code"] for answer in answers if answer.status_code == 422] == ["over_limit"]


def test_above_the_limit_another_person_lets_it_run(stand: Stand, people: People) -> None:
    ann, bob = people.join("MANAGER"), people.join("MANAGER")
    campaign = stand.launched()
    stand.limit(second_person_above=99_99)
    changed = ann.http.patch(f"/campaigns/{campaign}", json={"total_budget": 110_00})
    assert (changed.status_code, changed.json()["planned_by"]) == (200, f"user/{ann.id}")
    made = {"id": str(campaign)}
    stand.settled(made, "PAUSED")
    for who in (ann.http, stand.http):  # who planned it, and a key
        refused = who.post(f"/campaigns/{campaign}/activate")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    agreed = bob.http.post(f"/campaigns/{campaign}/activate")
    assert (agreed.status_code, agreed.json()["activated_by"]) == (200, f"user/{bob.id}")
    viewer = people.join("VIEWER")
    assert viewer.http.get("/campaigns").status_code == 403
    editor = people.join("EDITOR")
    assert editor.http.post(f"/campaigns/{campaign}/activate").status_code == 403
    assert editor.http.put("/ads/policy", json={"limits": {}}).status_code == 403


def test_a_budget_grows_in_steps_and_within_limits(stand: Stand) -> None:
    campaign = {"id": str(stand.launched())}
    stand.limit(campaign=130_00, step_percent=20)
    path = f"/campaigns/{campaign['id']}"
    assert stand.http.patch(path, json={"total_budget": 120_01}).json()["code"] == "over_limit"
    assert stand.http.patch(path, json={"daily_budget": 1}).json()["code"] == "invalid"
    assert stand.http.patch(path, json={"total_budget": 120_00}).json()["state"] == "PAUSING"
    stand.settled(campaign, "ACTIVE")
    refused = stand.http.patch(path, json={"total_budget": 130_01})
    assert refused.json()["code"] == "over_limit"
    assert stand.http.patch(path, json={"total_budget": 100_00}).json()["state"] == "ACTIVATING"  # less is allowed


def test_everything_is_stopped_at_once_and_stays_so(stand: Stand) -> None:
    stand.limit(campaign=100_00)
    made = [stand.campaign(), stand.campaign()]
    for one in made:
        stand.rests(one)
        stand.act(one, "activate")
        stand.rests(one, "ACTIVE")
    assert stand.http.post("/ads/stop").json()["stopped_by"].startswith("api_key/")
    for one in made:
        stand.rests(one, "PAUSED")
        assert stand.there("Campaign", one)[0]["status"] == "PAUSED"
        assert stand.act(one, "activate", status=409)["code"] == "ads_stopped"
    assert stand.http.post("/ads/stop", json={"stopped": False}).json()["stopped_at"] is None
    stand.act(made[0], "activate")
    stand.rests(made[0], "ACTIVE")


def test_without_its_token_nothing_is_claimed_and_a_person_is_asked(stand: Stand) -> None:
    stand.limit(campaign=100_00)
    made = stand.campaign()
    stand.rests(made)
    stand.world.faults.add(Fault("expired_token", "*", detail={"subcode": 463}))
    stand.act(made, "activate")
    found = stand.rests(made, "NEEDS_HUMAN")
    assert found["error"]["code"] == "token_expired"
    assert stand.http.get(f"/ad-accounts/{made['ad_account_id']}").json()["error"]["code"] == "expired"
    assert stand.http.get(f"/ad-accounts/{made['ad_account_id']}").json()["health"] == "needs_reauth"
    refused = stand.http.delete(f"/ad-accounts/{made['ad_account_id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    stand.world.faults.play("calm")
    stand.account()  # connected again
    stand.act(made, "pause")
    stand.rests(made, "PAUSED")


def test_a_real_account_spends_nothing_before_a_person_lets_it(stand: Stand, people: People) -> None:
    account = stand.http.get(f"/ad-accounts/{stand.unseen_account('act_5', 'EAAG-real-1', 'USD')}").json()
    assert (account["external_id"], account["sandbox"], account["live"]) == ("5", False, False)
    refused = stand.http.post("/campaigns", json=stand.wish(ad_account_id=account["id"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    live = f"/ad-accounts/{account['id']}/live"
    assert stand.http.post(live, json={"live": True}).status_code == 403
    assert people.join("OWNER").http.post(live, json={"live": True}).json()["live"] is True
    assert "token" not in stand.http.get(f"/ad-accounts/{account['id']}").text.replace("token_expires_at", "")
    with pytest.raises(Conflict):
        stand.unseen_account("act_5", "EAAG-real-1", "JPY")


def test_a_pasted_token_of_an_ad_account_is_looked_at_before_it_takes_anothers_place(stand: Stand) -> None:
    account = stand.http.get(f"/ad-accounts/{stand.account()}").json()
    assert (account["currency"], account["time_zone"], account["health"]) == ("EUR", "Europe/Berlin", "ok")
    said = {"external_id": f"act_{known.AD_ACCOUNT}", "token": known.META_TOKEN, "page_id": known.PAGE}
    again = stand.http.post("/ad-accounts", json=said)
    assert (again.status_code, again.json()["id"], again.json()["name"]) == (200, account["id"], account["name"])
    may = {"type": "USER", "user": known.USER, "app": known.META_APP, "expires_at": 0}
    nothing, reads = (stand.world.new_token(**may, scopes=["pages_show_list", *more]) for more in ((), ("ads_read",)))
    for wrong, word in (
        ({"token": "sandbox-rubbish"}, "fresh"), ({"external_id": "act_5"}, "open"), ({"currency": "USD"}, "EUR"),
        ({"time_zone": "UTC"}, "Berlin"), ({"token": nothing["token"]}, "ads_read"),
        ({"token": known.PAGE_TOKEN}, "open"),
    ):  # fmt: skip
        refused = stand.http.post("/ad-accounts", json=said | wrong)
        assert (refused.status_code, word in refused.json()["detail"]) == (422, True), refused.text
    reader = stand.http.post("/ad-accounts", json=said | {"token": reads["token"]}).json()
    assert (reader["health"], reader["missing_scopes"]) == ("missing_scopes", ["ads_management"])
    ends = int(stand.world.now()) + 6 * 86400
    short = stand.world.new_token(**may | {"scopes": list(known.META_SCOPES), "expires_at": ends})
    soon = stand.http.post("/ad-accounts", json=said | {"token": short["token"]}).json()
    assert (soon["health"], bool(soon["token_expires_at"]), soon["error"]) == ("expiring", True, None)


def test_a_launch_in_another_currency_than_the_accounts_is_stopped(stand: Stand) -> None:
    made = stand.campaign()
    stand.rests(made)
    act = next(stand.world.of("AdAccount"))
    stand.world.change(act, currency="JPY")
    try:
        assert stand.rests(stand.act(made, "duplicate", status=201))["error"]["code"] == "currency"
    finally:
        stand.world.change(act, currency="EUR")


def test_a_rule_pauses_a_loser_with_its_numbers_and_a_person_undoes_it(stand: Stand) -> None:
    stand.limit(campaign=100_00)
    made = stand.campaign()
    stand.rests(made)
    stand.act(made, "activate")
    stand.rests(made, "ACTIVE")
    stand.measured(made, spend=10_00, clicks=4)
    loser = {"name": "loser", "action": "pause", "metric": "cost_per_click", "above": 200}
    tried = stand.act(made, "simulate", {"rules": [loser]})
    assert [(one["rule"], one["numbers"]["value"]) for one in tried["decisions"]] == [("loser", 250.0)]
    too_much = {"name": "all in", "action": "scale", "metric": "spend", "above": 0, "percent": 1000}
    back = stand.act(made, "simulate", {"rules": [loser | {"metric": "roas", "above": None, "below": 1}]})
    assert back["decisions"][0]["numbers"]["value"] == 0.0  # nobody has bought anything
    # What is refused first keeps nothing from stopping it.
    assert stand.http.put("/ads/rules", json={"rules": [too_much, loser]}).status_code == 200
    stopped = stand.rests(made, "PAUSED")
    assert (stopped["decision"]["rule"], stopped["decision"]["numbers"]["clicks"]) == ("loser", 4)
    assert stand.there("Campaign", made)[0]["status"] == "PAUSED"
    assert {"campaign_rule_refused", "campaign_rule_applied"} <= {event["event"] for event in stand.told(made)}
    stand.act(made, "undo")
    assert stand.rests(made, "ACTIVE")["decision"]["undone"] is True
    assert stand.act(made, "undo", status=409)["code"] == "conflict"
