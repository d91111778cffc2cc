"""Who is on the stage: members of every role, sign-ins, links, keys that may and keys that may not any more."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

import pyotp
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.isolation.stage import FORMER, Filling, Signed, access, join
from tests.api.isolation.things import Thing, named, token, written

from stakazo.accounts.models import Identity
from stakazo.accounts.roles import Permission, Role


class People(Filling):
    """Fills the workspace with people and keys."""

    def members(self) -> None:
        mark = self.mark
        name = f"Blue Note {mark}"
        self.ask("PATCH", f"/workspaces/{self.stage.workspace_id}", json={"name": name})
        for role in (*Role, FORMER):
            email, password = f"{role.split()[-1].lower()}.{mark}@example.org", f"a quiet sentence of {role} {mark}"
            as_what = role if role in list(Role) else Role.EDITOR
            self.stage.people[role] = join(self.http, self.site, as_what, email, password, f"{role} {mark}")
        for role in (Role.OWNER, Role.MANAGER):
            self.stage.people[role] = self.two_factors(self.stage.people[role])
        owner, viewer = self.stage.people[Role.OWNER], self.stage.people[Role.VIEWER]
        self.ask("POST", "/auth/password/forgot", json={"email": owner.email}, headers={"Authorization": ""})
        live = self.ask("POST", "/invitations", json={"role": "VIEWER"})
        sent = self.ask("POST", "/invitations", json={"role": "VIEWER", "email": f"guest.{mark}@example.org"})
        second = self.ask("POST", "/invitations", json={"role": "VIEWER"})
        spent = self.ask("POST", "/invitations", json={"role": "EDITOR"})
        self.http.delete(f"/invitations/{spent['invitation']['id']}")
        login = {"email": viewer.email, "password": viewer.password}
        refreshing = self.ask("POST", "/auth/login", json=login, headers={"Authorization": ""})
        ending = self.ask("POST", "/auth/login", json=login, headers={"Authorization": ""})
        self.ask("POST", "/auth/logout", json={"refresh_token": ending["refresh_token"]})
        self.stage.ended = Signed(
            viewer.user_id, UUID(ending["session_id"]), viewer.workspace_id, viewer.email, viewer.password
        )
        self.things |= {
            "workspace": named(self.stage.workspace_id),
            "workspace_name": written(name),
            "user": named(viewer.user_id),
            "editor": named(self.stage.people[Role.EDITOR].user_id),
            "manager": named(self.stage.people[Role.MANAGER].user_id),
            "email": Thing(owner.email, f"x{secrets.token_hex(8)}@example.org"),
            "password": written(owner.password, "no sentence of theirs at all"),
            "recovery_code": written(owner.recovery[0], "abcde-fghij-klmno-pqrst-uvwxy"),
            "session": named(refreshing["session_id"]),
            "invitation": named(sent["invitation"]["id"]),
            "invitation_link": token(live["link"].partition("=")[2]),
            "second_invitation_link": token(second["link"].partition("=")[2]),
            "spent_invitation_link": token(spent["link"].partition("=")[2]),
            "refresh_token": token(refreshing["refresh_token"]),
            "spent_refresh_token": token(ending["refresh_token"]),
        }

        async def known_elsewhere(session: AsyncSession) -> None:
            await session.execute(text("set local role stakazo_system"))
            session.add(Identity(user_id=owner.user_id, issuer=f"https://id.example/{mark}", subject=mark))

        self.within(known_elsewhere)

    def two_factors(self, who: Signed) -> Signed:
        mine = {"Authorization": f"Bearer {access(self.http, who)}"}
        once = mine | {"Idempotency-Key": f"totp {self.mark}"}
        secret = self.ask("POST", "/auth/totp", json={"password": who.password}, headers=once)["secret"]
        code = pyotp.TOTP(secret).now()
        codes = self.ask("POST", "/auth/totp/confirm", json={"code": code}, headers=mine)["recovery_codes"]
        return Signed(who.user_id, who.session_id, who.workspace_id, who.email, who.password, tuple(codes))

    def api_keys(self) -> None:
        """One that is whole, one for each permission that lacks it, and those that are good for nothing any more."""
        wanted: dict[str, dict[str, Any]] = {"whole": {}, "revoked": {}, "expired": {}}
        wanted["from elsewhere"] = {"addresses": ["203.0.113.0/24"]}
        wanted |= {f"without {one}": {"permissions": sorted(set(Permission) - {one})} for one in Permission}
        for name, limits in wanted.items():
            made = self.ask("POST", "/api-keys", json={"name": f"{name} {self.mark}", **limits})
            self.stage.keys[name] = made["token"]
            if name == "whole":
                self.things["key"] = named(made["key"]["id"])
            if name == "revoked":
                self.http.delete(f"/api-keys/{made['key']['id']}")
            if name == "expired":
                self.expire("api_keys", made["key"]["id"])

    def goodbyes(self) -> None:
        """Somebody leaves, whose session goes on."""
        self.http.delete(f"/members/{self.stage.people[FORMER].user_id}")
