"""Checkpoints in somebody's inbox: one letter a day, with the newest of each ledger."""

from __future__ import annotations

import asyncio
import os
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from stakazo.accounts import digest
from stakazo.accounts.digest import DAY, Digest
from stakazo.accounts.mail import Post
from stakazo.core.actor import new_id
from stakazo.core.settings import Settings

ONE, TWO = new_id(), new_id()


def letters(settings: Settings) -> list[str]:
    found = []
    for file in sorted(settings.outbox_dir.glob("*")):
        message = message_from_bytes(file.read_bytes(), policy=default)
        assert message["To"] == "auditor@example.org"
        found.append(message.get_content())
    return found


async def test_a_letter_a_day(tmp_path: Path):
    settings = Settings(_env_file=None, data_dir=tmp_path, ledger_email="auditor@example.org")
    post = Post(settings)
    [outlet] = digest.of(settings, post)
    assert isinstance(outlet, Digest)
    await outlet.hand_out(ONE, 1, "one/1\n1\n")
    await outlet.hand_out(ONE, 2, "one/2\n2\n")
    await outlet.hand_out(TWO, 7, "two/7\n7\n")
    assert outlet._waiting is not None
    await outlet._waiting
    await outlet.hand_out(ONE, 3, "one/3\n3\n")  # of the same day: it waits
    await asyncio.sleep(0)
    await post.close()
    [first] = letters(settings)
    assert "one/2" in first
    assert "two/7" in first
    assert "one/1" not in first
    assert "stakazo ledger verify" in first
    assert not outlet._waiting.done()

    outlet._waiting.cancel()
    yesterday = outlet.stamp.stat().st_mtime - DAY
    os.utime(outlet.stamp, (yesterday, yesterday))
    await outlet.hand_out(ONE, 4, "one/4\n4\n")
    await asyncio.sleep(0)
    again = Digest(post, outlet.to, outlet.stamp)  # another process, the next day
    await again.hand_out(ONE, 5, "one/5\n5\n")
    assert again._waiting is not None
    await again._waiting
    await post.close()
    assert any("one/5" in letter for letter in letters(settings)[1:])


def test_without_an_address_nobody_is_written_to(tmp_path: Path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert digest.of(settings, Post(settings)) == []
