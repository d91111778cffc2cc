"""The table of addresses that users try, and what must become of each."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.core.addresses import MAX_URL, AddressRefused, Allowed, Target, check, parse, why_closed

NOTHING = Allowed()

PUBLIC = {
    # as written: as it is connected to
    "https://93.184.216.34/": "https://93.184.216.34/",
    "http://8.8.8.8": "http://8.8.8.8/",
    "https://8.8.8.8:443/a?b=c": "https://8.8.8.8/a?b=c",
    "http://8.8.8.8:443/": "http://8.8.8.8:443/",
    "HTTPS://8.8.4.4/A#part": "https://8.8.4.4/A",
    "http://8.8.8.8./": "http://8.8.8.8/",
    "https://[2606:4700:4700::1111]/": "https://[2606:4700:4700::1111]/",
    "https://[2606:4700:4700:0:0:0:0:1111]:80/": "https://[2606:4700:4700::1111]:80/",
    "https://[64:ff9b::808:808]/": "https://[64:ff9b::808:808]/",
    "https://[::ffff:8.8.8.8]/": "https://[::ffff:808:808]/",
    "http://8.8.8.8#@127.0.0.1:11211/": "http://8.8.8.8/",
    "http://8.8.8.8?@127.0.0.1/": "http://8.8.8.8/?@127.0.0.1/",
    "https://172.32.0.1/": "https://172.32.0.1/",
    "https://172.15.255.255/": "https://172.15.255.255/",
    "https://100.128.0.1/": "https://100.128.0.1/",
    "https://1.1.1.1/?url=http://127.0.0.1/": "https://1.1.1.1/?url=http://127.0.0.1/",
}

CLOSED = (
    # this machine, in every way of writing it
    "http://127.0.0.1/",
    "http://127.0.0.1:80/",
    "http://127.0.0.1:5432/",
    "http://127.255.255.254/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://0x/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.01/",
    "http://0127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.0.0.1../",
    "http://127。0。0。1/",
    "http://127．0．0．1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://１２７.０.０.１/",
    "http://%31%32%37.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://00000000000/",
    "http://4294967295/",
    "http://4294967296/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://1.2.3/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "http://[::]/",
    "http://[::127.0.0.1]/",
    "http://[::7f00:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::1%25lo]/",
    "http://[::1%lo]/",
    "http://[fe80::1%eth0]/",
    "http://[::1]x/",
    "http://[::1/",
    "http://::1/",
    "http://[127.0.0.1]/",
    "http://[v1.fe80::a]/",
    "http://[]/",
    # private networks, carriers, clouds
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://192.168.1.1:443/",
    "http://0xc0a80101/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/latest/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://169.254.43518/",
    "http://[fd00:ec2::254]/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://100.127.255.255/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://198.51.100.7/",
    "http://203.0.113.9/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    # IPv4 inside IPv6
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::808:808]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[2002:808:808::]/",
    "http://[2001:0:4136:e378:8000:63bf:f5ff:fffe]/",
    "http://[2001:0:7f00:1::]/",
    "http://[2001:10::1]/",
    # not what it looks like
    "http://user@8.8.8.8/",
    "http://user:secret@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/",
    "http://127.0.0.1@8.8.8.8/",
    "http://@8.8.8.8/",
    "http://8.8.8.8%23@127.0.0.1:11211/",
    "http://8.8.8.8\\@127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http://8.8.8.8 @127.0.0.1/",
    "http://8.8.8.8\t/",
    "http://8.8.8.8\r\nHost: 127.0.0.1/",
    "http://8.8.8.8/\r\nX: y",
    " http://8.8.8.8/",
    "http://8.8.8.8/\x00",
    "http://8.8.8.8/\u202e",
    "http:8.8.8.8/",
    "http:///8.8.8.8/",
    "http:/8.8.8.8/",
    "//8.8.8.8/",
    "8.8.8.8",
    "http://",
    "",
    "http://:80/",
    "http://8.8.8.8:/x:y",
    "http://8.8.8.8:0x50/",
    "http://8.8.8.8:٨٠/",
    "http://8.8.8.8:80:80/",
    # other ports, other schemes
    "http://8.8.8.8:22/",
    "http://8.8.8.8:8080/",
    "http://8.8.8.8:0/",
    "http://8.8.8.8:65616/",
    "https://[2606:4700::1111]:6443/",
    "ftp://8.8.8.8/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/",
    # names that no name server knows
    "http://-a.example.com/",
    "http://a..example.com/",
    "http://.example.com/",
    "http://exa%6dple.com/",
    "http://exa mple.com/",
    "http://exa*mple.com/",
    "http://exa,mple.com/",
    "http://example.com%00.evil.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://example.com/" + "a" * MAX_URL,
    "http://a\u200db.example/",
    "http://xn--/",
)


def reached(url: str, allowed: Allowed = NOTHING, *answer: str) -> str:
    """The URL as it would be reached, when its name has these addresses."""
    target = parse(url)
    check(target, [target.address] if target.address else [ip_address(one) for one in answer], allowed)
    return target.url


def test_the_table_is_as_long_as_it_is_meant_to_be():
    assert len(set(CLOSED)) == len(CLOSED)
    assert len(CLOSED) + len(PUBLIC) >= 150


@pytest.mark.parametrize(("url", "meant"), PUBLIC.items())
def test_public_addresses_are_reached(url: str, meant: str):
    assert reached(url) == meant
    assert reached(meant) == meant  # one way of writing, and it stays


@pytest.mark.parametrize("url", CLOSED, ids=lambda url: ascii(url)[:60])
def test_all_others_are_refused(url: str):
    with pytest.raises(AddressRefused) as refused:
        reached(url, NOTHING, "8.8.8.8")
    assert refused.value.status == 422
    assert "secret" not in str(refused.value)


NAMES = {
    "https://example.com/": "https://example.com/",
    "https://Example.COM./a": "https://example.com/a",
    "https://münchen.example/": "https://xn--mnchen-3ya.example/",
    "https://MÜNCHEN.example/": "https://xn--mnchen-3ya.example/",
    "https://faß.example/": "https://xn--fa-hia.example/",
    "https://日本語。example/": "https://xn--wgv71a119e.example/",
    "https://my_bucket.s3.example/a%20b?x=%2F": "https://my_bucket.s3.example/a%20b?x=%2F",
    "https://1e100.net/": "https://1e100.net/",
    "https://0x7f.example/": "https://0x7f.example/",
    "https://127.0.0.1.nip.example/": "https://127.0.0.1.nip.example/",
    "https://ｅｘａｍｐｌｅ.com/": "https://example.com/",
}


@pytest.mark.parametrize(("url", "meant"), NAMES.items())
def test_a_name_is_reached_where_all_its_addresses_are_public(url: str, meant: str):
    assert reached(url, NOTHING, "8.8.8.8", "2606:4700::1111") == meant
    for closed in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1", "2002:7f00:1::"):
        with pytest.raises(AddressRefused, match="no public address"):
            reached(url, NOTHING, "8.8.8.8", closed)
    with pytest.raises(AddressRefused, match="no public address"):
        reached(url, NOTHING)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "db.internal", "metadata.google.internal", "wpad"])
def test_what_a_name_says_does_not_count_but_where_it_leads(name: str):
    with pytest.raises(AddressRefused, match="no public address"):
        reached(f"http://{name}/", NOTHING, "127.0.0.1")


def test_an_operator_can_allow_networks_and_names():
    allowed = Allowed.of("10.1.0.0/16, hooks.intern , fd00:1::/64,127.0.0.1")
    assert reached("http://10.1.2.3:9000/x", allowed) == "http://10.1.2.3:9000/x"
    assert reached("http://[fd00:1::5]/", allowed)
    assert reached("http://files.example:8080/", allowed, "10.1.2.3")
    assert reached("http://HOOKS.intern.:8080/", allowed, "192.168.9.9")
    for url, *answer in (
        ("http://10.2.0.1/",),
        ("http://127.0.0.2/",),
        ("http://hooks.intern.example/", "192.168.9.9"),
        ("http://files.example/", "10.1.2.3", "10.2.0.1"),
        ("http://[::ffff:10.1.2.3]/",),
        ("http://8.8.8.8:8080/",),
    ):
        with pytest.raises(AddressRefused):
            reached(url, allowed, *answer)
    assert Allowed.of("") == Allowed.of(" , ") == NOTHING
    for wrong in ("10.1.2.3/16", "300.1.1.1", "a/b"):
        with pytest.raises((ValueError, AddressRefused)):
            Allowed.of(wrong)


SPECIAL = [
    *map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "224.0.0.0/3", "172.16.0.0/12")),
]


@given(st.ip_addresses(v=4).filter(lambda ip: any(ip in network for network in SPECIAL)))
def test_no_disguise_makes_a_closed_address_public(four: object):
    number = int(four)  # type: ignore[call-overload]
    for prefix, shift in (
        ("::", 0),
        ("::ffff:0:0", 0),
        ("64:ff9b::", 0),
        ("2002::", 80),
        ("2001::", 64),
        ("::ffff:0:0:0", 0),
    ):
        assert why_closed(IPv6Address(int(IPv6Address(prefix)) | number << shift)), prefix


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_private(ip: object):
    if not ip.is_global:  # type: ignore[attr-defined]
        assert why_closed(ip)  # type: ignore[arg-type]


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://[", "http://8.8.8.8", "//"]))
def test_whatever_is_given_is_a_target_or_a_refusal(text: str, before: str):
    try:
        target = parse(before + text)
    except AddressRefused:
        return
    assert isinstance(target, Target)
    assert parse(target.url) == target


def test_a_refusal_says_what_is_wrong():
    for url, words in {
        "http://user:secret@8.8.8.8/": "user name or password",
        "http://8.8.8.8:22/": "ports 80 and 443",
        "ftp://8.8.8.8/": "http:// and https://",
        "http://0x7f.1/": "four decimal numbers",
        "http://10.0.0.1/": "a private address",
        "http://[::1%lo]/": "zone",
    }.items():
        with pytest.raises(AddressRefused, match=words):
            reached(url)
