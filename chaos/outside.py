"""A platform that Stakazo calls: things are created inert, are found by their marker, and are switched on.

It is as bad as real ones: some requests take effect late, when nobody waits any more; some replies get lost; some
refusals come after the effect. It keeps what it was told for the reckoning.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LATE = 0.4
"""Seconds by which a late request is late."""


@dataclass
class Platform:
    """What is there, by id: its marker, and whether it is on."""

    seed: int
    markers: dict[str, str] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    moods: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/things", self._create, methods=["POST"]),
                Route("/things", self._find, methods=["GET"]),
                Route("/things/{id}/activate", self._activate, methods=["POST"]),
                Route("/all", self._all, methods=["GET"]),
            ]
        )

    def _mood(self) -> str:
        mood = self._chance.choices(["good", "late", "lost", "refused"], [86, 6, 5, 3])[0]
        self.moods[mood] += 1
        return mood

    async def _create(self, request: Request) -> Response:
        mood = self._mood()
        if mood == "late":
            await asyncio.sleep(LATE)
        thing = f"thing-{len(self.markers) + 1}"
        self.markers[thing] = request.query_params["marker"]
        return await _in_a_mood(mood, {"id": thing})

    async def _find(self, request: Request) -> Response:
        marker = request.query_params["marker"]
        return JSONResponse({"id": next((thing for thing, its in self.markers.items() if its == marker), None)})

    async def _activate(self, request: Request) -> Response:
        mood = self._mood()
        if mood == "late":
            await asyncio.sleep(LATE)
        self.active.add(request.path_params["id"])
        return await _in_a_mood(mood, {"id": request.path_params["id"]})

    async def _all(self, _request: Request) -> Response:
        created = Counter(self.markers.values())
        active = Counter(self.markers[thing] for thing in self.active)
        return JSONResponse({"created": created, "active": active, "moods": self.moods})


async def _in_a_mood(mood: str, answer: dict[str, Any]) -> Response:
    if mood == "refused":
        return JSONResponse({"error": "internal"}, 500)
    if mood == "lost":
        await asyncio.sleep(5.0)  # longer than anybody waits
    return JSONResponse(answer)


def serve(port: int, seed: int) -> None:
    """Be the platform, in a process of its own."""
    app = Platform(seed).app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_keep_alive=60)
