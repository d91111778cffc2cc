"""What Meta sends by itself: the sandbox sends it over HTTP, and a receiver of the test's own reads the bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.far import far
from tests.platforms.conftest import There

from stakazo.platforms.base import Platform
from stakazo.platforms.errors import Rejected
from stakazo.platforms.meta_subscriptions import MetaSubscriptions
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.webhooks import escaped, signature
from stakazo.platforms.webhooks import changes, handshake, require_signature

TOKEN = "verify-me"


class Inbox:
    """A receiver that answers the handshake, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.refuse = 0
        self.came: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()
        self.readers: dict[int, asyncio.StreamReader] = {}


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        if first.startswith("GET"):
            try:
                status, text = "200 OK", handshake(dict(parse_qsl(urlsplit(first.split()[1]).query)), TOKEN)
            except Rejected:
                status, text = "403 Forbidden", ""
        else:
            body = await reader.readexactly(int(headers["content-length"]))
            status, text = ("500 No", "") if box.refuse else ("200 OK", "ok")
            if box.refuse:
                box.refuse -= 1
            else:
                box.came.put_nowait((body, headers["x-hub-signature-256"]))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        box.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhook/instagram"
        yield box


async def subscribed(there: There, inbox: Inbox, token: str = TOKEN) -> None:
    meta = MetaSubscriptions(there.connection, live=False)
    await meta.subscribe_app(inbox.url, token)
    await meta.subscribe_page(known.PAGE_TOKEN)


async def comment(there: There, text: str) -> dict:
    media = there.world.new("IGMedia", owner=known.IG_USER, media_product_type="REELS")["id"]
    answer = await there.http.post(
        f"{there.url}/sandbox/webhooks", json={"comment": text, "on": media, "author": "bob"}
    )
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("text", ["Nice!", "Schön 🎺 a/b", '"\\u00e4"'])
async def test_a_comment_arrives_signed_whatever_it_says(there: There, inbox: Inbox, text: str):
    await subscribed(there, inbox)
    assert await comment(there, text) == {"deliveries": 1}
    body, header = await inbox.came.get()
    require_signature(body, header, known.META_SECRET)
    [change] = changes(body)
    assert (change.object, change.account_id, change.field) == ("instagram", known.IG_USER, "comments")
    assert (change.value["text"], change.value["from"]["username"]) == (text, "bob")
    publisher = there.publisher(Platform.INSTAGRAM)
    assert [found.id for found in await publisher.comments(change.value["media"]["id"])] == [change.value["id"]]


def test_only_the_raw_bytes_have_the_signature():
    body = escaped({"text": "Schön 🎺 a/b"})
    assert body == b'{"text":"Sch\\u00f6n \\ud83c\\udfba a\\/b"}'
    header = signature(body, "secret")
    require_signature(body, header, "secret")
    written_anew = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    for wrong, given, secret in ((written_anew, header, "secret"), (body, header, "other"), (body, None, "secret")):
        with pytest.raises(Rejected):
            require_signature(wrong, given, secret)


async def test_nobody_is_sent_to_who_does_not_want_it(there: There, inbox: Inbox):
    with pytest.raises(Rejected):
        await subscribed(there, inbox, token="another")
    assert await comment(there, "Nice!") == {"deliveries": 0}
    async with far(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno") as other:
        with pytest.raises(Rejected):
            await MetaSubscriptions(there.connection, live=False).subscribe_app(
                f"http://127.0.0.1:{other.port}/", TOKEN
            )


async def test_what_was_refused_is_sent_again_and_now_and_then_twice(there: There, inbox: Inbox):
    await subscribed(there, inbox)
    inbox.refuse = 2
    await comment(there, "Again")
    first, _ = await inbox.came.get()
    there.world.faults.add(Fault("webhook_twice", times=1))
    await comment(there, "Twice")
    second, third = (await inbox.came.get())[0], (await inbox.came.get())[0]
    keys = [change.key for body in (first, second, third) for change in changes(body)]
    assert len(keys) == 3
    assert len(set(keys)) == 2


async def test_subscribing_again_changes_nothing(there: There, inbox: Inbox):
    await subscribed(there, inbox)
    assert there.world.things[known.PAGE]["subscribed_fields"] == ["feed", "messages"]
    there.world.calls.clear()
    await subscribed(there, inbox)
    assert [call["operation"] for call in there.world.calls] == [
        "GET Application/subscriptions",
        "GET Page/subscribed_apps",
    ]
    meta = MetaSubscriptions(there.connection, live=False)
    await meta.subscribe_page(known.PAGE_TOKEN, ("mention",))
    assert there.world.things[known.PAGE]["subscribed_fields"] == ["feed", "mention", "messages"]


async def test_a_page_that_has_not_agreed_tells_nothing(there: There, inbox: Inbox):
    await MetaSubscriptions(there.connection, live=False).subscribe_app(inbox.url, TOKEN)
    assert await comment(there, "Nice!") == {"deliveries": 0}


def test_every_shape_of_a_delivery_is_read():
    classic = {
        "id": "1",
        "time": 7,
        "changes": [{"field": "comments", "value": {"id": "c"}}, {"field": "new", "value": 3}],
    }
    login = {"id": "1", "time": 7, "field": "comments", "value": {"id": "c"}}
    message = {"id": "1", "time": 7, "messaging": [{"sender": {"id": "2"}}]}
    found = changes(json.dumps({"object": "instagram", "entry": [classic, login, message]}).encode())
    assert [change.field for change in found] == ["comments", "new", "comments", "messages"]
    assert found[0].key == found[2].key
    assert found[1].value == {"value": 3}
    for wrong in (b"", b"[]", b"{}", b'{"object":"x","entry":3}', b'{"object":"x","entry":[{"changes":[{}]}]}'):
        with pytest.raises(Rejected):
            changes(wrong)


@pytest.mark.parametrize(
    "query", [{}, {"hub.mode": "subscribe"}, {"hub.mode": "unsubscribe", "hub.verify_token": TOKEN}]
)
def test_a_handshake_is_for_who_knows_the_word(query: dict[str, str]):
    with pytest.raises(Rejected):
        handshake({**query, "hub.challenge": "1"}, TOKEN)
    assert handshake({"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "42"}, TOKEN) == "42"
