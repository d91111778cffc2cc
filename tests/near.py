"""How an HTTP server on this machine is asked."""

from __future__ import annotations

from typing import Any

from stakazo.core.outside import trusted

NEAR: dict[str, Any] = {"trust_env": False, "verify": trusted()}
"""Past any proxy; the authorities, which nobody needs here, are read once and not by each client anew."""
