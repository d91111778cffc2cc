"""What a campaign is meant to be, in the platform's terms. Pure.

A plan is all that a person says of a campaign but its money and time. It is kept as JSON with the campaign, so what was
approved can be told again, and compared, at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from stakazo.ads.comparing import Approved
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part, approved_run
from stakazo.platforms.ads import AdSet, Bid, Budget, Campaign, Creative, Goal, Objective, Terms
from stakazo.platforms.targeting import Circle, Hours, Targeting

Named = tuple[str, str]
"""What the platform calls something, and what people call it."""
Place = tuple[str, str, str]
"""The platform's key, its name, and its country in two letters; that is empty where it isn't known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The people around a city, or around a point."""

    km: float
    city: Place | None = None
    latitude: float = 0.0
    longitude: float = 0.0
    country: str = ""
    """Of a point, in two letters: whose rules and rights hold there."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        city = stored.get("city")
        return cls(**{**stored, "city": tuple(city) if city else None})

    @property
    def land(self) -> str:
        return self.city[2] if self.city else self.country

    @property
    def circle(self) -> Circle:
        key = self.city[0] if self.city else None
        return Circle(km=self.km, city=key, latitude=self.latitude, longitude=self.longitude)

    def __str__(self) -> str:
        return f"{self.km:g} km around {self.city[1] if self.city else f'{self.latitude}, {self.longitude}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign, but for its money and time."""

    objective: Objective
    goal: Goal
    countries: tuple[str, ...] = ()
    regions: tuple[Place, ...] = ()
    cities: tuple[Place, ...] = ()
    zips: tuple[Place, ...] = ()
    around: tuple[Around, ...] = ()
    age_min: int = 18
    age_max: int = 65
    genders: tuple[int, ...] = ()
    interests: tuple[Named, ...] = ()
    audiences: tuple[Named, ...] = ()
    excluded_audiences: tuple[Named, ...] = ()
    locales: tuple[int, ...] = ()
    placements: tuple[str, ...] = ()
    """facebook, instagram, ...: where it is shown; none leaves it to the platform."""
    facebook_positions: tuple[str, ...] = ()
    instagram_positions: tuple[str, ...] = ()
    widen: bool = False
    budget_on: Part = Part.AD_SET
    bid: Bid | None = None
    bid_amount: int | None = None
    min_roas: float | None = None
    """How many times what is spent is to come back at least."""
    hours: tuple[Hours, ...] = ()
    """When it is shown; none: always."""
    pixel_id: str | None = None
    event: str | None = None
    lead_form_id: str | None = None
    """The Page's form that people fill in."""
    dsa_beneficiary: str | None = None
    dsa_payor: str | None = None
    special_categories: tuple[str, ...] = ()
    text: str = ""
    title: str = ""
    link: str | None = None
    button: str = "LEARN_MORE"
    enhancements: tuple[str, ...] = ()
    """What the platform may do to it by itself; all else is forbidden."""
    utm: Mapping[str, str] = field(default_factory=dict)
    """source, medium, campaign, content, term."""

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "", (), {})}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """The plan that `as_json` stored."""
        said: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        for name, length in NAMED.items():
            said[name] = tuple(_parts(one, length) for one in said.get(name, ()))
        said["around"] = tuple(map(Around.of, said.get("around", ())))
        said["hours"] = tuple(Hours(**one | {"days": tuple(one["days"])}) for one in said.get("hours", ()))
        said |= {"objective": Objective(said["objective"]), "goal": Goal(said["goal"])}
        said["budget_on"] = Part(said.get("budget_on", Part.AD_SET))
        if said.get("bid"):
            said["bid"] = Bid(said["bid"])
        return cls(**said)

    @property
    def lands(self) -> frozenset[str]:
        """The countries in which it is shown, as far as it says."""
        return frozenset(self.countries) | {country for _, country in self.places if country}

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """What is smaller than a country, by its name, and in which that is."""
        named = [(name, country) for _, name, country in (*self.regions, *self.cities, *self.zips)]
        return (*named, *((str(one), one.land) for one in self.around))

    def targeting(self) -> Targeting:
        return Targeting(
            countries=self.countries, regions=_keys(self.regions), cities=_keys(self.cities), zips=_keys(self.zips),
            circles=tuple(one.circle for one in self.around), age_min=self.age_min, age_max=self.age_max,
            genders=self.genders, interests=self.interests, audiences=_keys(self.audiences),
            excluded_audiences=_keys(self.excluded_audiences), locales=self.locales, platforms=self.placements,
            facebook_positions=self.facebook_positions, instagram_positions=self.instagram_positions, widen=self.widen,
        )  # fmt: skip


