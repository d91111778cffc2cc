"""Checkpoints as other programs of the field write and read them; and keys that stay where they belong."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stakazo.core.errors import Unavailable
from stakazo.ledger import checkpoint
from stakazo.ledger.checkpoint import Checkpoint, VerifierKey, fingerprint, public_key
from stakazo.ledger.keys import KeyFolder

# The key and the note of the documentation of Go's package sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNED = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = VerifierKey("stakazo/one", public_key(PRIVATE))
NOTE = checkpoint.sign(Checkpoint("stakazo/one", 5, b"\x05" * 32), PRIVATE)


def test_go_signed_this():
    key = VerifierKey.parse(GO_KEY)
    assert (key.name, key.id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", GO_KEY)
    raw = checkpoint._base64(GO_SIGNED)
    assert raw[:4] == key.id
    assert key.signed(GO_TEXT, raw[4:])
    assert not key.signed(GO_TEXT + "\n", raw[4:])


def test_a_checkpoint_is_a_signed_note():
    lines = NOTE.split("\n")
    assert lines[:4] == ["stakazo/one", "5", "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=", ""]
    assert lines[4].startswith("— stakazo/one ")
    assert lines[5:] == [""]
    note = checkpoint.read(NOTE)
    assert note.checkpoint == Checkpoint("stakazo/one", 5, b"\x05" * 32)
    assert note.signer([KEY]) == KEY


def test_a_signature_holds_for_nothing_else():
    stranger = Ed25519PrivateKey.generate()
    assert checkpoint.read(NOTE.replace("\n5\n", "\n6\n")).signer([KEY]) is None
    assert checkpoint.read(NOTE.replace("\nBQ", "\nBg")).signer([KEY]) is None
    other_key = checkpoint.sign(Checkpoint("stakazo/one", 5, b"\x05" * 32), stranger)
    assert checkpoint.read(other_key).signer([KEY]) is None
    assert checkpoint.read(NOTE).signer([VerifierKey("stakazo/two", KEY.public)]) is None
    assert checkpoint.read(NOTE).signer([]) is None


def test_a_wrong_signature_in_the_keys_name_counts_against_the_note():
    wrong = NOTE.replace("\n5\n", "\n6\n").splitlines(keepends=True)[-1]
    forged = checkpoint.sign(Checkpoint("stakazo/one", 9, b"\x09" * 32), PRIVATE).splitlines(keepends=True)
    note = checkpoint.read("".join(forged[:-1]) + wrong + forged[-1])
    assert note.signer([KEY]) is None


def test_extension_lines_and_other_signatures_are_let_be():
    body = "stakazo/one\n5\nBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\nmore\n"
    signed = base64.b64encode(KEY.id + PRIVATE.sign(body.encode())).decode()
    note = checkpoint.read(f"{body}\n— witness.example {'A' * 12}\n— stakazo/one {signed}\n")
    assert note.signer([KEY]) == KEY
    assert [one.name for one in note.signatures] == ["witness.example", "stakazo/one"]


@pytest.mark.parametrize(
    "note",
    [
        "",
        "stakazo/one\n5\n",
        NOTE.removesuffix("\n"),
        NOTE.replace("\n5\n", "\n05\n"),
        NOTE.replace("\n5\n", "\n-5\n"),
        NOTE.replace("\n5\n", "\n\n"),
        NOTE.replace("\nBQUF", "\nBQ!F"),
        NOTE.replace("\nBQUF", "\n"),
        NOTE.replace("— ", "- "),
        NOTE.rpartition("— ")[0],
    ],
)
def test_what_is_no_checkpoint_is_refused(note: str):
    with pytest.raises(ValueError, match="not "):
        checkpoint.read(note)


@pytest.mark.parametrize("key", ["", "a+b", GO_KEY.replace("c74", "c75"), GO_KEY[:-4], "with space" + GO_KEY])
def test_what_is_no_key_is_refused(key: str):
    with pytest.raises(ValueError, match=r"key|base64"):
        VerifierKey.parse(key)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb"])
def test_what_is_no_origin_is_refused(origin: str):
    with pytest.raises(ValueError, match="not an origin"):
        checkpoint.sign(Checkpoint(origin, 0, b"\x00" * 32), PRIVATE)


def test_many_are_read_from_one_file_whose_end_was_torn():
    notes = [checkpoint.sign(Checkpoint("stakazo/one", n, bytes([n]) * 32), PRIVATE) for n in range(1, 5)]
    whole = "\n".join(notes)
    for text in (whole, "\n" + whole, "".join(notes), whole + "\n\n"):
        assert [note.checkpoint.size for note in checkpoint.read_all(text)] == [1, 2, 3, 4]
    for cut in range(1, len(notes[-1]) + 1):
        assert [note.checkpoint.size for note in checkpoint.read_all(whole[:-cut])] == [1, 2, 3]


def test_keys_are_kept_for_their_owner_only(tmp_path: Path):
    keys = KeyFolder(tmp_path / "keys")
    assert keys.newest() is None
    first, second = keys.create(), keys.create()
    assert [stat.S_IMODE(file.stat().st_mode) for file in sorted(keys.folder.glob("*.pem"))] == [0o600, 0o600]
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    newest, found = keys.newest(), keys.get(fingerprint(public_key(first)))
    assert newest is not None
    assert found is not None
    assert public_key(newest) == public_key(second)
    assert public_key(found) == public_key(first)
    assert keys.get("0" * 16) is None

    [private] = keys.folder.glob(f"*-{fingerprint(public_key(first))}.pem")
    private.unlink()  # its public half is known all the same
    assert keys.get(fingerprint(public_key(first))) is None
    assert keys.public(fingerprint(public_key(first))) == public_key(first)
    assert keys.public("0" * 16) is None


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path):
    keys = KeyFolder(tmp_path / "keys")
    keys.create()
    [file] = keys.folder.glob("*.pem")
    file.chmod(0o640)
    with pytest.raises(Unavailable, match="chmod 600"):
        keys.newest()
    file.chmod(0o600)
    file.write_text("nonsense")
    with pytest.raises(Unavailable, match="damaged"):
        keys.newest()
