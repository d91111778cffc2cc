"""What people write to a Page, or to the Instagram account behind it, and our answers: through the Page's token.

Meta takes an answer for 24 hours after somebody's last message; later only a person can write, in the app.
"""

from __future__ import annotations

from datetime import datetime

from stakazo.platforms.base import Comment, Platform
from stakazo.platforms.graph import Graph

SCOPES = {Platform.INSTAGRAM: "instagram_manage_messages", Platform.FACEBOOK: "pages_messaging"}
"""Without which no message is told, nor taken."""
NEWEST = 20
_INBOX = {Platform.INSTAGRAM: "INSTAGRAM", Platform.FACEBOOK: "MESSENGER"}


async def write(graph: Graph, person_id: str, text: str) -> str:
    """Answer somebody who has written; says the answer's id."""
    said = {"recipient": {"id": person_id}, "message": {"text": text}, "messaging_type": "RESPONSE"}
    return str((await graph.post("me/messages", said, effect=True))["message_id"])


async def written(graph: Graph, platform: Platform, person_id: str) -> list[Comment]:
    """The newest messages between the account and somebody; of older ones Meta tells nothing."""
    fields = f"messages.limit({NEWEST}){{id,message,from,created_time}}"
    params = {"platform": _INBOX[platform], "user_id": person_id, "fields": fields}
    found: list[Comment] = []
    async for thread in graph.pages("me/conversations", params, size=5):
        for row in (thread.get("messages") or {}).get("data") or []:
            author = row.get("from") or {}
            found.append(
                Comment(
                    id=str(row["id"]),
                    text=str(row.get("message", "")),
                    author=str(author.get("username") or author.get("name") or ""),
                    author_id=str(author.get("id", "")),
                    at=datetime.fromisoformat(row["created_time"]),
                )
            )
    return found
