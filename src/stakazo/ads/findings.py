"""What the platform would refuse of a plan, or what would run otherwise than one may think. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from stakazo.ads.plan import Money, Plan
from stakazo.platforms.ads import CAPS, PIXELS, Bid, Goal, Objective, offset
from stakazo.platforms.enhancing import ENHANCEMENTS

EU = frozenset(
    ("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
     "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE")
)  # fmt: skip
"""Where the Digital Services Act wants to know who profits from an ad and who pays."""
LEAST_CAP = 100
"""Units of money that Meta wants a campaign's spend cap to be at least."""
GOALS: dict[Objective, frozenset[Goal]] = {
    Objective.AWARENESS: frozenset({Goal.REACH, Goal.IMPRESSIONS, Goal.THRUPLAY}),
    Objective.TRAFFIC: frozenset({Goal.LINK_CLICKS, Goal.LANDING_PAGE_VIEWS, Goal.REACH, Goal.IMPRESSIONS}),
    Objective.ENGAGEMENT: frozenset({Goal.THRUPLAY, Goal.POST_ENGAGEMENT, Goal.REACH, Goal.IMPRESSIONS}),
    Objective.LEADS: frozenset({Goal.LEADS, Goal.CONVERSIONS, Goal.LINK_CLICKS, Goal.LANDING_PAGE_VIEWS}),
    Objective.SALES: frozenset({Goal.CONVERSIONS, Goal.VALUE, Goal.LINK_CLICKS, Goal.LANDING_PAGE_VIEWS}),
}
"""What delivery may be optimised for, by what is aimed at; promoting an app needs an app, which we have none of."""
LEAST_KM, LEAST_KM_OF_CITY, MOST_KM = 1, 17, 80


def found(plan: Plan, money: Money, now: datetime) -> Iterator[str]:
    """What the platform would refuse, or what would run otherwise than one may think, in sentences."""
    if plan.objective is Objective.APP_PROMOTION:
        yield "An app can't be promoted: there is no app here to name. Choose TRAFFIC with the app's address."
    elif plan.goal not in GOALS[plan.objective]:
        fits = ", ".join(sorted(GOALS[plan.objective]))
        yield f"{plan.objective.name} isn't optimised for {plan.goal}; it can be for {fits}."
    yield from _about_people(plan)
    yield from _about_money(plan, money, now)
    yield from _about_places(plan)
    yield from _about_hours(plan, money)
    if plan.goal in PIXELS and not (plan.pixel_id and plan.event):
        yield "Conversions need a pixel and its event: PURCHASE, LEAD, ..."
    if (plan.goal is Goal.LEADS) != (plan.lead_form_id is not None):
        yield "A form (lead_form_id) goes with the goal LEAD_GENERATION, and that with one."
    if plan.goal in PIXELS | {Goal.LINK_CLICKS, Goal.LANDING_PAGE_VIEWS} and not plan.link:
        yield "Say the link that people are to follow."
    if unknown := sorted({*plan.enhancements} - {*ENHANCEMENTS}):
        yield f"The platform has no enhancement {', '.join(unknown)}; it has {', '.join(ENHANCEMENTS)}."
    if plan.utm and not plan.link:
        yield "UTM parameters need a link to be added to."


def _about_people(plan: Plan) -> Iterator[str]:
    if not (plan.countries or plan.places or plan.audiences):
        yield "Say who is to see it: at least one country, region, city or audience."
    if plan.age_min > plan.age_max:
        yield "The youngest are older than the oldest."
    if plan.lands & EU and not (plan.dsa_beneficiary and plan.dsa_payor):
        yield "In the EU an ad says who profits from it and who pays: dsa_beneficiary and dsa_payor."
    if plan.special_categories and not plan.countries:
        yield "An ad of a special category names the countries it is for."
    if plan.special_categories and (plan.genders or (plan.age_min, plan.age_max) != (18, 65)):
        yield "An ad of a special category may not choose people by age or gender."


def _about_places(plan: Plan) -> Iterator[str]:
    if inside := [name for name, land in plan.places if land in plan.countries]:
        yield f"Places may not overlap: {'; '.join(inside)} lies in a country that is named too. Name one of the two."
    cities = {key for key, _, _ in plan.cities}
    if twice := [str(one) for one in plan.around if one.city and one.city[0] in cities]:
        yield f"Places may not overlap: {'; '.join(twice)} is named without its surroundings too. Name one of the two."
    for one in plan.around:
        least = LEAST_KM_OF_CITY if one.city else LEAST_KM
        if not least <= one.km <= MOST_KM:
            yield f"{one}: the platform takes {least} to {MOST_KM} km."
        if one.city and one.km != round(one.km):
            yield f"{one}: around a city the platform takes whole kilometres."
        if not one.land:
            yield f"{one}: say its country, whose rules and rights hold there."
    if plan.special_categories and (plan.zips or plan.around):
        yield "An ad of a special category may not choose people by postal code, nor closely around a place."


def _about_hours(plan: Plan, money: Money) -> Iterator[str]:
    if plan.hours and money.daily is not None:
        yield "Hours of the day go only with a budget for the whole time: leave out the daily one, and say an end."
    if any(one.begin >= one.end for one in plan.hours):
        yield "Hours of the day end after they begin; what goes past midnight is said in two parts."
    if len({one.of_viewer for one in plan.hours}) > 1:
        yield "Hours are all by the clock of who sees it, or all by the ad account's."
    spans = sorted((day, one.begin, one.end) for one in plan.hours for day in one.days)
    if any(one[0] == after[0] and after[1] < one[2] for one, after in pairwise(spans)):
        yield "Hours of the same day may not overlap."


def _about_money(plan: Plan, money: Money, now: datetime) -> Iterator[str]:
    if money.daily is None and money.ends_at is None:
        yield "A budget for the whole time needs an end."
    if money.ends_at is not None and money.ends_at <= max(money.starts_at or now, now) + timedelta(hours=1):
        yield "It ends within an hour of its start, or has ended already."
    if money.daily is not None and money.total < LEAST_CAP * offset(money.currency):
        yield f"A daily budget's total is a cap at the platform, of at least {LEAST_CAP} {money.currency}."
    if money.daily is not None and money.daily > money.total:
        yield "A day's budget is more than the total."
    if (plan.bid in CAPS) != (plan.bid_amount is not None):
        yield "A bid amount goes with BID_CAP or COST_CAP, and they with one."
    if (plan.bid is Bid.MIN_ROAS) != (plan.min_roas is not None):
        yield "A least return (min_roas) goes with LOWEST_COST_WITH_MIN_ROAS, and that with one."
    if plan.bid is Bid.MIN_ROAS and plan.goal is not Goal.VALUE:
        yield "A least return needs the goal VALUE: what conversions are worth."
