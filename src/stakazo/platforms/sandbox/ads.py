"""The Marketing API as the sandbox plays it: campaigns, ad sets, creatives, ads, and Meta's rules for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stakazo.platforms.sandbox import ad_terms, delivery, pages, people, reports
from stakazo.platforms.sandbox.calls import Answer, Call, Edges, Refused, chosen, invalid, page
from stakazo.platforms.sandbox.world import Thing, World, iso

HOUR = 3600.0
MOST_BUDGET_CHANGES = 4
ENHANCED = ("text_optimizations", "inline_comment", "video_auto_crop", "site_extensions")
"""What Meta does to an ad by itself where nobody forbids it."""
STATUSES = {"ACTIVE", "PAUSED", "ARCHIVED", "DELETED"}
PARENT = {"Ad": "adset_id", "AdSet": "campaign_id"}


# --- making -------------------------------------------------------------------------------------------------


def create_campaign(call: Call) -> Answer:
    if not call.text("name").strip():
        raise invalid("Param name must be non-empty")
    if not call.text("objective").startswith("OUTCOME_"):
        raise invalid("Invalid objective: use an OUTCOME objective", 2490408)
    categories = call.json("special_ad_categories")
    if not isinstance(categories, list):
        raise invalid("The parameter special_ad_categories is required")
    if set(categories) - {"NONE"} and not call.json("special_ad_category_country"):
        raise invalid("special_ad_category_country is required for special ad categories")
    budgets = _budgets(call)
    if not budgets and "is_adset_budget_sharing_enabled" not in call.params:
        raise invalid("Must specify True or False in is_adset_budget_sharing_enabled", 4834011)
    if _dry(call):
        return {"success": True}
    return _made(call, "Campaign", objective=call.text("objective"), special_ad_categories=categories,
                 spend_cap=call.params.get("spend_cap"), **budgets)  # fmt: skip


def create_ad_set(call: Call) -> Answer:
    campaign = call.world.things.get(call.text("campaign_id"))
    if campaign is None or campaign["kind"] != "Campaign":
        raise invalid("Invalid campaign_id", 1885154)
    for name in ("name", "billing_event", "optimization_goal", "targeting"):
        if not call.text(name):
            raise invalid(f"The parameter {name} is required", error_data={"blame_field_specs": [[name]]})
    budgets = _budgets(call)
    above = bool(campaign.get("daily_budget") or campaign.get("lifetime_budget"))
    if above == bool(budgets):
        raise invalid("Campaign budget and ad set budget: set it on exactly one level", 1885621)
    if "lifetime_budget" in budgets and not call.text("end_time"):
        raise invalid("An ad set with a lifetime budget needs an end time", 1885014)
    said = ad_terms.wanted(call, lifetime="lifetime_budget" in budgets or bool(campaign.get("lifetime_budget")))
    if _dry(call):
        return {"success": True}
    return _made(
        call, "AdSet", campaign_id=campaign["id"], optimization_goal=call.text("optimization_goal"),
        billing_event=call.text("billing_event"), promoted_object=call.json("promoted_object"), budget_changes=[],
        **said, **budgets,
    )  # fmt: skip


def create_creative(call: Call) -> Answer:
    story, media = call.json("object_story_spec"), call.text("source_instagram_media_id")
    if media:
        found = call.world.things.get(media)
        if found is None or found["kind"] != "IGMedia":
            raise invalid("The Instagram media can't be promoted", 1815279)
    elif story is not None:
        _check_story(story)
    elif not call.text("object_story_id"):
        raise invalid("A creative needs object_story_spec, object_story_id or source_instagram_media_id", 1487888)
    _check_form(call, (story or {}).get("video_data", {}).get("call_to_action") or call.json("call_to_action"))
    if _dry(call):
        return {"success": True}
    return _made(
        call, "AdCreative", object_story_spec=story, object_story_id=call.params.get("object_story_id"),
        source_instagram_media_id=media or None, url_tags=call.params.get("url_tags"),
        degrees_of_freedom_spec=_enhanced(call),
    )  # fmt: skip


def _check_story(story: Any) -> None:
    if not isinstance(story, dict) or not story.get("page_id"):
        raise invalid("object_story_spec.page_id is required", 1487390)
    video = story.get("video_data")
    if video is not None and not (video.get("video_id") and (video.get("image_url") or video.get("image_hash"))):
        raise invalid("Please specify one of image_hash or image_url in the video_data field", 1443226)


def _enhanced(call: Call) -> Thing:
    """What is done to it: where nothing is said of a feature, Meta's own choice."""
    said = (call.json("degrees_of_freedom_spec") or {}).get("creative_features_spec") or {}
    return {"creative_features_spec": {name: {"enroll_status": "OPT_IN"} for name in ENHANCED} | said}


