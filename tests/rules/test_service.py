from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select

from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.ledger.models import LedgerEvent
from stakazo.rules import service as rules
from stakazo.rules.models import PlatformRule
from stakazo.rules.schema import SEEDS, clip_rules
from stakazo.rules.states import RuleState


async def events(database: Database, actor: Actor, rule_id: UUID) -> list[str]:
    async with database.transaction(actor) as session:
        found = select(LedgerEvent.event).where(LedgerEvent.subject_id == rule_id).order_by(LedgerEvent.id)
        return list(await session.scalars(found))


async def test_a_workspace_starts_with_a_rule_for_every_platform(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        await rules.seed(session)
        await rules.seed(session)
    async with database.transaction(actor) as session:
        found = (await rules.find(session, state=RuleState.ACTIVE)).items
    assert {(rule.platform, rule.version) for rule in found} == {(platform, 1) for platform in SEEDS}
    assert await events(database, actor, found[0].id) == ["rule_proposed", "rule_activated"]


async def test_asking_for_a_rule_makes_the_first_ones_once(database: Database, actor: Actor):
    async def ask() -> UUID:
        async with database.transaction(actor) as session:
            return (await rules.active(session, "tiktok")).id

    assert len(set(await asyncio.gather(*(ask() for _ in range(4))))) == 1


async def test_a_platform_without_a_rule_follows_the_default(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        assert (await rules.active(session, "vimeo")).platform == "default"


async def test_the_same_proposal_is_made_once(database: Database, actor: Actor):
    async def propose(crf: int, why: str) -> tuple[int, bool]:
        async with database.transaction(actor) as session:
            rule, created = await rules.propose(session, "web", {"render": {"crf": crf}}, evidence={"why": why})
            return rule.version, created

    assert sorted(await asyncio.gather(*(propose(20, "sharp") for _ in range(3)))) == [
        (2, False),
        (2, False),
        (2, True),
    ]
    assert await propose(21, "sharp") == (3, True)
    assert await propose(20, "another look") == (4, True)
    async with database.transaction(actor) as session:
        (first,) = (await rules.find(session, platform="web", state=RuleState.ACTIVE)).items
        proposed = (await rules.find(session, platform="web", state=RuleState.PROPOSED)).items
        await rules.retire(session, proposed[-1].id)
    assert first.version == 1
    assert await propose(20, "sharp") == (5, True)  # turned down is not proposed


async def test_a_platform_that_is_new_gets_its_rule_in_workspaces_that_are_not(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        for platform in set(SEEDS) - {"web"}:  # as it was before there was `web`
            session.add(PlatformRule(platform=platform, version=1, rule={}, proposed_by="x", state=RuleState.ACTIVE))
    async with database.transaction(actor) as session:
        found = (await rules.find(session, state=RuleState.ACTIVE)).items
    assert {(rule.platform, rule.version) for rule in found} == {(platform, 1) for platform in SEEDS}


async def test_a_proposal_drives_nothing_until_it_is_activated(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        first = await rules.active(session, "tiktok")
        change = {"clips": {"target_duration": 12, "weights": {"hook": 5}}}
        proposed, _ = await rules.propose(session, "tiktok", change, evidence={"why": "a test"})
    assert (proposed.version, proposed.state, proposed.proposed_by) == (2, RuleState.PROPOSED, "user:ann")
    assert proposed.evidence == {"why": "a test"}
    async with database.transaction(actor) as session:
        assert (await rules.active(session, "tiktok")).id == first.id
        await rules.activate(session, proposed.id)
    async with database.transaction(actor) as session:
        now = await rules.active(session, "tiktok")
        before = await rules.get(session, first.id)
        assert now.id == proposed.id
        assert before.state is RuleState.RETIRED
        assert before.retired_at is not None
        assert clip_rules(now.rule).target_duration == 12
    # What the proposal doesn't say stays as it was: TikTok's own weight of the opening.
    assert clip_rules(now.rule).weights == {"opening": 2.5, "hook": 5.0}
    assert await events(database, actor, proposed.id) == ["rule_proposed", "rule_activated"]
    assert await events(database, actor, first.id) == ["rule_proposed", "rule_activated", "rule_retired"]


async def test_an_earlier_version_can_be_brought_back(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        first = await rules.active(session)
        second, _ = await rules.propose(session, "default", {"render": {"crf": 23}})
        await rules.activate(session, second.id)
        await rules.activate(session, first.id)
        assert (await rules.active(session)).id == first.id
        assert first.retired_at is None
        assert second.state is RuleState.RETIRED


async def test_refusals(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        default = await rules.active(session)
        with pytest.raises(Invalid, match="vibe: no such signal"):
            await rules.propose(session, "tiktok", {"clips": {"weights": {"vibe": 1}}})
        with pytest.raises(Invalid, match=r"no rules for 'vimeo'; there are rules for default, instagram"):
            await rules.propose(session, "vimeo", {})
        with pytest.raises(Conflict, match="active already"):
            await rules.activate(session, default.id)
        with pytest.raises(Conflict, match="must always have an active version"):
            await rules.retire(session, default.id)
        with pytest.raises(NotFound):
            await rules.activate(session, new_id())
        retired = await rules.retire(session, (await rules.active(session, "tiktok")).id)
        assert retired.state is RuleState.RETIRED
        assert (await rules.active(session, "tiktok")).platform == "default"


async def test_two_activations_at_once_leave_one_active(database: Database, actor: Actor):
    async with database.transaction(actor) as session:
        await rules.seed(session)
        proposed = [(await rules.propose(session, "youtube", {"render": {"crf": crf}}))[0].id for crf in (20, 21, 22)]

    async def activate(rule_id: UUID) -> None:
        async with database.transaction(actor) as session:
            await rules.activate(session, rule_id)

    await asyncio.gather(*map(activate, proposed))
    async with database.transaction(actor) as session:
        found = select(PlatformRule).where(PlatformRule.platform == "youtube", PlatformRule.state == RuleState.ACTIVE)
        assert len(list(await session.scalars(found))) == 1


async def test_proposals_at_once_get_their_own_versions(database: Database, actor: Actor):
    async def propose(crf: int) -> int:
        async with database.transaction(actor) as session:
            return (await rules.propose(session, "youtube", {"render": {"crf": crf}}))[0].version

    assert sorted(await asyncio.gather(*(propose(crf) for crf in (20, 21, 22)))) == [2, 3, 4]


async def test_another_workspace_has_rules_of_its_own(database: Database, actor: Actor, other_actor: Actor):
    async with database.transaction(actor) as session:
        ours, _ = await rules.propose(session, "tiktok", {"render": {"crf": 30}})
    async with database.transaction(other_actor) as session:
        with pytest.raises(NotFound):
            await rules.activate(session, ours.id)
        assert {rule.version for rule in (await rules.find(session, platform="tiktok")).items} == {1}
