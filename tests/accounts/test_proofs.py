"""What is presented as a proof, and the second factor's codes."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.accounts import emails, proofs, totp
from stakazo.core.errors import Invalid

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = 1_800_000_000.0
STEP = int(NOW // 30)


def test_tokens_are_long_and_differ():
    tokens = {proofs.new_token("stl") for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("stl_") and len(token) == 47 for token in tokens)


def test_a_successor_needs_both_token_and_salt():
    token, salt = proofs.new_token("str"), proofs.new_salt()
    following = proofs.successor(token, salt)
    assert following == proofs.successor(token, salt)
    assert following.startswith("str_")
    assert len(following) == len(token)
    assert following not in {
        proofs.successor(token, proofs.new_salt()),
        proofs.successor(proofs.new_token("str"), salt),
    }


@given(st.sampled_from(["", " ", "-", ".", "  -"]), st.booleans())
def test_a_recovery_code_may_be_typed_in_many_ways(between: str, capitals: bool):  # noqa: FBT001
    code = proofs.new_recovery_code()
    typed = code.replace("-", between)
    assert proofs.plain_recovery_code(f" {typed.upper() if capitals else typed}\n") == code


def test_codes_are_those_of_the_standard():
    """RFC 6238, appendix B, cut to six digits."""
    secret = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").secret
    assert totp.code_at(secret, 59 // 30) == "287082"
    assert totp.code_at(secret, 1111111109 // 30) == "081804"
    assert totp.code_at(secret, 20000000000 // 30) == "353130"


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_clock_may_be_a_step_off(off: int):
    assert totp.step_of(SECRET, totp.code_at(SECRET, STEP + off), after=None, now=NOW) == STEP + off


@pytest.mark.parametrize("off", [-3, -2, 2, 3])
def test_but_no_more(off: int):
    assert totp.step_of(SECRET, totp.code_at(SECRET, STEP + off), after=None, now=NOW) is None


def test_no_code_of_a_step_that_was_used_or_before():
    for used in (STEP, STEP + 1):
        for code in (totp.code_at(SECRET, STEP), totp.code_at(SECRET, STEP - 1)):
            assert totp.step_of(SECRET, code, after=used, now=NOW) is None
    assert totp.step_of(SECRET, totp.code_at(SECRET, STEP + 1), after=STEP, now=NOW) == STEP + 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "½½½½½½", "\0"])
def test_what_is_no_code(code: str):
    assert totp.step_of(SECRET, code, after=None, now=NOW) is None


def test_a_code_may_have_spaces():
    code = totp.code_at(SECRET, STEP)
    assert totp.step_of(SECRET, f" {code[:3]} {code[3:]} ", after=None, now=NOW) == STEP


def test_the_picture_says_who_it_is_for():
    uri = totp.uri(SECRET, "ann@example.org")
    app = pyotp.parse_uri(uri)
    assert (app.name, app.issuer, app.secret) == ("ann@example.org", "Stakazo", SECRET)
    picture = totp.picture(uri)
    assert picture.startswith("<svg")
    assert "script" not in picture


@pytest.mark.parametrize(
    ("typed", "tidy"),
    [
        (" ann@EXAMPLE.org ", "ann@example.org"),
        ("Ann@example.org", "Ann@example.org"),
        ("ö@exämple.org", "ö@exämple.org"),
    ],
)
def test_addresses_are_tidied(typed: str, tidy: str):
    assert emails.tidy(typed) == tidy


@pytest.mark.parametrize(
    "typed", ["", "ann", "ann@", "@example.org", "a@b", "ann@exa mple.org", "ann\n@example.org", "a@[127.0.0.1]"]
)
def test_what_is_no_address(typed: str):
    with pytest.raises(Invalid, match="e-mail"):
        emails.tidy(typed)


def test_capitals_make_no_other_address():
    assert emails.same("Ann@example.org", "ann@example.org")
    assert not emails.same("ann@example.org", "bob@example.org")
