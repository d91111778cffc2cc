"""Access tokens: ours are read, forged and expired ones are not, and keys change while everything goes on."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from stakazo.accounts import tokens
from stakazo.accounts.tokens import ALGORITHM, AUDIENCE, ISSUER, REQUIRED, Tokens
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.errors import Unauthenticated
from stakazo.core.security import Keyring


@pytest.fixture
def ours(database: Database, keyring: Keyring) -> Tokens:
    return Tokens(database, keyring)


def unread(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


async def refused(reader: Tokens, token: str, kind: str = "access") -> bool:
    try:
        await reader.read(token, kind)
    except Unauthenticated:
        return True
    return False


async def test_a_token_says_who_and_where_and_not_what_they_may(ours: Tokens):
    user, session, workspace = new_id(), new_id(), new_id()
    token = await ours.access(user, session, workspace)
    said = await ours.read(token, "access")
    assert set(REQUIRED) <= set(said)
    assert (said["sub"], said["sid"], said["wid"], said["typ"]) == (str(user), str(session), str(workspace), "access")
    assert said["exp"] - said["iat"] == 600
    assert set(said) == {*REQUIRED, "sid", "wid"}
    header = jwt.get_unverified_header(token)
    assert header["alg"] == ALGORITHM == "EdDSA"
    assert "wid" not in unread(await ours.access(user, session, None))


async def test_another_process_reads_it(database: Database, keyring: Keyring, ours: Tokens):
    token = await ours.access(new_id(), new_id(), None)
    assert (await Tokens(database, keyring).read(token, "access"))["typ"] == "access"


async def test_what_is_not_ours_is_refused(ours: Tokens):
    good = await ours.access(new_id(), new_id(), None)
    kid, claims = jwt.get_unverified_header(good)["kid"], unread(good)
    stranger = Ed25519PrivateKey.generate()
    public = next(iter(ours._keys.values())).private.public_key()
    raw, pem = (
        public.public_bytes(encoding, shape)
        for encoding, shape in (
            (Encoding.Raw, PublicFormat.Raw),
            (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        )
    )

    def forged(header: dict[str, Any], signature: bytes = b"") -> str:
        parts = [json.dumps(part).encode() for part in (header, claims)] + [signature]
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)

    head, body, signature = good.split(".")
    for name, token in {
        "another key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": kid}),
        "another kid": jwt.encode(claims, stranger, "EdDSA", headers={"kid": str(new_id())}),
        "no kid": jwt.encode(claims, stranger, "EdDSA"),
        "a kid that is no text": forged({"alg": "EdDSA", "kid": ["x"]}, b"x"),
        "no algorithm": forged({"alg": "none", "kid": kid}),
        "the public key as a secret": jwt.encode(claims, raw * 2, "HS256", headers={"kid": kid}),
        "the public key as a secret, in PEM": forged({"alg": "HS256", "kid": kid}, pem),
        "another body": f"{head}.{base64.urlsafe_b64encode(b'{}').decode()}.{signature}",
        "a cut signature": good[:-4],
        "no signature": f"{head}.{body}.",
        "half": f"{head}.{body}",
        "nothing": "",
        "noise": "a.b.c",
    }.items():
        assert await refused(ours, token), name
    assert not await refused(ours, good)


async def test_every_claim_is_required_and_checked(ours: Tokens):
    good = await ours.access(new_id(), new_id(), None)
    kid, claims = jwt.get_unverified_header(good)["kid"], unread(good)
    key = ours._keys[kid].private

    def signed(**changes: Any) -> str:
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(said, key, ALGORITHM, headers={"kid": kid})

    assert not await refused(ours, signed())
    for name in REQUIRED:
        assert await refused(ours, signed(**{name: None})), name
    now = datetime.now(UTC)
    for changes in (
        {"iss": "somebody"},
        {"aud": "something"},
        {"typ": "provider"},
        {"exp": now - timedelta(seconds=tokens.LEEWAY + 1)},
        {"iat": now + timedelta(minutes=1)},
        {"nbf": now + timedelta(minutes=1)},
    ):
        assert await refused(ours, signed(**changes)), changes
    assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)


async def test_a_token_of_one_kind_is_none_of_another(ours: Tokens):
    token = await ours.sign("second_factor", str(new_id()), 60)
    assert await refused(ours, token, "access")
    assert not await refused(ours, token, "second_factor")


async def age(database: Database, seconds: float) -> None:
    """Let the keys be so much older."""
    async with database.system_transaction() as session:
        await session.execute(
            text("update signing_keys set created_at = created_at - make_interval(secs => :s)"), {"s": seconds}
        )


async def test_a_new_key_signs_once_all_have_read_it_and_the_old_one_counts_on(
    database: Database, keyring: Keyring, ours: Tokens
):
    old = await ours.access(new_id(), new_id(), None)
    await age(database, 3600)
    new_kid = await tokens.rotate(database, keyring)
    fresh = Tokens(database, keyring)
    assert jwt.get_unverified_header(await fresh.access(new_id(), new_id(), None))["kid"] != str(new_kid)
    await age(database, tokens.SETTLED.total_seconds() + 1)
    settled = Tokens(database, keyring)
    new = await settled.access(new_id(), new_id(), None)
    assert jwt.get_unverified_header(new)["kid"] == str(new_kid)
    for reader in (settled, fresh):
        assert not await refused(reader, old)
    assert not await refused(fresh, new)
    async with database.system_transaction() as session:  # the last token of the old key has expired
        await session.execute(text("update signing_keys set retires_at = now() where retires_at is not null"))
    later = Tokens(database, keyring)
    assert await refused(later, old)
    assert not await refused(later, new)
    await tokens.rotate(database, keyring)
    async with database.system_transaction() as session:
        assert await session.scalar(text("select count(*) from signing_keys")) == 2  # the first is gone


async def test_a_stolen_key_counts_no_more_at_once(database: Database, keyring: Keyring, ours: Tokens):
    stolen = await ours.access(new_id(), new_id(), None)
    kid = await tokens.rotate(database, keyring, at_once=True)
    after = Tokens(database, keyring)
    assert await refused(after, stolen)
    new = await after.access(new_id(), new_id(), None)
    assert jwt.get_unverified_header(new)["kid"] == str(kid)


async def test_a_process_learns_of_a_new_key_when_it_meets_it(database: Database, keyring: Keyring, ours: Tokens):
    await ours.access(new_id(), new_id(), None)
    await tokens.rotate(database, keyring, at_once=True)
    new = await Tokens(database, keyring).access(new_id(), new_id(), None)
    ours._read_at -= 1  # a second later
    assert not await refused(ours, new)


async def test_keys_lie_sealed(database: Database, keyring: Keyring, ours: Tokens):
    await ours.access(new_id(), new_id(), None)
    [key] = ours._keys.values()
    async with database.system_transaction() as session:
        dump = await session.scalar(text("select string_agg(k::text, '') from signing_keys k"))
    assert key.private.private_bytes_raw().hex() not in dump
