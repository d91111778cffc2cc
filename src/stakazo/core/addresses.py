"""Which addresses outside may be reached when a user names them. Pure: nobody is asked.

    target = parse("https://hooks.example.com/in")     what is really meant; raises AddressRefused
    check(target, addresses, allowed)                  whether what the name stands for may be reached

A user's URL must never lead to this machine, its network, or a cloud's metadata. What counts is the address that is
connected to, so `check` is asked about what the name resolved to, and `core.outside` connects to just that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from urllib.parse import urlsplit

import idna

from stakazo.core.errors import Invalid

IP = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 2048
PORTS = {"http": 80, "https": 443}


class AddressRefused(Invalid):
    """A URL that can't or mustn't be reached from here."""

    code = "address_refused"


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL stands for, in one way of writing."""

    scheme: str
    host: str
    """A name in ASCII, without a dot at its end, or an address without brackets."""
    port: int
    path: str
    """With its query, as it is sent."""
    address: IP | None
    """The host, where the URL names an address and no name."""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an operator lets users reach although it isn't public: names, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, setting: str) -> Allowed:
        """From `10.1.0.0/16, hooks.intern`. Raises ValueError for what is neither a network nor a name."""
        names, networks = set(), []
        for word in filter(None, (word.strip() for word in setting.split(","))):
            try:
                networks.append(ip_network(word))
            except ValueError:
                if "/" in word or _looks_like_a_number(word):
                    raise
                names.add(_name(word))
        return cls(frozenset(names), tuple(networks))

    def covers(self, target: Target, address: IP) -> bool:
        return target.host in self.names or any(address in network for network in self.networks)


