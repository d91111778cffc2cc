"""Google's hub, which tells who has subscribed to a YouTube channel's feed what is new there; see `youtube_push`."""

from __future__ import annotations

from stakazo.platforms.errors import Reason, Rejected, Said, TryLater
from stakazo.platforms.http import Connection, send
from stakazo.platforms.youtube_push import LEASE, topic_of


class Hub:
    """The hub; it knows nobody, so nothing is signed in."""

    def __init__(self, connection: Connection, *, live: bool) -> None:
        self._connection, self._hosts = connection, connection.world(live=live)

    async def subscribe(self, channel_id: str, callback_url: str, secret: str) -> None:
        """Have what is new on a channel sent there; the hub asks the address first, while this waits for it.

        Args:
            secret: What it is to sign with, and to say back when it asks.
        """
        await self._say("subscribe", channel_id, callback_url, secret)

    async def unsubscribe(self, channel_id: str, callback_url: str, secret: str) -> None:
        """Have nothing more sent there; the hub asks the address first. Also where nothing was."""
        await self._say("unsubscribe", channel_id, callback_url, secret)

    async def _say(self, mode: str, channel_id: str, callback_url: str, secret: str) -> None:
        said = {
            "hub.mode": mode,
            "hub.topic": topic_of(channel_id),
            "hub.callback": callback_url,
            "hub.verify": "sync",
            "hub.verify_token": secret,
            "hub.secret": secret,
            "hub.lease_seconds": str(LEASE),
        }
        url = f"{self._hosts.youtube_hub}/subscribe"
        reply = await send(self._connection.http, self._hosts, "POST", url, effect=False, data=said)
        if reply.status in {202, 204}:
            return
        words = reply.body[:200].decode("utf-8", "replace")
        told = Said(reply.status, message=words)
        if reply.status == 429 or reply.status >= 500:
            raise TryLater(f"YouTube's hub is busy (HTTP {reply.status}).", Reason.BUSY, told, after=60.0)
        raise Rejected(f"YouTube's hub refused: {words}", Reason.INVALID, told)
