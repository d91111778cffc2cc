"""The job of telling others: bring an endpoint what is due for it."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import outside
from stakazo.core.addresses import AddressRefused, Allowed
from stakazo.core.outside import Unreachable
from stakazo.core.redaction import hide
from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.run import Run
from stakazo.notifications import deliveries, signing
from stakazo.notifications.deliveries import Batch, Letter
from stakazo.notifications.schedule import Answered

QUEUE = "webhooks"
"""A queue of its own: a slow receiver keeps nobody else waiting."""
ONE_GO = 240.0
"""Seconds after which one job lets others have its place; what is left is the next one's."""
WITHIN = 15.0
"""Seconds for one answer."""
SHORT = 500
"""Characters of an answer that are kept."""


async def start(session: AsyncSession, endpoint_id: UUID) -> None:
    """Have an endpoint brought what is due for it; while somebody is at it already, that is enough."""
    await deliver_webhook.using(JobOptions(dedup_key=str(endpoint_id))).start(session, endpoint_id)


@job(queue=QUEUE, max_attempts=5, timeout=2 * ONE_GO)
async def deliver_webhook(run: Run, endpoint_id: UUID) -> None:
    """Send what is due, a few at a time, until nothing is.

    A receiver may get something twice, with the same id: whoever dies between its answer and our writing that down
    sends it again. When something is due again is said in its row, and the courier starts the next job.
    """
    keys, ends = Keyring(run.settings), time.monotonic() + ONE_GO
    async with outside.client(Allowed.of(run.settings.allowed_networks)) as http:
        while time.monotonic() < ends:
            async with run.transaction() as session:
                batch = await deliveries.take(session, keys, endpoint_id)
            if batch is None:
                break
            answers = await asyncio.gather(*(attempt(http, batch, letter) for letter in batch.letters))
            async with run.transaction() as session:
                told = zip((letter.delivery_id for letter in batch.letters), answers, strict=True)
                await deliveries.settle(session, endpoint_id, dict(told))


async def attempt(http: httpx.AsyncClient, batch: Batch, letter: Letter) -> Answered:
    """Send one, and say what came of it: a redirect is no answer that counts, and of a long one the beginning does."""
    signed = signing.headers(batch.secrets, str(letter.event_id), int(time.time()), letter.body)
    headers = {"Content-Type": "application/json", **signed}
    try:
        async with (
            asyncio.timeout(WITHIN),
            outside.opened(http, "POST", batch.url, headers=headers, content=letter.body) as response,
        ):
            words = await _beginning(response)
            return Answered(response.status_code, words, _retry_after(response))
    except TimeoutError:
        return Answered(None, f"It did not answer within {WITHIN:g} seconds.")
    except (AddressRefused, Unreachable) as error:
        return Answered(None, hide(str(error))[:SHORT])


async def _beginning(response: httpx.Response) -> str:
    read = b""
    async for piece in response.aiter_raw():
        read += piece
        if len(read) >= SHORT:
            break
    return hide(read[:SHORT].decode("utf-8", "replace").replace("\0", "\ufffd"))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, where it says so and its answer is one that means it."""
    said = response.headers.get("retry-after", "")
    return float(said) if response.status_code in {429, 502, 503, 504} and said.isdecimal() else None
