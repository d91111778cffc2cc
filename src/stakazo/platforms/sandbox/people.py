"""Whom the sandbox's ads can reach: audiences in every state that Meta has for them, interests, places, languages."""

from __future__ import annotations

from typing import Any

from stakazo.platforms.sandbox import crowds
from stakazo.platforms.sandbox.calls import Answer, Call, Edges, chosen, invalid, page
from stakazo.platforms.sandbox.world import Thing, World

BLOCKED = (
    "The custom audience or lookalike is blocked because it suggests the use of information not allowed under Meta's "
    "terms, and is restricted from running ads. Review the audience and remove prohibited information."
)
FILLING = (
    "We're finding people who fit your audience criteria. You can start running ads with this audience right away."
)
INTERESTS = [("6003139266461", "Jazz music"), ("6003020834693", "Music"), ("6003332344237", "Live music"),
             ("6003017204650", "Hip hop music"), ("6003225556345", "Music videos")]  # fmt: skip
LAND = {"DE": "Germany", "FR": "France", "US": "United States", "GB": "United Kingdom", "JP": "Japan"}
REGIONS = {"3847": ("California", "US"), "3880": ("Oregon", "US"), "3867": ("Maine", "US"), "509": ("Berlin", "DE"),
           "1104": ("Île-de-France", "FR")}  # fmt: skip
CITIES = {"2420605": ("Los Angeles", "3847"), "2514815": ("Portland", "3880"), "2457317": ("Portland", "3867"),
          "551400": ("Berlin", "509"), "777934": ("Paris", "1104")}  # fmt: skip
ZIPS = {"US:97204": ("97204", "3880"), "US:90012": ("90012", "3847"), "DE:10115": ("10115", "509")}
LANGUAGES = {5: "German", 6: "English (US)", 24: "English (UK)", 9: "French (France)", 11: "Japanese"}


# --- audiences ----------------------------------------------------------------------------------------------


def audiences(call: Call) -> Answer:
    rows = []
    for thing in call.world.of("CustomAudience", account=call.node["id"]):
        words = [str(rule.get("value")).lower() for rule in call.json("filtering", []) if rule.get("field") == "name"]
        if all(one in thing["name"].lower() for one in words):
            rows.append(chosen(_shown(call.world, thing), call.fields()))
    return page(call, rows)


def show_audience(call: Call) -> Answer:
    return chosen(_shown(call.world, call.node), call.fields())


def _shown(world: World, thing: Thing) -> Thing:
    filling = crowds.is_filling(world, thing)
    small = filling or thing["people"] < crowds.SMALLEST
    delivery = (300, "Audience size is too small.") if small else (200, "This audience is ready for use.")
    operation = (471, BLOCKED) if thing["flagged"] else (441, FILLING) if filling else (200, "Normal")
    known = -1 if filling else max(thing["people"], 1000)
    return {
        **thing,
        "account_id": thing["account"].removeprefix("act_"),
        "delivery_status": {"code": delivery[0], "description": delivery[1]},
        "operation_status": {"code": operation[0], "description": operation[1]},
        "approximate_count_lower_bound": known,
        "approximate_count_upper_bound": known if known <= 1000 else int(known * 1.15),
        "is_eligible_for_sac_campaigns": thing["special"],
    }


def require_audiences(call: Call, targeting: dict[str, Any]) -> None:
    """Raises what Meta says of audiences that aren't there, or may not be used."""
    account = call.node["id"] if call.node["kind"] == "AdAccount" else call.node["account"]
    for name in ("custom_audiences", "excluded_custom_audiences"):
        for one in targeting.get(name) or ():
            found = call.world.things.get(str(one.get("id")))
            known = found is not None and (found["kind"], found.get("account")) == ("CustomAudience", account)
            if found is None or not known or found["flagged"]:
                raise invalid(f"Custom audience {one.get('id')} is not available", 1359207)


# --- by words -----------------------------------------------------------------------------------------------


def interests(call: Call) -> Answer:
    words = call.text("q").strip().lower()
    rows = [
        {"id": key, "name": name, "type": "interests", "path": ["Interests", name], "audience_size_lower_bound": 10**8,
         "audience_size_upper_bound": 12 * 10**7}
        for key, name in INTERESTS if words in name.lower()
    ]  # fmt: skip
    return {"data": rows}


def search(call: Call) -> Answer:
    """Places and languages, by words or by their keys."""
    words = call.text("q").strip().lower()
    match call.text("type"):
        case "adgeolocation":
            kinds = call.json("location_types", [])
            found = [row for row in places() if row["type"] in kinds and row["name"].lower().startswith(words)]
            if country := call.text("country_code"):
                found = [row for row in found if row["country_code"] == country]
            return {"data": found}
        case "adgeolocationmeta":
            asked = {"city": call.json("cities", []), "region": call.json("regions", []),
                     "country": call.json("countries", []), "zip": call.json("zips", [])}  # fmt: skip
            several = {"city": "cities", "region": "regions", "country": "countries", "zip": "zips"}
            return {
                "data": {
                    several[kind]: {row["key"]: row for row in places() if row["type"] == kind and row["key"] in keys}
                    for kind, keys in asked.items()
                    if keys
                }
            }
        case "adlocale":
            return {"data": [{"key": key, "name": name} for key, name in LANGUAGES.items() if words in name.lower()]}
    raise invalid("(#100) The type is not supported")


def places() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"key": code, "name": name, "type": "country", "country_code": code, "country_name": name}
        for code, name in LAND.items()
    ]
    for key, (name, code) in REGIONS.items():
        found.append(
            {"key": key, "name": name, "type": "region", "country_code": code, "country_name": LAND[code],
             "supports_city": True, "supports_region": True}
        )  # fmt: skip
    inside = [("city", CITIES), ("zip", ZIPS)]
    for kind, key, name, region in ((kind, key, *one) for kind, several in inside for key, one in several.items()):
        above, code = REGIONS[region]
        found.append(
            {"key": key, "name": name, "type": kind, "country_code": code, "country_name": LAND[code],
             "region": above, "region_id": int(region), "supports_city": True, "supports_region": True}
        )  # fmt: skip
    return found


def show(call: Call) -> Answer:
    return chosen(call.node, call.fields())


EDGES: Edges = {
    **crowds.EDGES,
    ("GET", "AdAccount", "customaudiences"): audiences,
    ("GET", "CustomAudience", ""): show_audience,
    ("GET", "LeadgenForm", ""): show,
    ("GET", "AdsPixel", ""): show,
    ("GET", "AdAccount", "targetingsearch"): interests,
    ("GET", "TargetingSearch", ""): search,
}
