from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from stakazo.core.actor import new_id
from stakazo.core.errors import Unavailable
from stakazo.core.security import HEADER_BYTES, Keyring, Unreadable, decode, encode, key_id, new_key
from stakazo.core.settings import Settings

OWNER, ROW = new_id(), new_id()
PLACE = "channels.token"


def settings(folder: Path, *keys: bytes) -> Settings:
    given = SecretStr(encode(keys).replace("\n", ",")) if keys else None
    return Settings(_env_file=None, data_dir=folder, master_keys=given)


@given(secret=st.binary(max_size=3000))
def test_what_is_sealed_opens_again(secret: bytes):
    keys = Keyring(settings(Path("/nowhere"), new_key()))
    sealed = keys.seal(secret, PLACE, owner=OWNER, row=ROW)
    assert keys.unseal(sealed, PLACE, owner=OWNER, row=ROW) == secret
    assert len(secret) < 4 or secret not in sealed


def test_the_same_secret_never_looks_the_same_twice(tmp_path: Path):
    keys = Keyring(settings(tmp_path))
    assert len({keys.seal(b"hush", PLACE, owner=OWNER, row=ROW) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("place", "owner", "row"),
    [("channels.other", OWNER, ROW), ("webhooks.token", OWNER, ROW), (PLACE, ROW, ROW), (PLACE, OWNER, OWNER)],
)
def test_moved_to_another_column_owner_or_row_it_does_not_open(tmp_path: Path, place: str, owner: UUID, row: UUID):
    keys = Keyring(settings(tmp_path))
    sealed = keys.seal(b"hush", PLACE, owner=OWNER, row=ROW)
    with pytest.raises(Unreadable, match="changed or moved"):
        keys.unseal(sealed, place, owner=owner, row=row)


@pytest.mark.parametrize(
    "spoil",
    [
        *(lambda b, i=i: b[:i] + bytes([b[i] ^ 1]) + b[i + 1 :] for i in range(1 + 8 + 12 + 4 + 16)),
        lambda b: b[:-1],
        lambda b: b[:HEADER_BYTES],
        lambda b: b[:3],
        lambda _: b"",
        lambda b: b + b"\x00",
    ],
)
def test_a_changed_byte_is_noticed_wherever_it_is(tmp_path: Path, spoil: Callable[[bytes], bytes]):
    keys = Keyring(settings(tmp_path))
    sealed = keys.seal(b"hush", PLACE, owner=OWNER, row=ROW)
    with pytest.raises(Unreadable):
        keys.unseal(spoil(sealed), PLACE, owner=OWNER, row=ROW)


def test_an_older_key_still_opens_and_the_newest_seals(tmp_path: Path):
    old, new = new_key(), new_key()
    before = Keyring(settings(tmp_path, old)).seal(b"hush", PLACE, owner=OWNER, row=ROW)
    keys = Keyring(settings(tmp_path, new, old))
    assert keys.unseal(before, PLACE, owner=OWNER, row=ROW) == b"hush"
    after = keys.seal(b"hush", PLACE, owner=OWNER, row=ROW)
    assert after.startswith(keys.header)
    assert not before.startswith(keys.header)
    with pytest.raises(Unreadable, match="not here"):
        Keyring(settings(tmp_path, old)).unseal(after, PLACE, owner=OWNER, row=ROW)


def test_the_file_is_made_for_its_owner_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        keys = Keyring(settings(tmp_path / "data")).keys
    finally:
        os.umask(before)
    file = tmp_path / "data" / "master_keys"
    assert file.stat().st_mode & 0o777 == 0o600
    assert decode(file.read_text()) == keys
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path):
    assert Keyring(settings(tmp_path)).keys
    (tmp_path / "master_keys").chmod(0o640)
    with pytest.raises(Unavailable, match="chmod 600"):
        _ = Keyring(settings(tmp_path)).keys


def test_those_that_start_at_once_have_one_key(tmp_path: Path):
    together = Barrier(8)

    def start(_number: int) -> bytes:
        together.wait(30)
        return Keyring(settings(tmp_path)).keys[0]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1


def test_a_new_key_in_the_file_is_seen_without_a_restart(tmp_path: Path):
    running, rotating = Keyring(settings(tmp_path)), Keyring(settings(tmp_path))
    old = running.keys
    rotating.keep([new_key(), *old])
    assert running.keys == rotating.keys
    assert len(running.keys) == 2


@pytest.mark.parametrize("text", ["", "# nothing", "hush", "aHVzaA==", f"{encode([bytes(32)])},hush"])
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(Unavailable, match="32 bytes in base64"):
        decode(text)


def test_a_key_does_not_show(tmp_path: Path):
    key = new_key()
    given = settings(tmp_path, key)
    assert encode([key]) not in repr(given) + str(given.model_dump())
    assert key_id(key) not in key
    with pytest.raises(Unavailable, match="STAKAZO_MASTER_KEYS"):
        Keyring(given).keep([key])