def _check_form(call: Call, button: Any) -> None:
    """What a button opens, if that is a form."""
    form_id = ((button or {}).get("value") or {}).get("lead_gen_form_id")
    if form_id is None:
        return
    form = call.world.things.get(str(form_id))
    if form is None or form["kind"] != "LeadgenForm" or form["status"] != "ACTIVE":
        raise invalid("The lead form can't be used", 1892181)


def create_ad(call: Call) -> Answer:
    ad_set = call.world.things.get(call.text("adset_id"))
    creative = call.world.things.get(str((call.json("creative") or {}).get("creative_id", "")))
    if ad_set is None or ad_set["kind"] != "AdSet":
        raise invalid("Invalid adset_id", 1487102)
    if creative is None or creative["kind"] != "AdCreative":
        raise invalid("Invalid creative", 1487194)
    if _dry(call):
        return {"success": True}
    return _made(call, "Ad", adset_id=ad_set["id"], campaign_id=ad_set["campaign_id"], creative={"id": creative["id"]},
                 disapproved=call.struck("disapproved") is not None)  # fmt: skip


def _made(call: Call, kind: str, **fields: Any) -> Answer:
    status = call.params.get("status", "ACTIVE")  # Meta's own default: hence ours say PAUSED
    if status not in STATUSES:
        raise invalid("Invalid status")
    made = call.world.new(
        kind,
        account=call.node["id"],
        name=call.text("name"),
        status=status,
        created_time=iso(call.now),
        active=[],
        **fields,
    )
    delivery.settle(call.world, made)
    return {"id": made["id"]}


def _dry(call: Call) -> bool:
    return "validate_only" in call.json("execution_options", [])


def _budgets(call: Call) -> dict[str, int]:
    """Integers of minor units. Raises what Meta would refuse."""
    account = call.node if call.node["kind"] == "AdAccount" else call.world.things[call.node["account"]]
    found = {name: call.whole(name) for name in ("daily_budget", "lifetime_budget") if call.text(name)}
    if len(found) == 2:
        raise invalid("Only one of daily_budget and lifetime_budget may be set", 1885065)
    if any(value < account["min_daily_budget"] for value in found.values()):
        raise invalid("Your budget is too low", 1885272, error_user_msg="Your budget must be at least 1.00")
    return found


# --- changing -----------------------------------------------------------------------------------------------


def update(call: Call) -> Answer:
    """Another status, budget or name; of an ad set also other people, times and bids."""
    thing = call.node
    changed = ad_terms.terms(call, thing) if thing["kind"] == "AdSet" else {}
    if call.text("status"):
        if call.text("status") not in STATUSES:
            raise invalid("Invalid status")
        if thing["status"] == "DELETED":
            raise invalid("Deleted objects can't be changed", 1487056)
        if thing["status"] == "ARCHIVED" and call.text("status") not in {"ARCHIVED", "DELETED"}:
            raise invalid("An archived object can only be deleted", 1487056)
        changed["status"] = call.text("status")
    budgets = _budgets(call)
    if budgets and thing["kind"] == "AdSet":
        recent = [at for at in thing["budget_changes"] if at > call.now - HOUR]
        if len(recent) >= MOST_BUDGET_CHANGES:
            raise Refused(613, "You can only change your ad set budget 4 times per hour", subcode=1487632)
        changed["budget_changes"] = [*recent, call.now]
    for name in ("name", "spend_cap"):
        if call.text(name):
            changed[name] = call.text(name)
    if _dry(call):
        return {"success": True}
    delivery.settle(call.world, call.world.change(thing, **changed, **budgets))
    return {"success": True}


def remove(call: Call) -> Answer:
    delivery.settle(call.world, call.world.change(call.node, status="DELETED"))
    return {"success": True}


# --- looking ------------------------------------------------------------------------------------------------


def effective_status(world: World, thing: Thing) -> str:
    """What a status comes to under its parents' and its review."""
    if thing["status"] != "ACTIVE" or thing["kind"] in {"Campaign", "AdCreative"}:
        return str(thing["status"])
    if thing["kind"] == "Ad":
        if world.now() < thing["made"] + world.processing:
            return "PENDING_REVIEW"
        if thing["disapproved"]:
            return "DISAPPROVED"
        if world.things[thing["adset_id"]]["status"] != "ACTIVE":
            return "ADSET_PAUSED"
    return "ACTIVE" if world.things[thing["campaign_id"]]["status"] == "ACTIVE" else "CAMPAIGN_PAUSED"


def _shown(world: World, thing: Thing) -> Thing:
    found = {
        **thing,
        "effective_status": effective_status(world, thing),
        "account_id": thing["account"].removeprefix("act_"),
    }
    for name in ("daily_budget", "lifetime_budget"):
        if thing["kind"] in {"Campaign", "AdSet"}:
            found[name] = str(thing.get(name, 0))  # Meta's numbers are strings, and 0 is none
    if thing["kind"] == "Campaign":
        below = [ad for ad in world.of("Ad", campaign_id=thing["id"]) if ad["status"] not in {"DELETED", "ARCHIVED"}]
        found["ads"] = {"data": [{"id": ad["id"], "status": ad["status"]} for ad in below]}
    if found["effective_status"] == "DISAPPROVED":
        found["ad_review_feedback"] = {"global": {"Personal Attributes": "Ads must not assert personal attributes."}}
    return found


