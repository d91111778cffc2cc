"""Audiences, interests and places by their names: found at the platform, or refused with what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.ads.stand import Stand
from tests.terminal import ask

from stakazo.ads.naming import is_meant, why_not
from stakazo.ads.plan import Plan
from stakazo.platforms.people import Audience, Choice, Fitness, Kind
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import AD_ACCOUNT, AUDIENCES

FOLLOWERS, ALIKE, FEW, FLAGGED = (one[0] for one in AUDIENCES)
AUDIENCE = {"subtype": "CUSTOM", "flagged": False, "special": True}
OREGON = Choice(Kind.CITY, "2514815", "Portland", "US", "United States", "Oregon")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("portland", True),
        ("Portland, Oregon", True),
        ("Portland, us", True),
        ("Portland, Oregon, United States", True),
        ("Portland, Maine", False),
        ("Port", False),
        ("Portland,", False),
    ],
)
def test_a_place_is_meant_by_its_name_and_where_it_is(words: str, *, meant: bool) -> None:
    assert is_meant(OREGON, words) is meant


@pytest.mark.parametrize(
    ("fitness", "special", "excluded", "word"),
    [
        (Fitness.READY, False, False, None),
        (Fitness.FILLING, False, False, None),
        (Fitness.READY, True, False, "special"),
        (Fitness.TOO_SMALL, False, False, "lookalike"),
        (Fitness.TOO_SMALL, False, True, None),
        (Fitness.BUILDING, False, False, "Try again"),
        (Fitness.FLAGGED, False, True, "Review it"),
        (Fitness.UNUSABLE, False, False, "Repair it"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_do(
    fitness: Fitness, *, special: bool, excluded: bool, word: str | None
) -> None:
    fans = Audience("1", "Fans", "CUSTOM", fitness, "It is so.", 1000, 1000, special=False)
    why = why_not(fans, special=special, excluded=excluded)
    assert (why is None) == (word is None)
    assert word is None or word in str(why)


def test_a_plan_from_before_names_were_kept_is_still_one() -> None:
    stored = {"objective": "OUTCOME_TRAFFIC", "goal": "REACH", "audiences": ["7"], "cities": ["551400"]}
    kept = Plan.of(stored)
    assert (kept.audiences, kept.cities, kept.lands) == ((("7", ""),), (("551400", "", ""),), frozenset())
    assert Plan.of(json.loads(json.dumps(kept.as_json()))) == kept


def test_names_become_what_the_platform_calls_them(stand: Stand) -> None:
    named: dict[str, Any] = {
        "audiences": ["Blue Note followers", FOLLOWERS],
        "excluded_audiences": ["Newsletter"],
        "interests": [{"name": "jazz music"}],
        "countries": [],
        "cities": ["Portland, Oregon", "551400"],
        "locales": ["German", 24],
    }
    made = stand.campaign(**named)
    assert made["plan"]["audiences"] == [[FOLLOWERS, "Blue Note followers"]]
    stand.rests(made, "PAUSED")
    (ad_set,) = stand.there("AdSet", made)
    there = ad_set["targeting"]
    assert there["custom_audiences"] == [{"id": FOLLOWERS}]
    assert there["excluded_custom_audiences"] == [{"id": FEW}]
    assert there["flexible_spec"] == [{"interests": [{"id": "6003139266461", "name": "Jazz music"}]}]
    assert there["geo_locations"] == {"cities": [{"key": "2514815"}, {"key": "551400"}]}
    assert there["locales"] == [5, 24]


def test_all_that_is_not_found_or_not_ready_is_said_at_once(stand: Stand) -> None:
    followers = stand.world.things[FOLLOWERS]
    same = {name: followers[name] for name in followers.keys() - {"id", "kind", "made"}}
    twin = stand.world.new("CustomAudience", **same)
    wrong: dict[str, Any] = {
        "audiences": ["Blue Note followers", "Newsletter", FLAGGED, "Nobody", "999"],
        "interests": [{"name": "Music vid"}],
        "cities": ["Portland", "Atlantis", "1"],
    }
    answer = stand.http.post("/campaigns", json=stand.wish(**wrong))
    stand.world.drop(twin["id"])
    assert (answer.status_code, answer.json()["code"]) == (422, "campaign_refused")
    said = answer.json()["detail"]
    for words in (
        f"Which audience is 'Blue Note followers': Blue Note followers ({twin['id']}); Blue Note followers ",
        f"followers ({FOLLOWERS})? Say its key.",
        "'Newsletter' is too small",
        "'Concert goers with debts' was blocked",
        "no audience 'Nobody'",
        "no audience '999'",
        "Which interest is 'Music vid': Music videos (6003225556345)",
        "Which city is 'Portland': Portland, Oregon, US (2514815); Portland, Maine, US (2457317)? Say its key.",
        "no city 'Atlantis'",
        "no city '1'",
    ):
        assert words in said, words


@pytest.mark.usefixtures("quiet")
def test_a_copy_is_checked_like_a_new_one(stand: Stand) -> None:
    """What could be used when the first was made may be gone, of others or too small by now."""
    theirs = stand.world.new("CustomAudience", **AUDIENCE, account="act_999", name="Theirs", people=9000)
    gone = stand.world.new("CustomAudience", **AUDIENCE, account=f"act_{AD_ACCOUNT}", name="Gone", people=9000)
    few = stand.world.new("CustomAudience", **AUDIENCE, account=f"act_{AD_ACCOUNT}", name="Few", people=9000)
    answer = stand.http.post("/campaigns", json=stand.wish(audiences=[theirs["id"]]))
    assert (answer.status_code, "of another ad account" in answer.json()["detail"]) == (422, True)
    stand.world.move_on(60)  # they are filled
    made = stand.campaign(audiences=["Gone", "Few", FOLLOWERS])
    hidden = stand.world.things[gone["id"]]
    stand.world.drop(gone["id"])
    stand.world.change(few, people=10)
    refused = stand.act(made, "duplicate", status=422)
    assert refused["code"] == "campaign_refused"
    for words in (f"no audience '{gone['id']}'", "'Few' is too small"):
        assert words in refused["detail"]
    said = {"audiences": [FOLLOWERS], "total_budget": 90_00}
    tried = stand.http.post(f"/campaigns/{made['id']}/duplicate?dry_run=true", json=said)
    assert (tried.status_code, tried.json()["preview"]["refused"]) == (200, []), tried.text
    assert tried.json()["preview"]["at_most"] == 90_00
    assert stand.http.get(f"/campaigns/{tried.json()['id']}").status_code == 404
    stand.world.change(few, people=9000)
    stand.world.save(dict(hidden))
    assert "at most" in ask(stand.site, "campaigns", "duplicate", made["id"], "--dry-run")
    for one in (few, gone, theirs):
        stand.world.drop(one["id"])


def test_a_city_in_the_eu_and_an_audience_for_special_ads_are_known_as_such(stand: Stand) -> None:
    nobody_pays = {"countries": [], "cities": ["Berlin"], "dsa_payor": None}
    answer = stand.http.post("/campaigns", json=stand.wish(**nobody_pays))
    assert "In the EU" in answer.json()["detail"]
    answer = stand.http.post("/campaigns", json=stand.wish(countries=["US"], cities=["Portland, Oregon", "Paris"]))
    assert "Portland, Oregon, US lies in a country" in answer.json()["detail"]
    special = {"special_categories": ["HOUSING"], "age_max": 65, "audiences": [ALIKE]}
    answer = stand.http.post("/campaigns", json=stand.wish(**special))
    assert "special category" in answer.json()["detail"]
    stand.world.faults.add(Fault("never_arrived", "GET AdAccount/customaudiences"))
    answer = stand.http.post("/campaigns", json=stand.wish(audiences=["Newsletter"]))
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "unavailable", True)


def test_where_there_are_no_rights_no_ad_is_shown(stand: Stand) -> None:
    """Whether the country is named, or a city in it, or nobody knows where its audience lives."""
    wish = stand.wish(countries=["US"], dsa_payor="Blue Note")
    clip = stand.http.get(f"/variants/{wish['variant_id']}").json()["clip_id"]
    video = stand.http.get(f"/clips/{clip}").json()["video_id"]
    stand.http.put(f"/videos/{video}/rights", json={"territories": ["US"]}).raise_for_status()
    for said, words in (
        ({"countries": ["US", "FR"]}, "no rights to the recording for FR"),
        ({"cities": ["Paris"]}, "no rights to the recording for FR"),
        ({"countries": [], "audiences": [FOLLOWERS]}, "say the countries"),
    ):
        answer = stand.http.post("/campaigns", json=wish | said)
        assert answer.json()["code"] == "campaign_refused", answer.text
        assert words in answer.json()["detail"]
    assert stand.http.post("/campaigns", json=wish | {"audiences": [FOLLOWERS]}).status_code == 201


@pytest.mark.usefixtures("quiet")
def test_what_there_is_is_shown_over_http_and_in_the_terminal(stand: Stand) -> None:
    account = stand.account()
    found, cursor = dict[str, Any](), None
    while True:
        page = stand.http.get(
            f"/ad-accounts/{account}/audiences", params={"limit": 3} | ({"cursor": cursor} if cursor else {})
        ).json()
        found |= {one["id"]: one for one in page["items"]}
        if (cursor := page["next_cursor"]) is None:
            break
    assert set(found) == {FOLLOWERS, ALIKE, FEW, FLAGGED}
    assert (found[FEW]["usable"], found[FOLLOWERS]["todo"], found[ALIKE]["special"]) == (False, None, False)
    assert stand.http.get(f"/ad-accounts/{account}/audiences?cursor=x").json()["code"] == "invalid"
    assert "48,000" in ask(stand.site, "campaigns", "audiences", "followers")
    assert "2514815" in ask(stand.site, "campaigns", "targeting", "city", "portland")
