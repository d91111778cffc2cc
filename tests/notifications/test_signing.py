"""Our signatures, checked by the library that receivers use."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from stakazo.notifications import signing

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
BODY = '{"type":"clip.accepted","data":{"title":"Für Élise"}}'.encode()


def headers(seconds: float = 0.0) -> dict[str, str]:
    return signing.headers([NEW, OLD], "0192", int(time.time() - seconds), BODY)


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_who_knows_one_of_the_secrets_can_check(secret: bytes) -> None:
    Webhook(signing.written(secret)).verify(BODY, headers())


@pytest.mark.parametrize(
    ("secret", "body", "changed"),
    [
        (OTHER, BODY, {}),
        (NEW, BODY + b" ", {}),
        (NEW, BODY, {"webhook-id": "0193"}),
        (NEW, BODY, {"webhook-timestamp": str(int(time.time()) - 5)}),
        (NEW, BODY, headers(600.0)),
    ],
)
def test_whatever_is_another_is_refused(secret: bytes, body: bytes, changed: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.written(secret)).verify(body, headers() | changed)


def test_the_specification_s_own_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: of the reference implementations' tests."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signing.headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
