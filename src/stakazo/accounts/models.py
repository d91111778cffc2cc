"""Who may do what: people, their places in workspaces, and what each of them signs in with.

    of a workspace   memberships, invitations, api_keys
    of a person      credentials, recovery_codes, sessions, refresh_tokens, identities, links
    of nobody        users, registrations, signing_keys

Of everything that is presented as a proof (keys, refresh tokens, links, recovery codes) only the SHA-256 is kept, which
is enough for what is random and long; passwords are hashed by Argon2id, and the secret of a second factor is sealed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.accounts.roles import Role
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed
from stakazo.core.workspaces import Workspace  # noqa: F401 (every owned row points at one)

EMAIL = String(320)
_SHA256 = "length({}) = 32"


class User(Base):
    """A person; which workspaces they see is said by their memberships."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(EMAIL)
    name: Mapped[str] = mapped_column(String(200), server_default="")
    email_confirmed_at: Mapped[datetime | None]
    """When they proved that they read what is sent there."""
    disabled_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_users_email", func.lower(text("email")), unique=True),
        CheckConstraint("position('@' in email) > 1", name="email"),
    )


# --- of a workspace -----------------------------------------------------------------------------------------


class Membership(Owned, Base):
    """A person's place in a workspace."""

    __tablename__ = "memberships"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[Role] = mapped_column(Enum(Role, name="member_role"))

    __table_args__ = (*Owned.owned_args(), UniqueConstraint("workspace_id", "user_id"))


class Invitation(Owned, Base):
    """The offer of a place in a workspace, to whoever has its link."""

    __tablename__ = "invitations"

    role: Mapped[Role] = mapped_column(Enum(Role, name="member_role"))
    email: Mapped[str | None] = mapped_column(EMAIL)
    """Whom it was sent to, who alone may accept it; null for a link that is passed on by hand."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (*Owned.owned_args(), CheckConstraint(_SHA256.format("token_hash"), name="sha256"))


class ApiKey(Owned, Base):
    """A secret that a program acts with."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    """The public part of the key, by which it is found."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    """A person whose key may never do more than they may now; null for the machine's own, which are an owner's."""
    permissions: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """What it may do at most; null: whatever its maker may."""
    addresses: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """The networks (CIDR) from which it works; null: from everywhere."""
    last_used_at: Mapped[datetime | None]
    """To the minute."""
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (*Owned.owned_args(), CheckConstraint(_SHA256.format("secret_hash"), name="sha256"))


# --- of a person --------------------------------------------------------------------------------------------


class Personal:
    """Mixin for every row of one person: only the machinery sees these, and acting for a person only theirs."""

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class Credential(Personal, Base):
    """What a person signs in with: a password, and a second factor where they have one."""

    __tablename__ = "credentials"

    password_hash: Mapped[str | None] = mapped_column(Text)
    """Argon2id with its parameters; null for who signs in through a provider."""
    totp_secret: Mapped[bytes | None] = mapped_column(Sealed(owner="user_id"))
    totp_confirmed_at: Mapped[datetime | None]
    """Since when it is asked for; null while it is being set up."""
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    """The newest time step whose code was used: no code of it or before is taken again."""

    __table_args__ = (UniqueConstraint("user_id"),)


class RecoveryCode(Personal, Base):
    """Stands in for the second factor, once."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("user_id", "code_hash"),
        CheckConstraint(_SHA256.format("code_hash"), name="sha256"),
    )


class Session(Personal, Base):
    """A sign-in on one device, until it ends: the family of its refresh tokens."""

    __tablename__ = "sessions"

    acting_in: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id", ondelete="SET NULL"))
    """The workspace that its next access token is for."""
    address: Mapped[str] = mapped_column(String(45), server_default="")
    agent: Mapped[str] = mapped_column(String(300), server_default="")
    """What the browser or program called itself."""
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    """However often it is refreshed."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))

    __table_args__ = (UniqueConstraint("user_id", "id"),)


class RefreshToken(Personal, Base):
    """Exchanged, once, for an access token and its successor."""

    __tablename__ = "refresh_tokens"

    session_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    """Makes its successor out of it: two who race with the same token get the same one."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "session_id"], ["sessions.user_id", "sessions.id"], ondelete="CASCADE"),
        Index(None, "user_id", "session_id"),
        CheckConstraint(_SHA256.format("token_hash"), name="sha256"),
    )


class Identity(Personal, Base):
    """A person as an OpenID provider knows them."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(300))

    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class LinkKind(StrEnum):
    """What a link that was sent by e-mail is for."""

    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 (a kind of link)
    EMAIL_CHANGE = "EMAIL_CHANGE"
    EMAIL_CONFIRM = "EMAIL_CONFIRM"


class Link(Personal, Base):
    """A link in an e-mail, which works once."""

    __tablename__ = "links"

    kind: Mapped[LinkKind] = mapped_column(Enum(LinkKind, name="link_kind"))
    email: Mapped[str] = mapped_column(EMAIL)
    """Where it was sent: whoever opens it reads that."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint(_SHA256.format("token_hash"), name="sha256"),)


# --- of nobody ----------------------------------------------------------------------------------------------


class Registration(Base):
    """Somebody who wants an account and has not yet shown that the address is theirs."""

    __tablename__ = "registrations"

    email: Mapped[str] = mapped_column(EMAIL)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    expires_at: Mapped[datetime]

    __table_args__ = (CheckConstraint(_SHA256.format("token_hash"), name="sha256"),)


class SigningKey(Base):
    """Signs access tokens; its id is their `kid`."""

    __tablename__ = "signing_keys"

    private_key: Mapped[bytes] = mapped_column(Sealed(owner="id"))
    """Ed25519, 32 bytes."""
    retires_at: Mapped[datetime | None]
    """From when on nothing that it signed counts any more; null for the one in use."""
