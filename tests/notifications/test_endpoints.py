"""Which addresses an endpoint may have, by what they say of themselves."""

from __future__ import annotations

import pytest

from stakazo.core.addresses import AddressRefused, Allowed
from stakazo.notifications.endpoints import reachable


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "nas.local", "metadata.google.internal"])
def test_a_name_that_is_plainly_local_is_refused_at_once(host: str) -> None:
    with pytest.raises(AddressRefused, match="can't be reached from here"):
        reachable(f"https://{host}/x", Allowed())
    assert reachable(f"https://{host}/x", Allowed.of("127.0.0.0/8"))  # where it leads is looked at when it is sent
    assert reachable(f"https://{host}/x", Allowed.of(host))


@pytest.mark.parametrize("host", ["local.example", "localhost.example.com", "internal-tools.example", "mylocal.org"])
def test_a_public_name_may_have_such_words_in_it(host: str) -> None:
    assert reachable(f"https://{host}/x", Allowed()) == f"https://{host}/x"