NAMED = {"interests": 2, "audiences": 2, "excluded_audiences": 2, "regions": 3, "cities": 3, "zips": 3}
"""What of a plan has names beside the platform's keys, and in how many parts."""


def _parts(stored: Any, length: int) -> tuple[str, ...]:
    """A plan that was stored before names were kept has keys alone."""
    parts = (stored,) if isinstance(stored, str) else tuple(map(str, stored))
    return (*parts, *("",) * (length - len(parts)))


def _keys(named: Iterable[Named] | Iterable[Place]) -> tuple[str, ...]:
    return tuple(one[0] for one in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What a campaign may cost, and when. Minor units as the platform counts them."""

    currency: str
    daily: int | None
    """Spread over the days by the platform where None."""
    total: int
    starts_at: datetime | None
    ends_at: datetime | None

    @property
    def budget(self) -> Budget:
        return Budget(daily=self.daily) if self.daily is not None else Budget(total=self.total)

    @property
    def spend_cap(self) -> int | None:
        """What makes a total of a daily budget: the platform stops there by itself."""
        return self.total if self.daily is not None else None


# --- as the platform wants it -------------------------------------------------------------------------------


def prefix(workspace_id: UUID) -> str:
    """What the marks of all campaigns of a workspace begin with."""
    return f"sz-{workspace_id.hex[-10:]}-"


def mark(workspace_id: UUID, campaign_id: UUID) -> str:
    """What everything of one campaign has in its name at the platform, and nothing else has."""
    return f"{prefix(workspace_id)}{campaign_id.hex}"


def campaign(plan: Plan, money: Money, name: str) -> Campaign:
    here = plan.budget_on is Part.CAMPAIGN
    return Campaign(
        name=name,
        objective=plan.objective,
        budget=money.budget if here else None,
        bid=(plan.bid or Bid.LOWEST_COST) if here else None,
        special_categories=plan.special_categories,
        special_countries=plan.countries if plan.special_categories else (),
        spend_cap=money.spend_cap,
    )


def ad_set(plan: Plan, money: Money, name: str, campaign_id: str, page_id: str) -> AdSet:
    here = plan.budget_on is Part.AD_SET
    return AdSet(
        name=name,
        campaign_id=campaign_id,
        goal=plan.goal,
        targeting=plan.targeting(),
        budget=money.budget if here else None,
        starts_at=money.starts_at,
        ends_at=money.ends_at,
        bid=(plan.bid or Bid.LOWEST_COST) if here else None,
        bid_amount=plan.bid_amount,
        min_roas=plan.min_roas,
        hours=plan.hours,
        page_id=page_id,
        pixel_id=plan.pixel_id,
        event=plan.event,
        dsa_beneficiary=plan.dsa_beneficiary,
        dsa_payor=plan.dsa_payor,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What people see: one of the three."""

    video_id: str | None = None
    thumbnail_url: str | None = None
    instagram_media_id: str | None = None
    post_id: str | None = None


def creative(plan: Plan, name: str, shown: Shown, page_id: str, instagram_id: str | None) -> Creative:
    tags = urlencode({f"utm_{key}": value for key, value in sorted(plan.utm.items())})
    return Creative(
        name=name, page_id=page_id, instagram_id=instagram_id, video_id=shown.video_id,
        thumbnail_url=shown.thumbnail_url, instagram_media_id=shown.instagram_media_id, post_id=shown.post_id,
        text=plan.text, title=plan.title, link=plan.link, button=plan.button, url_tags=tags or None,
        lead_form_id=plan.lead_form_id, enhancements=plan.enhancements,
    )  # fmt: skip


def terms(plan: Plan, money: Money) -> Terms:
    """What of its ad set can be assigned."""
    here = plan.budget_on is Part.AD_SET
    return Terms(
        targeting=plan.targeting().params(),
        starts_at=money.starts_at,
        ends_at=money.ends_at,
        bid=(plan.bid or Bid.LOWEST_COST) if here else None,
        bid_amount=plan.bid_amount,
        min_roas=plan.min_roas,
        hours=plan.hours,
        dsa_beneficiary=plan.dsa_beneficiary,
        dsa_payor=plan.dsa_payor,
    )


def approved(
    state: S, plan: Plan, money: Money, ids: Mapping[Part, str], shows: str | None, changing: Iterable[str] = ()
) -> Approved:
    """What the platform should say of a campaign in this state."""
    return Approved(
        run=approved_run(state),
        ids=ids,
        budget=money.budget,
        budget_on=plan.budget_on,
        spend_cap=money.spend_cap,
        shows=shows,
        terms=terms(plan, money),
        changing=frozenset(changing),
        enhancements=frozenset(plan.enhancements),
    )
