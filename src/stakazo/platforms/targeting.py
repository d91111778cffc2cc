"""Whom an ad reaches, where and at which hours. Pure: values, and how they become Meta's parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

HOUR = 60
"""Minutes: Meta counts a day in them, and changes at full hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """People around a city of Meta's, or around a point."""

    km: float
    city: str | None = None
    """Meta's key; then whole kilometres, 17 to 80. Around a point 1 to 80."""
    latitude: float = 0.0
    longitude: float = 0.0

    def params(self) -> dict[str, Any]:
        if self.city is not None:
            return {"key": self.city, "radius": round(self.km), "distance_unit": "kilometer"}
        where = {"latitude": self.latitude, "longitude": self.longitude}
        return {**where, "radius": self.km, "distance_unit": "kilometer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of some days of every week."""

    days: tuple[int, ...]
    """0 is Monday."""
    begin: int
    """Full hours, 0 to 23."""
    end: int
    """1 to 24."""
    of_viewer: bool = True
    """By the clock of whoever sees it; else by the ad account's."""

    def params(self) -> dict[str, Any]:
        days = sorted((day + 1) % 7 for day in self.days)  # Meta's 0 is Sunday
        zone = "USER" if self.of_viewer else "ADVERTISER"
        return {
            "start_minute": self.begin * HOUR,
            "end_minute": self.end * HOUR,
            "days": days,
            "timezone_type": zone,
        }


def schedule(hours: Iterable[Hours]) -> dict[str, Any]:
    """When an ad set is shown; no hours: always, which must be said where there were some."""
    parts = [one.params() for one in hours]
    return {"adset_schedule": parts, "pacing_type": ["day_parting"] if parts else ["standard"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Targeting:
    """Who is to see it."""

    countries: tuple[str, ...]
    """ISO 3166, two letters."""
    cities: tuple[str, ...] = ()
    """Meta's keys of cities."""
    regions: tuple[str, ...] = ()
    """Meta's keys of regions: states, provinces."""
    zips: tuple[str, ...] = ()
    """Meta's keys of postal codes: `US:97204`."""
    circles: tuple[Circle, ...] = ()
    age_min: int = 18
    age_max: int = 65
    genders: tuple[int, ...] = ()
    """1 men, 2 women; none is all."""
    interests: tuple[tuple[str, str], ...] = ()
    """Meta's id and name of each."""
    audiences: tuple[str, ...] = ()
    excluded_audiences: tuple[str, ...] = ()
    locales: tuple[int, ...] = ()
    platforms: tuple[str, ...] = ()
    """facebook, instagram, audience_network, messenger; none leaves it to Meta."""
    facebook_positions: tuple[str, ...] = ()
    instagram_positions: tuple[str, ...] = ()
    """stream, story, reels, explore, ..."""
    widen: bool = False
    """Whether Meta may go beyond this where it finds better people (Advantage audience)."""

    def params(self) -> dict[str, Any]:
        places: dict[str, Any] = {"countries": list(self.countries)} if self.countries else {}
        for name, keys in (("cities", self.cities), ("regions", self.regions), ("zips", self.zips)):
            if keys:
                places[name] = [{"key": key} for key in keys]
        for circle in self.circles:
            places.setdefault("cities" if circle.city else "custom_locations", []).append(circle.params())
        found: dict[str, Any] = {
            "geo_locations": places,
            "age_min": self.age_min,
            "age_max": self.age_max,
            "genders": list(self.genders),
            "flexible_spec": [{"interests": [{"id": key, "name": name} for key, name in self.interests]}]
            if self.interests
            else None,
            "custom_audiences": [{"id": key} for key in self.audiences],
            "excluded_custom_audiences": [{"id": key} for key in self.excluded_audiences],
            "locales": list(self.locales),
            "publisher_platforms": list(self.platforms),
            "facebook_positions": list(self.facebook_positions),
            "instagram_positions": list(self.instagram_positions),
            "targeting_automation": {"advantage_audience": int(self.widen)},  # must be said since v23
        }
        return {name: value for name, value in found.items() if value not in (None, [])}
