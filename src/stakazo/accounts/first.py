"""The first start: a workspace, a key for the programs here, and a link for whoever shall own it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts import invitations, letters
from stakazo.accounts.keys import new_key
from stakazo.accounts.models import Membership
from stakazo.accounts.roles import Role
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.private import write_private
from stakazo.core.settings import Settings
from stakazo.core.workspaces import Workspace
from stakazo.ledger import service as ledger

_FIRST_START = 0x57414B42
"""Of `pg_advisory_xact_lock`: whoever makes the first workspace."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """The default workspace, and what became of its first key."""

    workspace_id: UUID
    key_created: bool
    """Made just now, and written to the key file."""
    note: str | None = None
    """What the operator should know: that the key file was lost."""


async def ensure_first(db: Database, settings: Settings) -> FirstStart:
    """The default workspace, and an API key for it in `settings.key_file`; both are made at the very first start.

    Processes that start at once make one. Where the file is lost a new key is made, since only a hash of the lost one
    is kept: whoever can start Stakazo here can read its whole database anyway.
    """
    async with db.system_transaction() as session:
        await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_START})
        workspace_id = await _default(session)
        if workspace_id is not None and settings.key_file.exists():
            return FirstStart(workspace_id, key_created=False)
        note = None
        if workspace_id is None:
            workspace_id = new_id()
            session.add(Workspace(id=workspace_id, name="Default"))
            await session.flush()
            await _record(session, "workspace_created", "workspace", workspace_id, workspace_id)
        else:
            note = (
                f"There was no key in {settings.key_file}, so a new one was made and written there. Keys made before "
                "still work; revoke those that are lost."
            )
        made = new_key(workspace_id, f"first key of {settings.data_dir.absolute()}"[:200])
        session.add(made.key)
        await session.flush()
        await _record(session, "key_created", "api_key", made.key.id, workspace_id)
        # Before the commit: a file without its row is replaced at the next start, a row without its file is lost.
        write_private(settings.key_file, made.token + "\n")
    return FirstStart(workspace_id, key_created=True, note=note)


async def owner_link(db: Database, settings: Settings, *, although_owned: bool = False) -> str | None:
    """The address where whoever opens it becomes the owner of the default workspace; null where it has one.

    Each call makes the links before it worthless.

    Args:
        although_owned: Add an owner even so: for who has lost the way in and can still start Stakazo here.
    """
    async with db.system_transaction() as session:
        workspace_id = await _default(session)
        if workspace_id is None:
            return None
        owned = Membership.workspace_id == workspace_id, Membership.role == Role.OWNER
        if not although_owned and await session.scalar(select(Membership.id).where(*owned).limit(1)) is not None:
            return None
        invitation, token = await invitations.offer_ownership(session, workspace_id)
        await _record(session, "invitation_created", "invitation", invitation.id, workspace_id)
    return letters.link(settings.base_url, "invitation", token)


async def _default(session: AsyncSession) -> UUID | None:
    oldest = select(Workspace.id).where(Workspace.deleted_at.is_(None)).order_by(Workspace.created_at, Workspace.id)
    return await session.scalar(oldest.limit(1))


async def _record(session: AsyncSession, event: str, kind: str, subject_id: UUID, workspace_id: UUID) -> None:
    await ledger.record(session, event, subject=(kind, subject_id), actor=Actor(workspace_id, "system", "start"))
