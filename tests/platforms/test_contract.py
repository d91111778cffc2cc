"""Meta's contract as its own SDK has it: what the sandbox holds every request of the clients against."""

from __future__ import annotations

import pytest
from tests.platforms.conftest import START, sandboxed

from stakazo.platforms.base import Platform
from stakazo.platforms.graph import Graph
from stakazo.platforms.sandbox.contract import Contract, installed, names
from stakazo.platforms.sandbox.graph import EDGES, UNDECLARED
from stakazo.platforms.sandbox.world import World


@pytest.fixture
def contract() -> Contract:
    found = installed()
    assert found is not None, "facebook-business is a dependency of the tests"
    return found


GOOD = [
    ("POST", "AdAccount", "campaigns", {"name": "c", "objective": "OUTCOME_TRAFFIC", "status": "PAUSED",
     "special_ad_categories": '["NONE"]', "is_adset_budget_sharing_enabled": "false"}),
    ("POST", "AdAccount", "adsets", {"name": "a", "campaign_id": "1", "daily_budget": "1000",
     "billing_event": "IMPRESSIONS", "optimization_goal": "THRUPLAY", "promoted_object": '{"page_id":"1"}',
     "targeting": '{"geo_locations":{"countries":["US"]},"age_min":18}'}),
    ("POST", "AdAccount", "adcreatives", {"name": "x", "object_story_spec": '{"page_id":"1","instagram_user_id":"2",'
     '"video_data":{"video_id":"3","image_url":"https://x","call_to_action":{"type":"LEARN_MORE"}}}'}),
    ("POST", "AdAccount", "ads", {"name": "x", "adset_id": "1", "creative": '{"creative_id":"5"}'}),
    ("POST", "IGUser", "media", {"media_type": "REELS", "video_url": "https://x", "share_to_feed": "true"}),
    ("GET", "ShadowIGMediaBuilder", "", {"fields": "status_code,status"}),
    ("GET", "AdAccount", "insights", {"level": "ad", "fields": "impressions,spend,actions", "date_preset": "last_7d"}),
    ("GET", "IGMedia", "insights", {"metric": "views,reach,ig_reels_avg_watch_time"}),
    ("POST", "Page", "subscribed_apps", {"subscribed_fields": "feed,mention"}),
]  # fmt: skip
BAD = [
    ("POST", "AdAccount", "campaigns", {"name": "c", "objective": "TRAFFIC!"}, ["special_ad_categories", "objective"]),
    ("POST", "AdAccount", "adsets", {"name": "a", "daily_budget": "10.50", "billing_event": "CLICK",
     "targeting": '{"geo":1}'}, ["daily_budget", "billing_event", "targeting.geo"]),
    ("POST", "AdAccount", "adcreatives", {"object_story_spec": '{"page_id":"1","instagram_actor_id":"2"}'},
     ["object_story_spec.instagram_actor_id"]),
    ("POST", "AdAccount", "adcreatives",
     {"degrees_of_freedom_spec": '{"creative_features_spec":{"audio":{"enroll_status":"OPT_OUT"},"glitter":{}}}'},
     ["degrees_of_freedom_spec.creative_features_spec.glitter"]),
    ("POST", "AdSet", "", {"adset_schedule": '[{"days":[0],"start_minute":60,"end":120}]',
     "bid_constraints": '{"roas_floor":1}', "targeting": '{"geo_locations":{"zips":[{"code":"US:1"}]}}'},
     ["adset_schedule[0].end", "bid_constraints.roas_floor", "targeting.geo_locations.zips[0].code"]),
    ("POST", "IGUser", "media", {"media_type": "REELS", "videoUrl": "https://x"}, ["videoUrl"]),
    ("POST", "IGUser", "media_publish", {}, ["creation_id"]),
    ("POST", "Page", "video_reels", {"upload_phase": "done"}, ["upload_phase"]),
    ("POST", "Campaign", "", {"status": "LIVE"}, ["status"]),
    ("GET", "IGMedia", "insights", {"metric": "plays"}, ["metric[0]"]),
    ("POST", "AdAccount", "insights", {"level": "adz", "fields": "impresions"}, ["level", "fields"]),
    ("GET", "AdAccount", "cats", {}, ["AdAccount"]),
    ("GET", "Cat", "", {}, ["there"]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "kind", "edge", "params"), GOOD)
def test_what_meta_knows_is_no_violation(contract: Contract, method: str, kind: str, edge: str, params: dict[str, str]):
    assert contract.violations(method, kind, edge, params) == []


@pytest.mark.parametrize(("method", "kind", "edge", "params", "about"), BAD)
def test_what_meta_does_not_know_is_one(
    contract: Contract, method: str, kind: str, edge: str, params: dict[str, str], about: list[str]
):
    found = contract.violations(method, kind, edge, params)
    assert [fault.replace(":", " ").split()[0] for fault in found] == about


def test_every_edge_of_the_sandbox_is_one_of_metas(contract: Contract):
    unknown = []
    for method, kind, edge in EDGES:
        node = contract.node(kind)
        if kind not in UNDECLARED and (node is None or (method, edge) not in node.endpoints):
            unknown.append((method, kind, edge))
    assert unknown == [], "the sandbox plays nothing that Meta doesn't have"


def test_fields_may_be_nested():
    assert names("id,name,creative{id,object_story_spec},insights.limit(3){spend,actions}") == [
        "id", "name", "creative", "insights",
    ]  # fmt: skip


async def test_a_violation_is_recorded_and_the_answer_is_metas():
    """Meta ignores what it doesn't know: nobody would notice without the record."""
    world = World(clock=lambda: START)
    async with sandboxed(world) as there:
        graph = Graph(there.connection, there.account(Platform.INSTAGRAM))
        user = there.account(Platform.INSTAGRAM).id
        assert (await graph.get(user, {"fields": "id,shoe_size"}))["id"] == user
        recorded = (await there.http.get(f"{there.url}/sandbox/violations")).json()
    assert [one["fault"] for one in recorded] == ["fields: IGUser has no shoe_size"]
