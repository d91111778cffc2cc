"""Who asks: whose business the workspace isn't, and its members who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tests.api.isolation.stage import FORMER, Signed, Stage

from stakazo.accounts.roles import ROLES, Permission, Role
from stakazo.accounts.tokens import Tokens
from stakazo.core.actor import new_id
from stakazo.core.db import Database
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings


class Sees(Enum):
    """What somebody must be answered."""

    NOTHING = "the answer of a thing that isn't there"
    WHO_ARE_YOU = "401"
    NOT_YOU = "403"


@dataclass(frozen=True)
class Asker:
    """Somebody, and what they are called and send."""

    name: str
    headers: Mapping[str, str]
    own: Mapping[str, str]
    """Of their own: `$workspace`, `$password`."""
    sees: Sees = Sees.NOTHING


NOBODY_OWN = {
    "workspace": str(new_id()),
    "email": "nobody@example.org",
    "name": "Nobody",
    "password": "no sentence at all",
    "recovery_code": "-".join(["aaaaa"] * 5),
}


async def tokens_of(stage: Stage, url: str, settings: Settings) -> dict[str, str]:
    """An access token for everybody. They live longer than is usual: a walk may take its time."""
    db = Database(url, pool_size=1)
    try:
        signer = Tokens(db, Keyring(settings))
        assert stage.owner
        assert stage.ended

        async def sign(who: Signed, lifetime: float = 86400.0) -> str:
            claims = {"sid": str(who.session_id), "wid": str(who.workspace_id)}
            return await signer.sign("access", str(who.user_id), lifetime, **claims)

        made = {name: await sign(who) for name, who in stage.people.items()}
        expired = await sign(stage.people[Role.OWNER], -3600)
        return made | {"other": await sign(stage.owner), "expired": expired, "ended": await sign(stage.ended)}
    finally:
        await db.close()


class Askers:
    """Everybody, with their credentials."""

    def __init__(self, stage: Stage, tokens: Mapping[str, str]) -> None:
        self.stage, self.tokens = stage, tokens
        assert stage.owner
        self.other = self._person("the owner of another workspace", tokens["other"], stage.owner)
        self.other_key = self._key("another workspace's key", stage.owner_key)
        self.nobody = Asker("nobody", {}, NOBODY_OWN)

    def member(self, name: str) -> Asker:
        """Somebody of the workspace, or who was."""
        return self._person(name, self.tokens[name], self.stage.people[name])

    def strangers(self, needs: str) -> list[Asker]:
        """Whoever may not, of an operation that needs this: `clips:read`, `person`, `public`."""
        if needs == "public":
            return [self.nobody, self.other_key]
        unknown = [self._seeing(Sees.WHO_ARE_YOU, asker) for asker in self._unknown()]
        if needs == "person":
            keys = [self.other_key, self._key("the workspace's own key", self.stage.keys["whole"])]
            return [self.other, *(self._seeing(Sees.NOT_YOU, key) for key in keys), *unknown]
        low = [self._seeing(Sees.NOT_YOU, asker) for asker in self._too_low(Permission(needs))]
        return [self.other, self.other_key, *unknown, *low]

    def _unknown(self) -> list[Asker]:
        """Who is nobody, or no longer."""
        keys = self.stage.keys
        return [
            self.nobody,
            self._key("an expired access token", self.tokens["expired"]),
            self._key("a session that has ended", self.tokens["ended"]),
            self._key("an expired key", keys["expired"]),
            self._key("a revoked key", keys["revoked"]),
            self._key("a key from another network", keys["from elsewhere"]),
        ]

    def _too_low(self, needed: Permission) -> list[Asker]:
        """The member who may most of all that lack it, a key that may everything else, and who was a member once."""
        lacking = [role for role in Role if needed not in ROLES[role]]
        key = self._key(f"a key without {needed}", self.stage.keys[f"without {needed}"])
        return [*(self.member(role) for role in lacking[:1]), key, self.member(FORMER)]

    def _person(self, name: str, access: str, who: Signed) -> Asker:
        own = {"workspace": str(who.workspace_id), "email": who.email, "name": "Renamed", "password": who.password}
        own["recovery_code"] = who.recovery[-1] if who.recovery else NOBODY_OWN["recovery_code"]
        return Asker(name, {"Authorization": f"Bearer {access}"}, own)

    def _key(self, name: str, token: str) -> Asker:
        own = NOBODY_OWN | {"workspace": str(self.stage.other_id)}
        return Asker(name, {"Authorization": f"Bearer {token}"}, own)

    @staticmethod
    def _seeing(sees: Sees, asker: Asker) -> Asker:
        return Asker(asker.name, asker.headers, asker.own, sees)
