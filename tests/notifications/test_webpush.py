"""Push messages: the standard's own example, and opened again by a library that isn't ours."""

from __future__ import annotations

import os

import http_ece
import jwt
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate

from stakazo.core.errors import Invalid
from stakazo.notifications import webpush
from stakazo.notifications.webpush import Receiver

# RFC 8291, section 5 and appendix A
THEIRS = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
OURS = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
    "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def key_of(text: str) -> EllipticCurvePrivateKey:
    return derive_private_key(int.from_bytes(webpush.unwritten(text)), SECP256R1())


def test_the_standard_s_example_comes_out_as_it_says() -> None:
    receiver = Receiver.of("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", THEIRS, AUTH)
    message = b"When I grow up, I want to be a watermelon"
    assert webpush.written(webpush.encrypted(message, receiver, key_of(OURS), webpush.unwritten(SALT))) == BODY


@pytest.mark.parametrize("size", [0, 1, 1000, webpush.MOST_BYTES])
def test_a_browser_can_open_it_and_nobody_else(size: int) -> None:
    browser, secret, message = generate(SECP256R1()), os.urandom(16), os.urandom(size)
    receiver = Receiver("https://push.example.net/1", webpush.point(browser), secret)
    body = webpush.encrypted(message, receiver, generate(SECP256R1()), os.urandom(16))
    assert http_ece.decrypt(body, private_key=browser, auth_secret=secret, version="aes128gcm") == message
    for other in ({"private_key": generate(SECP256R1())}, {"auth_secret": os.urandom(16)}):
        with pytest.raises((http_ece.ECEException, InvalidTag)):
            http_ece.decrypt(body, **{"private_key": browser, "auth_secret": secret, **other}, version="aes128gcm")


def test_what_is_too_long_for_a_service_is_not_sent() -> None:
    receiver = Receiver.of("https://push.example.net/1", THEIRS, AUTH)
    with pytest.raises(ValueError, match="3000 bytes"):
        webpush.encrypted(bytes(webpush.MOST_BYTES + 1), receiver, key_of(OURS), bytes(16))


def test_who_sends_is_shown_to_the_service_and_to_it_alone() -> None:
    key = key_of(OURS)
    said = webpush.authorization(key, "https://push.example.net:8443/push/1", "mailto:a@example.org", 2_000_000_000)
    token, _, public = said.removeprefix("vapid t=").partition(", k=")
    assert webpush.unwritten(public) == webpush.point(key)
    claims = jwt.decode(token, key.public_key(), algorithms=["ES256"], audience="https://push.example.net:8443")
    assert claims == {"aud": "https://push.example.net:8443", "exp": 2_000_043_200, "sub": "mailto:a@example.org"}


@pytest.mark.parametrize(("p256dh", "auth"), [("", AUTH), ("B" * 87, AUTH), (THEIRS[:-4], AUTH), (THEIRS, "AAAA")])
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(Invalid):
        Receiver.of("https://push.example.net/1", p256dh, auth)
