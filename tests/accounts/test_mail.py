"""Letters go out by SMTP, to a server that is not ours, or into the outbox."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from structlog.testing import capture_logs

from stakazo.accounts import letters
from stakazo.accounts.letters import Letter
from stakazo.accounts.mail import Post, Smtp
from stakazo.core.errors import Unavailable
from stakazo.core.settings import Settings

LETTER = Letter(
    "ann@example.org", "Grüße aus Gent", f"Open this: https://example.org/account#reset=stl_{'x' * 80}\n\nBis bald, Ö"
)


class Taken(Message):
    """What the server was given."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.letters.append(message_from_bytes(message.as_bytes(), policy=default))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[..., tuple[int, Taken]]]:
    """Start a mail server of some kind: its port, and what it takes."""
    started = []

    def serve(kind: str = "plain") -> tuple[int, Taken]:
        handler = Taken()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)

        def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
            right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"us", b"p@ss/word")
            return AuthResult(success=right, handled=False)

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        kinds: dict[str, dict[str, Any]] = {
            "plain": {},
            "tls": {"ssl_context": tls},
            "starttls": {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": known},
        }
        server = Controller(handler, hostname="127.0.0.1", port=port, **kinds[kind])
        server.start()
        started.append(server)
        return port, handler

    yield serve
    for server in started:
        server.stop()


def post(settings: Settings, url: str | None, trust: ssl.SSLContext | None = None) -> Post:
    smtp = SecretStr(url) if url else None
    return Post(settings.model_copy(update={"smtp_url": smtp}), trust=trust, pauses=(0.01, 0.01))


async def deliver(post: Post) -> list[Any]:
    with capture_logs() as said:
        await post.send(LETTER)
        await post.close()
    return said


def in_outbox(settings: Settings) -> list[Path]:
    return sorted(settings.outbox_dir.glob("*.eml")) if settings.outbox_dir.exists() else []


@pytest.mark.parametrize("kind", ["plain", "tls", "starttls"])
async def test_a_letter_goes_out(app_settings: Settings, serve: Any, certificate: Path, kind: str):
    port, taken = serve(kind)
    scheme = {"plain": "smtp+plain://", "tls": "smtps://", "starttls": "smtp://us:p%40ss%2Fword@"}[kind]
    said = await deliver(
        post(app_settings, f"{scheme}127.0.0.1:{port}", ssl.create_default_context(cafile=certificate))
    )
    [letter] = taken.letters
    assert (letter["To"], letter["Subject"], letter["From"]) == (LETTER.to, LETTER.subject, app_settings.mail_from)
    assert letter.get_content().strip() == LETTER.text
    assert [line["event"] for line in said] == ["mail_sent"]
    assert in_outbox(app_settings) == []


@pytest.mark.parametrize("what", ["nobody listens", "a wrong password", "a strange certificate", "no encryption"])
async def test_what_can_not_be_sent_is_kept(app_settings: Settings, serve: Any, certificate: Path, what: str):
    trust = ssl.create_default_context(cafile=certificate)
    if what == "nobody listens":
        url = "smtp+plain://127.0.0.1:1"
    elif what == "a wrong password":
        url = f"smtp://us:wrong@127.0.0.1:{serve('starttls')[0]}"
    elif what == "a strange certificate":
        url, trust = f"smtps://127.0.0.1:{serve('tls')[0]}", ssl.create_default_context()
    else:  # a server that offers none doesn't get the password
        url = f"smtp://us:p%40ss%2Fword@127.0.0.1:{serve('plain')[0]}"
    said = await deliver(post(app_settings, url, trust))
    [kept] = in_outbox(app_settings)
    assert LETTER.text in kept.read_text()
    [line] = said
    assert (line["event"], line["file"]) == ("mail_not_sent", str(kept))
    assert "stl_" not in str(said)


async def test_without_a_server_letters_go_into_the_outbox(app_settings: Settings):
    said = await deliver(post(app_settings, None))
    [kept] = in_outbox(app_settings)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    letter = message_from_bytes(kept.read_bytes(), policy=default)
    assert letter["To"] == LETTER.to
    assert LETTER.text in kept.read_text()  # to be read, and its link to be copied, as it is
    assert [line["event"] for line in said] == ["mail_in_outbox"]
    assert "stl_" not in str(said)
    assert "ann@example.org" not in str(said)


async def test_a_letter_under_way_is_not_lost_when_the_process_ends(app_settings: Settings):
    with socket.socket() as silent:  # takes connections, and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        slow = post(app_settings, f"smtp+plain://127.0.0.1:{silent.getsockname()[1]}")
        await slow.send(LETTER)
        await asyncio.sleep(0)
        await slow.close(moment=0.05)
    assert len(in_outbox(app_settings)) == 1


@pytest.mark.parametrize("url", ["", "localhost:25", "http://mail.example", "smtp://", "smtp://x:notaport"])
def test_what_is_no_server_is_refused_at_the_start(app_settings: Settings, url: str):
    with pytest.raises(Unavailable, match="STAKAZO_SMTP_URL"):
        post(app_settings, url or "nothing")


def test_the_usual_ports():
    assert Smtp.parse("smtp://mail.example") == Smtp("mail.example", 587, "starttls", None, None)
    assert Smtp.parse("smtps://a%40b:c@mail.example") == Smtp("mail.example", 465, "tls", "a@b", "c")
    assert Smtp.parse("smtp+plain://mail.example:2525") == Smtp("mail.example", 2525, "plain", None, None)


def test_a_letters_link_is_behind_the_hash_where_no_server_sees_it():
    base = "https://clips.example.com"
    for letter in (
        letters.confirm_registration(base, "a@b.example", "TOKEN"),
        letters.invitation(base, "a@b.example", "TOKEN", "Blue Note", "EDITOR"),
        letters.reset_password(base, "a@b.example", "TOKEN"),
        letters.confirm_email(base, "a@b.example", "TOKEN"),
    ):
        [link] = [word for word in letter.text.split() if "TOKEN" in word]
        assert link.startswith(f"{base}/account#")
        assert link.endswith("=TOKEN")
