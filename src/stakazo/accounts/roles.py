"""What each role may do: one table, and nothing else decides it. Pure."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A member's place in a workspace; each role may do what the ones below it may."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"
    EDITOR = "EDITOR"
    ANALYST = "ANALYST"
    VIEWER = "VIEWER"


class Permission(StrEnum):
    """Something that can be allowed, as `noun:verb`; every endpoint names one."""

    WORKSPACE_READ = "workspace:read"
    VIDEOS_READ = "videos:read"
    CLIPS_READ = "clips:read"
    VARIANTS_READ = "variants:read"
    JOBS_READ = "jobs:read"
    RULES_READ = "rules:read"
    CHANNELS_READ = "channels:read"
    PUBLICATIONS_READ = "publications:read"
    LINKS_READ = "links:read"
    INBOX_READ = "inbox:read"
    NOTIFICATIONS_READ = "notifications:read"
    """Hear of what went wrong, as far as one may see the thing itself; and say how."""
    LIVE_READ = "live:read"

    CAMPAIGNS_READ = "campaigns:read"
    INSIGHTS_READ = "insights:read"
    LEDGER_READ = "ledger:read"
    MEMBERS_READ = "members:read"

    VIDEOS_WRITE = "videos:write"
    """Upload, import and delete."""
    CLIPS_WRITE = "clips:write"
    VARIANTS_WRITE = "variants:write"
    JOBS_WRITE = "jobs:write"
    """Start, cancel and retry."""
    RULES_PROPOSE = "rules:propose"
    PUBLICATIONS_WRITE = "publications:write"
    LINKS_WRITE = "links:write"
    INBOX_WRITE = "inbox:write"
    """Answer publicly, and mark as done."""

    WORKSPACE_WRITE = "workspace:write"
    MEMBERS_WRITE = "members:write"
    """Change roles, remove, invite."""
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    RULES_ACTIVATE = "rules:activate"
    CHANNELS_WRITE = "channels:write"
    """Connect and disconnect accounts of platforms."""
    CHANNELS_LIVE = "channels:live"
    """Let a channel publish for real."""
    PUBLICATIONS_APPROVE = "publications:approve"
    RIGHTS_WRITE = "rights:write"
    """Say what may be published of a recording, and who must agree."""
    CAMPAIGNS_WRITE = "campaigns:write"
    CAMPAIGNS_SPEND = "campaigns:spend"
    """Let money flow: approve, activate, raise a budget."""
    CAMPAIGNS_LIMIT = "campaigns:limit"
    """Say what may be spent at most."""
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    LEDGER_EXPORT = "ledger:export"
    DEBUG_READ = "debug:read"

    LEDGER_ERASE = "ledger:erase"
    """Forget a person."""
    WORKSPACE_TRANSFER = "workspace:transfer"
    WORKSPACE_DELETE = "workspace:delete"


_VIEWER = frozenset(
    {
        Permission.WORKSPACE_READ,
        Permission.VIDEOS_READ,
        Permission.CLIPS_READ,
        Permission.VARIANTS_READ,
        Permission.JOBS_READ,
        Permission.RULES_READ,
        Permission.CHANNELS_READ,
        Permission.PUBLICATIONS_READ,
        Permission.LINKS_READ,
        Permission.INBOX_READ,
        Permission.NOTIFICATIONS_READ,
        Permission.LIVE_READ,
    }
)
_ANALYST = _VIEWER | {
    Permission.CAMPAIGNS_READ,
    Permission.INSIGHTS_READ,
    Permission.LEDGER_READ,
    Permission.MEMBERS_READ,
}
_EDITOR = _ANALYST | {
    Permission.VIDEOS_WRITE,
    Permission.CLIPS_WRITE,
    Permission.VARIANTS_WRITE,
    Permission.JOBS_WRITE,
    Permission.RULES_PROPOSE,
    Permission.PUBLICATIONS_WRITE,
    Permission.LINKS_WRITE,
    Permission.INBOX_WRITE,
}
_MANAGER = _EDITOR | {
    Permission.WORKSPACE_WRITE,
    Permission.MEMBERS_WRITE,
    Permission.KEYS_READ,
    Permission.KEYS_WRITE,
    Permission.RULES_ACTIVATE,
    Permission.CHANNELS_WRITE,
    Permission.CHANNELS_LIVE,
    Permission.PUBLICATIONS_APPROVE,
    Permission.RIGHTS_WRITE,
    Permission.CAMPAIGNS_WRITE,
    Permission.CAMPAIGNS_SPEND,
    Permission.CAMPAIGNS_LIMIT,
    Permission.WEBHOOKS_READ,
    Permission.WEBHOOKS_WRITE,
    Permission.LEDGER_EXPORT,
    Permission.DEBUG_READ,
}
_OWNER = _MANAGER | {
    Permission.LEDGER_ERASE,
    Permission.WORKSPACE_TRANSFER,
    Permission.WORKSPACE_DELETE,
}

ROLES: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _OWNER,
    Role.MANAGER: _MANAGER,
    Role.EDITOR: _EDITOR,
    Role.ANALYST: _ANALYST,
    Role.VIEWER: _VIEWER,
}
"""The table: role -> permissions."""


def may_assign(permissions: frozenset[str], role: Role) -> bool:
    """Whether who has these permissions may give or take this role: only what one may oneself."""
    return ROLES[role] <= permissions


def effective(asked: frozenset[str] | None, role: Role) -> frozenset[Permission]:
    """What a key may do: what it was made for (null: everything), as far as its maker's role goes now."""
    return ROLES[role] if asked is None else ROLES[role] & asked
