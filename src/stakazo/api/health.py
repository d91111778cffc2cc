"""GET /health: whether this process answers. What else is wrong stands in /debug/health."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel

from stakazo.api.deps import open_to_all
from stakazo.api.routes import Router

router = Router(tags=["health"])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"
    name: Literal["stakazo"] = "stakazo"


@router.get("/health")
async def health(_: Annotated[None, open_to_all(counted=False)]) -> Alive:
    """Alive. Needs no key and tells nothing else."""
    return Alive()
