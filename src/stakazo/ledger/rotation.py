"""A new key for a ledger: named by an event of the ledger itself, and endorsed by the key before it. Pure.

Whoever knows the first key finds every later one in what the earlier ones have signed.
"""

from __future__ import annotations

from typing import Any

from stakazo.ledger import checkpoint
from stakazo.ledger.checkpoint import VerifierKey

ROTATED = "ledger_key_rotated"
"""The event: its subject is the ledger (`ledger`, the workspace's id), its data `key` and `endorsement`."""


def successor(current: VerifierKey, data: Any) -> VerifierKey:
    """The key that a rotation's data names, where the current one endorses it; else the current one."""
    try:
        named = VerifierKey.parse(data["key"])
        return named if checkpoint.endorsed(current, named, data["endorsement"]) else current
    except (ValueError, KeyError, TypeError, AttributeError):
        return current
