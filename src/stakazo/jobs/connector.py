"""The engine's connections: they notice a dead peer, and wait for a database that is away instead of giving up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, LiteralString

from procrastinate import PsycopgConnector
from procrastinate.connector import Notify
from sqlalchemy.engine import make_url

from stakazo.core.db import attentive
from stakazo.core.postgres import conninfo
from stakazo.jobs.outage import persistently


def watchful(url: str, *, idle_in_transaction: float) -> str:
    """The URL with a limit (in seconds) for transactions in which nobody does anything, and a short patience.

    A worker that was stopped in the middle of one must not hold its rows for ever.
    """
    parsed = make_url(attentive(url))
    options = parsed.query.get("options", "")
    limit = f"-c idle_in_transaction_session_timeout={int(idle_in_transaction * 1000)}"
    parsed = parsed.update_query_dict({"options": f"{options} {limit}".strip()})
    return parsed.render_as_string(hide_password=False)


class SteadyConnector(PsycopgConnector):
    """Procrastinate's connector, for a worker that must outlive its database's restarts.

    Every query is repeated until the database answers, or the worker is asked to `stop`. That is safe: a heartbeat or
    an acknowledgement may be said twice, and a delivery that was fetched without our hearing of it, or that is not
    acknowledged, is found by the sweeper.
    """

    def __init__(self, url: str, *, pool_size: int, stop: asyncio.Event) -> None:
        super().__init__(conninfo=conninfo(url), min_size=1, max_size=pool_size, timeout=1.0)
        self._stop = stop

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        await persistently(
            lambda: super(SteadyConnector, self).execute_query_async(query, **arguments), stop=self._stop
        )

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        return await persistently(
            lambda: super(SteadyConnector, self).execute_query_one_async(query, **arguments), stop=self._stop
        )

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        return await persistently(
            lambda: super(SteadyConnector, self).execute_query_all_async(query, **arguments), stop=self._stop
        )

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        channels = list(channels)
        await persistently(
            lambda: super(SteadyConnector, self).listen_notify(on_notification, channels), stop=self._stop
        )
