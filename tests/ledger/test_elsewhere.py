"""Every outlet takes checkpoints as the others do, and being given one twice changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import obstore
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from obstore.store import LocalStore, MemoryStore

from stakazo.core.actor import new_id
from stakazo.core.addresses import AddressRefused, Allowed
from stakazo.core.errors import Unavailable
from stakazo.core.settings import Settings
from stakazo.ledger import elsewhere
from stakazo.ledger.checkpoint import Checkpoint, sign
from stakazo.ledger.elsewhere import Folder, ObjectStore, Webhook
from stakazo.ledger.outlets import CheckpointFile, Courier

WORKSPACE = new_id()


def read_folder(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.checkpoint")}


def read_store(store: Any) -> dict[str, str]:
    found = [one["path"] for page in obstore.list(store) for one in page]
    return {path: bytes(obstore.get(store, path).bytes()).decode() for path in found}


@pytest.fixture(params=["a folder", "a store on disk", "a store in memory"])
def kept(request: Any, tmp_path: Path) -> Any:
    """An outlet, and what it has."""
    if request.param == "a folder":
        return Folder(tmp_path / "there"), lambda: read_folder(tmp_path / "there")
    store = MemoryStore() if "memory" in request.param else LocalStore(tmp_path)
    return ObjectStore(store), lambda: read_store(store)


async def test_what_is_handed_out_is_there(kept: Any):
    outlet, there = kept
    await outlet.hand_out(WORKSPACE, 7, "seven\n")
    await outlet.hand_out(WORKSPACE, 12, "twelve\n")
    expected = {f"{WORKSPACE}/000000000007.checkpoint": "seven\n", f"{WORKSPACE}/000000000012.checkpoint": "twelve\n"}
    assert there() == expected
    await outlet.hand_out(WORKSPACE, 7, "another seven\n")  # what is kept elsewhere is not written over
    assert there() == expected


class Witness(ThreadingHTTPServer):
    def __init__(self, status: int) -> None:
        self.status, self.seen = status, []  # type: ignore[var-annotated]
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Witness

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.seen.append((self.headers["stakazo-ledger"], body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def witness(status: int = 204) -> Iterator[Witness]:
    server = Witness(status)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_webhook_gets_the_note():
    with witness() as server:
        url = f"http://127.0.0.1:{server.server_port}/checkpoints"
        await Webhook(url, Allowed.of("127.0.0.1")).hand_out(WORKSPACE, 7, "seven — ü\n")
        assert server.seen == [(f"{WORKSPACE} 7", "seven — ü\n")]
        with pytest.raises(AddressRefused):
            await Webhook(url, Allowed()).hand_out(WORKSPACE, 8, "eight\n")
        assert len(server.seen) == 1


async def test_a_webhook_that_refuses_is_asked_again():
    with witness(status=503) as server:
        outlet = Webhook(f"http://127.0.0.1:{server.server_port}/", Allowed.of("127.0.0.1"))
        with pytest.raises(Unavailable, match="503"):
            await outlet.hand_out(WORKSPACE, 7, "seven\n")


async def test_a_courier_brings_the_newest_of_each(tell_when: Any):
    outlet, other = tell_when(failures=2), new_id()
    courier = Courier(outlet)
    for size in (1, 2, 3):
        courier.offer(WORKSPACE, size, str(size))
    courier.offer(other, 9, "9")
    running = asyncio.create_task(courier.run())
    async with asyncio.timeout(30):
        while len(outlet.taken) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    assert set(outlet.taken) == {(WORKSPACE, 3, "3"), (other, 9, "9")}


def test_the_settings_name_the_outlets(tmp_path: Path):
    def found(**given: Any) -> list[str]:
        return [outlet.name for outlet in elsewhere.of(Settings(_env_file=None, **given))]

    assert found() == []
    assert found(ledger_store=str(tmp_path)) == ["folder"]
    assert found(ledger_store="memory:///") == ["object store"]
    assert found(ledger_store=f"file://{tmp_path}", ledger_webhook="https://x.example") == ["object store", "webhook"]


# --- the file ------------------------------------------------------------------------------------------------------


def test_the_file_is_found_again_however_long_it_is(tmp_path: Path):

    file, private = CheckpointFile(tmp_path), Ed25519PrivateKey.generate()
    assert file.last(WORKSPACE) is None
    for size in range(1, 200):
        file.append(WORKSPACE, sign(Checkpoint(f"stakazo/{WORKSPACE}", size, bytes(32)), private))
    last = file.last(WORKSPACE)
    assert last is not None
    assert last.checkpoint.size == 199
    assert [note.checkpoint.size for note in file.all(WORKSPACE)] == list(range(1, 200))
