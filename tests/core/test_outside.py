"""Real connections to addresses that users gave, with a resolver that is passed in."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.far import far

from stakazo.core import outside
from stakazo.core.addresses import IP, AddressRefused, Allowed
from stakazo.core.outside import TooMuch, Unreachable

HERE = Allowed.of("127.0.0.1")


def says(*answers: str) -> outside.Resolver:
    """A name server whose answer changes with every question; the last one stays."""
    left = list(answers)

    async def resolver(_name: str) -> list[IP]:
        return [ip_address(one) for one in (left.pop(0) if len(left) > 1 else left[0]).split()]

    return resolver


async def get(
    url: str, allowed: Allowed = HERE, resolver: outside.Resolver = outside.resolve, **how: object
) -> outside.Answer:
    async with outside.client(allowed, resolver=resolver) as http:
        return await outside.send(http, "GET", url, **how)  # type: ignore[arg-type]


async def test_what_is_allowed_is_reached_under_its_name():
    async with far() as there:
        answer = await get(f"http://files.example:{there.port}/a%20b?c=d", resolver=says("127.0.0.1"))
    assert (answer.status, answer.body) == (200, b"hi")
    [asked] = there.asked
    assert asked.startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
    assert f"host: files.example:{there.port}".encode() in asked.lower()
    assert b"accept-encoding: identity" in asked.lower()


async def test_nothing_is_reached_that_is_not_allowed():
    async with far() as there:
        for url in (
            f"http://127.0.0.1:{there.port}/",
            f"http://localhost:{there.port}/",
            f"http://2130706433:{there.port}/",
            f"http://[::ffff:127.0.0.1]:{there.port}/",
            f"http://user:pw@127.0.0.1:{there.port}/",
        ):
            with pytest.raises(AddressRefused):
                await get(url, Allowed())
    assert there.asked == []


async def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked():
    async with far() as good, far(host="127.0.0.2", port=good.port) as bad:
        resolver = says("127.0.0.1", "127.0.0.2")
        url = f"http://rebind.example:{good.port}/"
        async with outside.client(HERE, resolver=resolver) as http:
            assert (await outside.send(http, "GET", url)).status == 200
            with pytest.raises(AddressRefused):
                await outside.send(http, "GET", url)
        with pytest.raises(AddressRefused):  # a closed address among open ones
            await get(url, resolver=says("127.0.0.1 127.0.0.2"))
    assert (len(good.asked), len(bad.asked)) == (1, 0)


async def test_the_next_address_of_a_name_is_tried():
    async with far() as there:
        url = f"http://two.example:{there.port}/"
        answer = await get(url, Allowed.of("two.example"), says("127.0.0.9 127.0.0.1"))
        assert answer.status == 200
        with pytest.raises(Unreachable, match=r"two\.example can't be reached"):
            await get(url, Allowed.of("two.example"), says("127.0.0.9 127.0.0.8"))


async def test_a_redirect_is_not_followed():
    async with far() as trap:
        to = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{trap.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with far(to) as there:
            with pytest.raises(AddressRefused, match="redirects"):
                await get(f"http://127.0.0.1:{there.port}/")
    assert trap.asked == []


async def test_proxies_cookies_and_connections_are_not_kept(monkeypatch: pytest.MonkeyPatch):
    async with far() as proxy, far(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n") as there:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with outside.client(HERE) as http:
            for _ in range(2):
                await outside.send(http, "GET", f"http://127.0.0.1:{there.port}/")
    assert proxy.asked == []
    assert there.connections == len(there.asked) == 2
    assert b"cookie" not in there.asked[1].lower()


async def test_an_answer_is_only_read_so_far():
    async def endless(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with far(endless) as there:
        with pytest.raises(TooMuch, match="more than 100000 bytes"):
            await get(f"http://127.0.0.1:{there.port}/", max_bytes=100_000)


async def test_an_answer_is_only_waited_for_so_long():
    async def slow(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with far(slow) as there:
        with pytest.raises(Unreachable, match="within"):
            await get(f"http://127.0.0.1:{there.port}/", within=0.3)

    async def never(_name: str) -> list[IP]:
        await asyncio.sleep(3600)
        return []

    with pytest.raises(Unreachable, match="within"):
        await get("http://slow.example/", resolver=never, within=0.1)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"])
async def test_what_is_not_http_is_unreachable(answer: bytes):
    async with far(answer, closing=True) as there:
        with pytest.raises(Unreachable) as error:
            await get(f"http://127.0.0.1:{there.port}/")
        assert error.value.retryable


async def test_a_name_that_does_not_exist_has_no_address():
    with pytest.raises(AddressRefused, match="no public address"):
        await get("http://does-not-exist.invalid/")


# --- TLS ----------------------------------------------------------------------------------------------------


def certify(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for this name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(pem).decode())


async def test_the_certificate_must_be_the_names(tmp_path: Path):
    server, trusting = certify(tmp_path, "hooks.example")
    async with far(tls=server) as there:
        async with outside.client(HERE, resolver=says("127.0.0.1"), verify=trusting) as http:
            answer = await outside.send(http, "GET", f"https://hooks.example:{there.port}/")
            assert answer.body == b"hi"
            assert there.names == ["hooks.example"]
            for other in ("other.example", "127.0.0.1"):
                with pytest.raises(Unreachable, match="certificate"):
                    await outside.send(http, "GET", f"https://{other}:{there.port}/")
        with pytest.raises(Unreachable, match="certificate"):  # nobody's but the usual authorities
            await get(f"https://hooks.example:{there.port}/", resolver=says("127.0.0.1"))
    assert len(there.asked) == 1
