"""The jobs of telling others: bring an endpoint what is due for it, tell a browser, write a letter."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.mail import Post
from stakazo.core import outside
from stakazo.core.addresses import AddressRefused, Allowed
from stakazo.core.errors import Invalid, Unavailable
from stakazo.core.outside import Unreachable
from stakazo.core.redaction import hide
from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.run import Run
from stakazo.notifications import deliveries, hearing, signing, webpush
from stakazo.notifications.deliveries import Batch, Letter
from stakazo.notifications.hearing import Digest, Push
from stakazo.notifications.schedule import Answered

QUEUE = "webhooks"
"""A queue of its own: a slow receiver keeps nobody else waiting."""
ONE_GO = 240.0
"""Seconds after which one job lets others have its place; what is left is the next one's."""
WITHIN = 15.0
"""Seconds for one answer."""
SHORT = 500
"""Characters of an answer that are kept."""
KEPT_FOR_BROWSERS = 24 * 3600
"""Seconds for which a push service keeps a message for a browser that is away."""


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


# --- people -------------------------------------------------------------------------------------------------


@job(queue=QUEUE, max_attempts=8, timeout=60, first_delay=5.0)
async def push_notice(run: Run, subscription_id: UUID, notification_id: UUID) -> None:
    """Tell one browser of one thing. Its service knows where it is, and not what it is told."""
    async with run.transaction() as session:
        push = await hearing.push_of(
            session, Keyring(run.settings), run.settings.base_url, subscription_id, notification_id
        )
    if push is not None:
        await _tell(run, subscription_id, push)


@job(queue=QUEUE, max_attempts=8, timeout=60, first_delay=5.0)
async def push_digest(run: Run, subscription_id: UUID, person: UUID, since: datetime, until: datetime) -> None:
    """Tell one browser of a day, where there is something to tell."""
    async with run.transaction() as session:
        push = await hearing.daily_push_of(
            session, Keyring(run.settings), run.settings.base_url, subscription_id, Digest(person, since, until)
        )
    if push is not None:
        await _tell(run, subscription_id, push)


async def _tell(run: Run, subscription_id: UUID, push: Push) -> None:
    url = push.receiver.url
    body = webpush.encrypted(push.message, push.receiver, generate_private_key(SECP256R1()), os.urandom(webpush.SALT))
    headers = {
        "Authorization": webpush.authorization(push.key, url, hearing.contact(run.settings), int(time.time())),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEPT_FOR_BROWSERS),
        "Urgency": "high",
    }
    async with outside.client(Allowed.of(run.settings.allowed_networks)) as http:
        answer = await outside.send(http, "POST", url, headers=headers, content=body, within=WITHIN)
    if answer.status in {404, 410}:
        async with run.completion() as session:
            await hearing.unsubscribe(session, subscription_id)
    elif answer.status == 429 or answer.status >= 500:
        raise Unavailable(f"The push service answered {answer.status}.")
    elif 200 <= answer.status < 300:
        async with run.completion() as session:
            await hearing.pushed(session, subscription_id)
    else:
        said = hide(answer.body[:SHORT].decode("utf-8", "replace"))
        raise Invalid(f"The push service answered {answer.status}: {said}")


@job(queue=QUEUE, max_attempts=5, timeout=120)
async def send_digest(run: Run, person: UUID, since: datetime, until: datetime) -> None:
    """Write somebody the letter of their day, where there is something to tell."""
    async with run.transaction() as session:
        letter = await hearing.letter_of(session, run.settings.base_url, Digest(person, since, until))
    if letter is None:
        return
    post = Post(run.settings)
    await post.send(letter)
    await post.close(60.0)
