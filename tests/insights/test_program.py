"""`stakazo metrics` and `stakazo inbox` against a server, a worker and the sandbox."""

from __future__ import annotations

import json

import pytest
from tests.insights.test_inbox import answers, commented
from tests.insights.test_measuring import look
from tests.publishing.press import Desk
from tests.terminal import ask

from stakazo.cli.returns import _money, _said


def test_what_is_not_known_is_a_dash_and_money_has_its_own_unit() -> None:
    assert [_said(None), _said(0), _said(12345), _said(0.256, ".0%")] == ["-", "0", "12,345", "26%"]
    assert [_money(123456, "EUR"), _money(1234, "JPY"), _money(None, "EUR")] == ["1,234.56 EUR", "1,234 JPY", "-"]


@pytest.mark.usefixtures("quiet")
def test_what_came_back_and_what_was_said(desk: Desk) -> None:
    item = commented(desk, "Where is this from?")
    publication = desk.show(item["publication_id"])
    assert "ten minutes" in ask(desk.site, "metrics", "post", publication["id"])
    desk.world.move_on(86400.0)
    (sample,) = look(desk, publication)
    assert f"{sample['views']:,}" in ask(desk.site, "metrics", "post", publication["id"])
    assert json.loads(ask(desk.site, "metrics", "post", publication["id"], "--json")) == [sample]
    clip = desk.http.get(f"/variants/{publication['variant_id']}").json()["clip_id"]
    assert f"{sample['views']:,}" in ask(desk.site, "metrics", "clip", clip, "--zone", "Europe/Berlin")
    assert "Where is this from?" in ask(desk.site, "inbox", "list")
    assert "on its way" in ask(desk.site, "inbox", "reply", item["id"][-8:], "Our new album")
    desk.eventually(lambda: answers(desk, item) == ["Our new album"])
    desk.eventually(lambda: "Nothing" in ask(desk.site, "inbox", "list"))
    assert "bob" in ask(desk.site, "inbox", "list", "--state", "DONE")
    assert "Done" in ask(desk.site, "inbox", "done", item["id"])
