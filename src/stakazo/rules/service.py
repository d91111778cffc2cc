"""What can be done with rules: propose a version, activate it, retire it, ask which one holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core import rows
from stakazo.core.db import actor_of
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.core.paging import Page, page
from stakazo.ledger import service as ledger
from stakazo.rules import schema, states
from stakazo.rules.models import PlatformRule
from stakazo.rules.states import RuleState


async def seed(session: AsyncSession) -> None:
    """Give the workspace the first version of every platform's rule, active. Running it twice changes nothing."""
    await one_at_a_time(session)
    for platform in await _unseeded(session):
        document = schema.parse(schema.SEEDS[platform], platform)
        rule = await _add(session, platform, document, {"seed": "what Stakazo starts with"}, by="stakazo")
        await _activate(session, rule)


async def _unseeded(session: AsyncSession) -> list[str]:
    """The platforms of which the workspace has no version at all, because it or the platform is new."""
    there = set(await session.scalars(select(PlatformRule.platform).distinct()))
    return [platform for platform in schema.SEEDS if platform not in there]


async def active(session: AsyncSession, platform: str = schema.DEFAULT) -> PlatformRule:
    """The version that holds for a platform; the default rule where the platform has none."""
    rule = await _active(session, platform)
    if rule is None:
        await seed(session)
        rule = await _active(session, platform) or await _active(session, schema.DEFAULT)
    if rule is None:
        raise NotFound(f"No rule is active for {platform}, and no default rule: activate a version of one of them.")
    return rule


async def get(session: AsyncSession, rule_id: UUID) -> PlatformRule:
    return await rows.get(session, PlatformRule, rule_id, "rule")


async def find(
    session: AsyncSession,
    *,
    platform: str | None = None,
    state: RuleState | None = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[PlatformRule]:
    """Versions of rules; the first one of each platform is made if it has none yet."""
    if await _unseeded(session):
        await seed(session)
    found = select(PlatformRule)
    if platform is not None:
        found = found.where(PlatformRule.platform == platform)
    if state is not None:
        found = found.where(PlatformRule.state == state)
    keys = (PlatformRule.created_at, PlatformRule.id)
    order = [key.desc() for key in keys] if sort == "newest" else keys
    return await page(session, found, keys=order, cursor=cursor, limit=limit)


async def propose(
    session: AsyncSession, platform: str, rule: dict[str, Any], *, evidence: dict[str, Any] | None = None
) -> tuple[PlatformRule, bool]:
    """The new version and True, or the proposal that says the same on the same evidence and False.

    What it doesn't say stays as in the version that holds now. Raises Invalid with every fault.
    """
    if platform not in schema.SEEDS:
        raise Invalid(f"There are no rules for {platform!r}; there are rules for {', '.join(schema.SEEDS)}.")
    # The holding version first: it may have to be made, and numbering waits for that.
    base = await active(session, platform)
    await one_at_a_time(session)
    document = schema.parse(schema.merged(base.rule, rule), platform)
    same = select(PlatformRule).where(
        PlatformRule.platform == platform,
        PlatformRule.state == RuleState.PROPOSED,
        PlatformRule.rule == document.model_dump(mode="json"),
        PlatformRule.evidence == (evidence or {}),
    )
    before = (await session.scalars(same.limit(1))).first()
    if before is not None:
        return before, False
    return await _add(session, platform, document, evidence or {}, based_on=base.id), True


async def activate(session: AsyncSession, rule_id: UUID) -> PlatformRule:
    """Let a version hold from now on, also an earlier one; the one that held until now is retired."""
    await one_at_a_time(session)
    rule = await get(session, rule_id)
    await session.refresh(rule)
    _check(rule, RuleState.ACTIVE)
    schema.parse(rule.rule, rule.platform)  # an old version may name signals that are gone
    before = await _active(session, rule.platform)
    if before is not None:
        await _retire(session, before, replaced_by=rule.id)
    await _activate(session, rule)
    return rule


async def retire(session: AsyncSession, rule_id: UUID) -> PlatformRule:
    """Take a version out of use, or turn a proposal down; the default rule always needs an active version."""
    await one_at_a_time(session)
    rule = await get(session, rule_id)
    await session.refresh(rule)
    _check(rule, RuleState.RETIRED)
    if rule.platform == schema.DEFAULT and rule.state is RuleState.ACTIVE:
        raise Conflict("The default rule must always have an active version: activate another one instead.")
    await _retire(session, rule)
    return rule


async def _active(session: AsyncSession, platform: str) -> PlatformRule | None:
    found = select(PlatformRule).where(PlatformRule.platform == platform, PlatformRule.state == RuleState.ACTIVE)
    return (await session.scalars(found)).one_or_none()


async def one_at_a_time(session: AsyncSession) -> None:
    """Changes to one workspace's rules wait for each other: versions are counted, and only one may hold."""
    key = f"rules:{actor_of(session).workspace_id}"
    await session.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


async def _add(
    session: AsyncSession,
    platform: str,
    document: schema.RuleDocument,
    evidence: dict[str, Any],
    *,
    by: str | None = None,
    based_on: UUID | None = None,
) -> PlatformRule:
    last = select(func.max(PlatformRule.version)).where(PlatformRule.platform == platform)
    actor = actor_of(session)
    rule = PlatformRule(
        platform=platform,
        version=(await session.scalar(last) or 0) + 1,
        state=RuleState.PROPOSED,
        rule=document.model_dump(mode="json"),
        evidence=evidence,
        proposed_by=by or f"{actor.kind}:{actor.id}",
    )
    session.add(rule)
    await session.flush()
    await ledger.record(
        session,
        "rule_proposed",
        subject=("rule", rule.id),
        platform=platform,
        version=rule.version,
        rule=rule.rule,
        based_on=str(based_on) if based_on else None,
    )
    return rule


async def _activate(session: AsyncSession, rule: PlatformRule) -> None:
    rule.state, rule.activated_at, rule.retired_at = RuleState.ACTIVE, datetime.now(UTC), None
    await session.flush()
    await ledger.record(
        session, "rule_activated", subject=("rule", rule.id), platform=rule.platform, version=rule.version
    )


async def _retire(session: AsyncSession, rule: PlatformRule, replaced_by: UUID | None = None) -> None:
    rule.state, rule.retired_at = RuleState.RETIRED, datetime.now(UTC)
    # Written before another becomes active: at most one is, at any moment.
    await session.flush()
    await ledger.record(
        session,
        "rule_retired",
        subject=("rule", rule.id),
        platform=rule.platform,
        version=rule.version,
        replaced_by=str(replaced_by) if replaced_by else None,
    )


def _check(rule: PlatformRule, after: RuleState) -> None:
    if not states.may(rule.state, after):
        raise Conflict(f"Version {rule.version} of {rule.platform}: {states.refusal(rule.state, after)}")
