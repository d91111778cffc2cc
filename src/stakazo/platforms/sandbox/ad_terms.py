"""What the sandbox takes of an ad set: its people, places, hours and bids, by Meta's rules for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stakazo.platforms.sandbox import delivery, people
from stakazo.platforms.sandbox.calls import Call, invalid
from stakazo.platforms.sandbox.world import Thing

EU = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()  # noqa: SIM905
)
FLOOR = range(100, 10_000_001)
"""A hundredth to a thousand times what was spent, in ten-thousandths."""
PLAIN = ("start_time", "end_time", "bid_strategy", "bid_amount", "dsa_beneficiary", "dsa_payor")
NESTED = ("targeting", "adset_schedule", "pacing_type", "bid_constraints")


def wanted(call: Call, *, lifetime: bool) -> dict[str, Any]:
    """What a new one says. Raises what Meta would refuse."""
    said = {name: call.params.get(name) for name in PLAIN} | {name: call.json(name) for name in NESTED}
    _check(call, said, lifetime=lifetime)
    promoted, goal = call.json("promoted_object") or {}, call.text("optimization_goal")
    counted = promoted.get("pixel_id") and promoted.get("custom_event_type")
    if goal in {"OFFSITE_CONVERSIONS", "VALUE"} and not counted:
        raise invalid("The promoted_object needs a pixel_id and a custom_event_type", 1815430)
    if goal == "LEAD_GENERATION" and (call.text("destination_type") != "ON_AD" or not promoted.get("page_id")):
        raise invalid("A lead form is shown on the ad, in the name of a Page", 1885204)
    if said["bid_strategy"] == "LOWEST_COST_WITH_MIN_ROAS" and goal != "VALUE":
        raise invalid("This bid strategy needs the optimization goal VALUE", 1815857)
    return said


def terms(call: Call, ad_set: Thing) -> dict[str, Any]:
    """What is said anew of one that is there. Raises what Meta would refuse."""
    changed: dict[str, Any] = {name: call.text(name) for name in PLAIN if call.text(name)}
    changed |= {name: call.json(name) for name in NESTED if name in call.params}
    begun = delivery.moment(ad_set.get("start_time")) or float(ad_set["made"])
    if "start_time" in changed and begun <= call.now:
        raise invalid("The start time of an ad set that has started can't be changed", 1487057)
    if "end_time" in changed and (delivery.moment(changed["end_time"]) or 0) <= call.now:
        raise invalid("The end time must be in the future", 1487058)
    above = call.world.things[ad_set["campaign_id"]]
    _check(call, {**ad_set, **changed}, lifetime=bool(ad_set.get("lifetime_budget") or above.get("lifetime_budget")))
    return changed


def _check(call: Call, said: Mapping[str, Any], *, lifetime: bool) -> None:
    _check_targeting(call, said["targeting"], said)
    _check_hours(said, lifetime=lifetime)
    strategy = said["bid_strategy"] or ""
    if "CAP" in strategy.removesuffix("WITHOUT_CAP") and not said["bid_amount"]:
        raise invalid("A bid amount is required for this bid strategy", 1815857)
    floor = (said["bid_constraints"] or {}).get("roas_average_floor")
    if strategy == "LOWEST_COST_WITH_MIN_ROAS" and (floor is None or int(floor) not in FLOOR):
        raise invalid("bid_constraints.roas_average_floor must be between 100 and 10000000", 1815858)


def _check_targeting(call: Call, targeting: Any, said: Mapping[str, Any]) -> None:
    if not isinstance(targeting, dict) or not (targeting.get("geo_locations") or targeting.get("custom_audiences")):
        raise invalid("Your ads have to target at least one country", 1885364)
    if (targeting.get("targeting_automation") or {}).get("advantage_audience") not in {0, 1}:
        raise invalid("The advantage_audience flag must be set to 0 or 1", 1870227)
    people.require_audiences(call, targeting)
    places = targeting.get("geo_locations") or {}
    for city in places.get("cities") or ():
        if "radius" in city and not 17 <= int(city["radius"]) <= 80:
            raise invalid("The radius around a city must be between 17 and 80 kilometers", 1487851)
    for point in places.get("custom_locations") or ():
        if not (-90 <= point["latitude"] <= 90 and -180 <= point["longitude"] <= 180 and 1 <= point["radius"] <= 80):
            raise invalid("A custom location needs latitude, longitude and a radius of 1 to 80 kilometers", 1487851)
    if {*_lands(places)} & EU and not (said["dsa_beneficiary"] and said["dsa_payor"]):
        raise invalid("dsa_beneficiary and dsa_payor are required for ads in the European Union", 3858079)


def _lands(places: Mapping[str, Any]) -> Iterator[str]:
    """The countries of what is named; of a point nobody knows here."""
    yield from places.get("countries") or ()
    for one in places.get("zips") or ():
        if not re.fullmatch(r"[A-Z]{2}:.+", str(one.get("key"))):
            raise invalid("Invalid zip code key", 1487756)
        yield str(one["key"])[:2]
    known = {row["key"]: row["country_code"] for row in people.places()}
    for one in (*(places.get("cities") or ()), *(places.get("regions") or ())):
        yield known.get(str(one.get("key")), "")


def _check_hours(said: Mapping[str, Any], *, lifetime: bool) -> None:
    parts, parted = said["adset_schedule"] or [], "day_parting" in (said["pacing_type"] or [])
    if bool(parts) != parted:
        raise invalid("An ad set schedule goes with the pacing type day_parting", 1885183)
    if parts and not lifetime:
        raise invalid("Ad scheduling is only available for ad sets with lifetime budgets", 1885184)
    for part in parts:
        begin, end, days = part.get("start_minute"), part.get("end_minute"), part.get("days")
        if not (0 <= begin < end <= 24 * 60) or begin % 60 or end % 60 or not days or not {*days} <= {*range(7)}:
            raise invalid("Each part of the schedule is full hours of days 0 to 6", 1885185)
