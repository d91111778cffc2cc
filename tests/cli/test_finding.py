"""Which row a person means."""

from __future__ import annotations

import pytest

from stakazo.cli.finding import the_one
from stakazo.cli.output import Failure

ROWS = [{"id": "0199-aaa", "url": "https://a.example"}, {"id": "0199-bbb", "url": "https://b.example"}]


@pytest.mark.parametrize("given", ["0199-bbb", "bbb", "0199-b", "https://b.example"])
def test_an_id_a_part_of_it_or_a_name_is_enough(given: str) -> None:
    assert the_one(ROWS, given, "link", "url") is ROWS[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0199", "'0199' fits 2 of them; write more of the id."),
        ("ccc", "There is no link 'ccc'. `stakazo links list` shows what there is."),
        ("", "There is no link ''."),
        ("https", "There is no link 'https'."),
    ],
)
def test_nothing_is_guessed(given: str, said: str) -> None:
    with pytest.raises(Failure) as refused:
        the_one(ROWS, given, "link", "url")
    assert str(refused.value).startswith(said)