def parse(url: str) -> Target:
    """What a URL stands for. Raises AddressRefused for all that could be read in two ways, or isn't for users."""
    if len(url) > MAX_URL:
        raise AddressRefused(f"A URL may have {MAX_URL} characters at most.")
    if any(sign in " \\" or not sign.isprintable() for sign in url):
        raise AddressRefused("A URL has no spaces, backslashes or control characters.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise AddressRefused(f"This is not a URL: {error}.") from error
    if parts.scheme not in PORTS:
        raise AddressRefused("Only http:// and https:// addresses can be reached.")
    if "@" in parts.netloc:
        raise AddressRefused("A URL with a user name or password in it can't be used.")
    place = _PLACE.fullmatch(parts.netloc)
    if place is None:
        raise AddressRefused("This URL names no host that can be reached.")
    host, address = _six(place["six"]) if place["six"] is not None else _name_or_four(place["name"])
    port = int(place["port"] or PORTS[parts.scheme])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not path.startswith("/"):
        raise AddressRefused("The path of a URL is written in ASCII, with %XX for other characters.")
    return Target(parts.scheme, host, port, path, address)


def plainly_local(host: str) -> bool:
    """Whether a name says by itself that it leads to this machine or a network of its own, whatever it resolves to."""
    return host.rpartition(".")[2] in _LOCAL


_LOCAL = frozenset({"localhost", "local", "internal"})
"""Top-level domains that are nobody's in public (RFC 6761, RFC 6762, ICANN)."""


def check(target: Target, addresses: Sequence[IP], allowed: Allowed) -> None:
    """Raise AddressRefused unless every address that the target's name resolved to may be reached, on its port."""
    for address in addresses:
        if allowed.covers(target, address):
            continue
        if why := why_closed(address):
            # Of a name it isn't said which: our own network's names are nobody's business.
            what = f"is {why}" if target.address else "has no public address"
            raise AddressRefused(f"{target.host} can't be reached from here: it {what}.")
        if target.port not in PORTS.values():
            raise AddressRefused(f"Only the ports 80 and 443 can be reached, not {target.port}.")
    if not addresses:
        raise AddressRefused(f"{target.host} can't be reached from here: it has no public address.")


def why_closed(address: IP) -> str | None:
    """What keeps users from an address, as the end of a sentence; None for a public one."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _CLOSED_4 if address in network), None)
    if address.scope_id is not None:
        return "an address with a zone"
    for network, inner in _WRAPS:
        if address in network:
            return why_closed(inner(address))
    if why := next((why for network, why in _CLOSED_6 if address in network), None):
        return why
    return None if address in _UNICAST_6 else "not a public address"


def _inner_last(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


# The IPv4 address behind these is what is reached: the kernel's mapping, and the NAT64 that DNS64 answers lead to.
_WRAPS = ((IPv6Network("::ffff:0:0/96"), _inner_last), (IPv6Network("64:ff9b::/96"), _inner_last))

_UNICAST_6 = IPv6Network("2000::/3")


def _networks(kind: type[IPv4Network | IPv6Network], lines: str) -> tuple[tuple[Network, str], ...]:
    """`network  why`, one a line."""
    pairs = (line.split(None, 1) for line in lines.strip().splitlines())
    return tuple((kind(network), why) for network, why in pairs)


# IANA's special-purpose registries, and what clouds keep for themselves. Python's `is_global` is not enough: it lets
# NAT64, 6to4, multicast and 192.0.0.192 through.
_CLOSED_4 = _networks(
    IPv4Network,
    """
    0.0.0.0/8           this machine
    10.0.0.0/8          a private address
    100.64.0.0/10       behind a carrier's NAT
    127.0.0.0/8         this machine
    168.63.129.16/32    a cloud's own service
    169.254.0.0/16      a link-local address
    172.16.0.0/12       a private address
    192.0.0.0/24        a reserved address
    192.0.2.0/24        for documentation only
    192.88.99.0/24      a 6to4 relay
    192.168.0.0/16      a private address
    198.18.0.0/15       for benchmarks only
    198.51.100.0/24     for documentation only
    203.0.113.0/24      for documentation only
    224.0.0.0/4         a multicast address
    240.0.0.0/4         a reserved address
    """,
)
_CLOSED_6 = _networks(
    IPv6Network,
    """
    ::1/128             this machine
    ::/96               an IPv4 address in disguise
    ::ffff:0:0:0/96     an IPv4 address in disguise
    64:ff9b:1::/48      an IPv4 address in disguise
    2001::/32           an IPv4 address in disguise (Teredo)
    2001::/23           a reserved address
    2001:db8::/32       for documentation only
    2002::/16           an IPv4 address in disguise (6to4)
    3fff::/20           for documentation only
    5f00::/16           a reserved address
    fc00::/7            a private address
    fe80::/10           a link-local address
    fec0::/10           a private address
    ff00::/8            a multicast address
    """,
)

_PLACE = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def _six(given: str) -> tuple[str, IP]:
    try:
        address = IPv6Address(given)
    except ValueError as error:
        raise AddressRefused(f"This is not an IPv6 address: {error}.") from error
    if address.scope_id is not None:
        raise AddressRefused("An address with a zone can't be reached.")
    return str(address), address


def _name_or_four(given: str) -> tuple[str, IP | None]:
    host = _name(given)
    if not _looks_like_a_number(host):
        return host, None
    try:
        address = IPv4Address(host)
    except ValueError as error:
        raise AddressRefused("An IPv4 address is written as four decimal numbers.") from error
    return str(address), address


def _name(given: str) -> str:
    """A host's name as DNS knows it. Raises AddressRefused."""
    try:
        name = given.lower() if given.isascii() else idna.encode(given, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise AddressRefused(f"{given!r} can't be the name of a host.") from error
    name = name.removesuffix(".")
    if not 0 < len(name) <= 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise AddressRefused(f"{given!r} can't be the name of a host.")
    return name


def _looks_like_a_number(host: str) -> bool:
    """Whether some resolver would take it for an IPv4 address: 127.1, 0x7f.1, 2130706433."""
    last = host.rsplit(".", 1)[-1]
    return last.isdigit() or re.fullmatch("0x[0-9a-f]*", last) is not None
