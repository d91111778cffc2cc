from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.core.redaction import hide, hide_named

HUSH = "c4n4ryC4n4ryc4n4ryC4n4ryc4n4ryC4n4ryc4n4ryCa"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjNG40cnkifQ.c4n4ryC4n4ryc4n4ry"

TEXTS = {
    f"stk_0123456789ab_{HUSH}": "stk_0123456789ab_***",
    f"sent str_{HUSH} and stl_{HUSH}.": "sent str_*** and stl_***.",
    f"Authorization: Bearer {JWT}": "Authorization: ***",
    f"authorization: Basic {HUSH}=\nHost: a": "authorization: ***\nHost: a",
    f"(b'authorization', b'Bearer {HUSH}')": "(b'authorization', b'***')",
    f"Cookie: stakazo_access={JWT}; stakazo_refresh=str_{HUSH}": "Cookie: ***",
    f"Set-Cookie: a={HUSH}; HttpOnly": "Set-Cookie: ***",
    f"X-API-Key: {HUSH}": "X-API-Key: ***",
    f"sent {JWT} along": "sent eyJ*** along",
    f"postgresql+psycopg://stakazo:{HUSH}@127.0.0.1:5432/x": "postgresql+psycopg://stakazo:***@127.0.0.1:5432/x",
    f"smtp://me@example.org:{HUSH}@mail.example": "smtp://me@example.org:***@mail.example",
    f"redis://:{HUSH}@cache/0": "redis://:***@cache/0",
    f"GET /a?X-Amz-Signature={HUSH}&x=1": "GET /a?X-Amz-Signature=***&x=1",
    f"GET /reset?token={HUSH}": "GET /reset?token=***",
    f"password={HUSH} is wrong": "password=*** is wrong",
    f"{{'new_password': '{HUSH}', 'name': 'Ann'}}": "{'new_password': '***', 'name': 'Ann'}",
    json.dumps({"client_secret": HUSH, "n": 1}): '{"client_secret": "***", "n": 1}',
    json.dumps(json.dumps({"refresh_token": HUSH, "n": 1})): r'"{\"refresh_token\": \"***\", \"n\": 1}"',
    f"totp: {HUSH}": "totp: ***",
}
INNOCENT = (
    "There is no video 0190a2b4-1111-7000-8000-000000000000.",
    "Rendering clip 3 of 7 at 1920x1080",
    "postgresql://stakazo@127.0.0.1:5432/x",
    "http://127.0.0.1:8400/clips?video_id=1&sort=rank",
    "libx264 profile=high level=4.1",
    "A URL with a user name or password in it can't be used.",
    "This needs an API key or a sign-in, and basic understanding.",
    "stem_of_a_rather_long_file_name.mp4 at 2026-11-22T10:00:00Z",
)


@pytest.mark.parametrize(("text", "shown"), TEXTS.items(), ids=lambda text: ascii(text)[:40])
def test_what_looks_like_a_secret_is_taken_out(text: str, shown: str):
    assert hide(text) == shown
    assert hide(shown) == shown


@pytest.mark.parametrize("text", INNOCENT)
def test_what_does_not_stays(text: str):
    assert hide(text) == text


@given(st.text(max_size=200))
def test_nothing_breaks_it(text: str):
    assert isinstance(hide(text), str)


def test_a_long_line_is_looked_at_in_no_time():
    """The patterns have no way to go back and forth for ever."""
    for part in ("password", "a=", "eyJ", "stk_", "http://a:", "cookie:", "token ", "a-", "bearer ", "-"):
        assert hide(part * 20_000)


def test_names_say_what_is_secret_wherever_they_stand():
    said = {
        "path": "/auth",
        "password": HUSH,
        "Authorization": HUSH,
        "inside": {"refresh_token": HUSH, "list": [{"totp_secret": HUSH, "n": 1}, "x"]},
        "cookies": {"a": HUSH},
        "api_key": None,
        "token": 7,
    }
    assert hide_named(said) == {
        "path": "/auth",
        "password": "***",
        "Authorization": "***",
        "inside": {"refresh_token": "***", "list": [{"totp_secret": "***", "n": 1}, "x"]},
        "cookies": "***",
        "api_key": None,
        "token": 7,
    }