def show(call: Call) -> Answer:
    if call.node["kind"] == "AdCreative" and (fault := call.struck("enhanced")) is not None:
        known = call.node["degrees_of_freedom_spec"]["creative_features_spec"]
        again = {str(fault.detail.get("feature", ENHANCED[0])): {"enroll_status": "OPT_IN"}}
        call.world.change(call.node, degrees_of_freedom_spec={"creative_features_spec": known | again})
        call = replace(call, node=call.world.things[call.node["id"]])
    return chosen(_shown(call.world, call.node), call.fields())


def show_account(call: Call) -> Answer:
    return chosen({**call.node, "account_id": call.node["id"].removeprefix("act_")}, call.fields())


def _listed(call: Call, kind: str) -> Answer:
    wanted = set(call.json("effective_status", []))
    rows = []
    for thing in call.world.of(kind):
        inside = call.node["id"] in {thing["account"], thing.get("campaign_id"), thing.get("adset_id")}
        shown = _shown(call.world, thing)
        hidden = thing["status"] in {"DELETED", "ARCHIVED"} and not wanted
        if inside and not hidden and (not wanted or shown["effective_status"] in wanted) and _passes(call, shown):
            rows.append(chosen(shown, call.fields()))
    return page(call, rows)


def _passes(call: Call, thing: Mapping[str, Any]) -> bool:
    """`filtering`, as far as names and ids go."""
    for rule in call.json("filtering", []):
        value, found = rule.get("value"), str(thing.get(str(rule.get("field")).rpartition(".")[2], ""))
        match rule.get("operator"):
            case "CONTAIN" if str(value) not in found:
                return False
            case "EQUAL" if str(value) != found:
                return False
            case "IN" if found not in map(str, value):
                return False
    return True


def campaigns(call: Call) -> Answer:
    return _listed(call, "Campaign")


def ad_sets(call: Call) -> Answer:
    return _listed(call, "AdSet")


def creatives(call: Call) -> Answer:
    return _listed(call, "AdCreative")


def all_ads(call: Call) -> Answer:
    return _listed(call, "Ad")


def estimate(call: Call) -> Answer:
    targeting = call.json("targeting_spec") or {}
    countries = (targeting.get("geo_locations") or {}).get("countries") or []
    years = int(targeting.get("age_max", 65)) - int(targeting.get("age_min", 18)) + 1
    lowest = len(countries) * years * 250_000 // (2 if targeting.get("flexible_spec") else 1)
    row = {"estimate_ready": True, "estimate_mau_lower_bound": lowest, "estimate_mau_upper_bound": int(lowest * 1.18),
           "estimate_dau": lowest // 2}  # fmt: skip
    return {"data": [row]}


def thumbnails(call: Call) -> Answer:
    name = call.node["id"]
    rows = [
        {"id": f"{name}{n}", "uri": f"https://sandbox.invalid/{name}_{n}.jpg", "is_preferred": n == 2, "width": 1080}
        for n in range(4)
    ]
    return {"data": [chosen(row, call.fields(), ("uri", "is_preferred")) for row in rows]}


EDGES: Edges = {
    ("POST", "AdAccount", "campaigns"): create_campaign,
    ("POST", "AdAccount", "adsets"): create_ad_set,
    ("POST", "AdAccount", "adcreatives"): create_creative,
    ("POST", "AdAccount", "ads"): create_ad,
    ("POST", "AdAccount", "advideos"): pages.videos,
    ("GET", "AdAccount", ""): show_account,
    ("GET", "AdAccount", "campaigns"): campaigns,
    ("GET", "AdAccount", "adsets"): ad_sets,
    ("GET", "AdAccount", "adcreatives"): creatives,
    ("GET", "AdAccount", "ads"): all_ads,
    ("GET", "Campaign", "adsets"): ad_sets,
    ("GET", "Campaign", "ads"): all_ads,
    ("GET", "AdSet", "ads"): all_ads,
    ("GET", "AdAccount", "delivery_estimate"): estimate,
    ("GET", "AdVideo", "thumbnails"): thumbnails,
    **{("GET", kind, ""): show for kind in ("Campaign", "AdSet", "Ad", "AdCreative")},
    **{("POST", kind, ""): update for kind in ("Campaign", "AdSet", "Ad")},
    **{("DELETE", kind, ""): remove for kind in ("Campaign", "AdSet", "Ad", "AdCreative")},
    **people.EDGES,
    **reports.EDGES,
}
