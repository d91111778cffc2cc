"""The second factor: six digits that change every half minute (RFC 6238), from a secret that an app keeps."""

from __future__ import annotations

import io
import time
from hmac import compare_digest

import pyotp
import segno

ISSUER = "Stakazo"
PERIOD = 30
"""Seconds of a step."""
DRIFT = 1
"""Steps that a clock may be off."""


def new_secret() -> str:
    """160 random bits in base32."""
    return pyotp.random_base32()


def uri(secret: str, account: str) -> str:
    """What an authenticator app reads: `otpauth://totp/...`."""
    return pyotp.TOTP(secret, interval=PERIOD).provisioning_uri(name=account, issuer_name=ISSUER)


def picture(uri: str) -> str:
    """The URI as a QR code, in SVG that can stand in a page."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(out, kind="svg", scale=5, border=2, xmldecl=False, svgns=True, light="#fff")
    return out.getvalue().decode()


def code_at(secret: str, step: int) -> str:
    return pyotp.TOTP(secret, interval=PERIOD).generate_otp(step)


def step_of(secret: str, code: str, *, after: int | None, now: float | None = None) -> int | None:
    """The step whose code this is, or null when it is of none around now, or of one up to `after`: used before."""
    code = "".join(code.split())
    current = int((time.time() if now is None else now) // PERIOD)
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):  # all of them, always: the time tells nothing
        if compare_digest(code_at(secret, step).encode(), code.encode()) and (after is None or step > after):
            found = step
    return found
