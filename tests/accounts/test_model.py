"""Accounts against a model of them: whoever asks for whatever in whatever order, they get what the model says."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from email import message_from_bytes
from email.policy import default
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text
from tests.accounts import model
from tests.accounts.model import Access, Invitation, Person, Place, Role, Session
from tests.exploring import drive
from tests.near import NEAR

from stakazo.accounts import totp
from stakazo.core.db import Database
from stakazo.core.settings import Settings
from stakazo.main import create_app

T = TypeVar("T")
NEW = ("a quiet sentence of mine", "another sentence of mine")
WRONG = "a sentence of somebody else"


def one_of(what: str) -> st.SearchStrategy[Any]:
    """One of what the machine knows."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, what)))


PEOPLE, PLACES, SESSIONS, OFFERS = one_of("people"), one_of("places"), one_of("sessions"), one_of("offers")
BY = st.one_of(one_of("alive"), one_of("alive"), one_of("accesses"))
"""Mostly somebody who may do something."""
ROLES = st.sampled_from(Role)
MOSTLY = st.sampled_from([True, True, True, False])


class House:
    """The API in this process, asked without a network; its database, and where its letters go."""

    def __init__(self, settings: Settings) -> None:
        self._runner, self._stack = asyncio.Runner(), AsyncExitStack()
        self._outbox = settings.outbox_dir
        self._links: dict[tuple[str, str], str] = {}
        app = create_app(settings)
        self.run(self._stack.enter_async_context(app.router.lifespan_context(app)))
        transport = httpx.ASGITransport(app)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", **NEAR)
        self.run(self._stack.enter_async_context(self._http))
        self.db: Database = app.state.services.db

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def ask(self, what: str, by: Access | None = None, /, **body: Any) -> httpx.Response:
        """`ask("POST /auth/login", email=...)`."""
        method, path = what.split(" ", 1)
        headers = {"Authorization": f"Bearer {by.token}"} if by else {}
        return self.run(self._http.request(method, path, headers=headers, json=body or None))

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Asked, or done, by the machinery."""

        async def execute() -> list[Any]:
            async with self.db.system_transaction() as session:
                result = await session.execute(text(statement), values)
                return [tuple(row) for row in result] if result.returns_rows else []  # type: ignore[attr-defined]

        return self.run(execute())

    def link(self, to: str, action: str) -> str:
        """The token in the newest letter to this address that wants this done."""
        for _ in range(1000):
            for file in sorted(self._outbox.glob("[!.]*.eml")):
                letter = message_from_bytes(file.read_bytes(), policy=default)
                if found := re.search(r"/account#(\w+)=(\S+)", letter.get_content()):
                    self._links[letter["To"], found[1]] = found[2]
                file.unlink()
            if (to, action) in self._links:
                return self._links.pop((to, action))
            self.run(asyncio.sleep(0.01))
        raise AssertionError(f"no letter to {to}")


class Accounts(RuleBasedStateMachine):
    """What people and their programs ask for, in any order."""

    house: House

    def __init__(self) -> None:
        super().__init__()
        self.people: list[Person] = []
        self.places: list[Place] = []
        self.sessions: list[Session] = []
        self.accesses: list[Access] = []

    @property
    def alive(self) -> list[Access]:
        return [access for access in self.accesses if not access.refused(Role.VIEWER)] or self.accesses

    @property
    def offers(self) -> list[Invitation]:
        """All of them, and the newest once more."""
        return [offer for place in self.places for offer in [*place.offers, *place.offers[-2:]]]

    @initialize()
    def family(self) -> None:
        """Nothing much happens to somebody alone."""
        self.register()
        owner = self.accesses[0]
        for role in (Role.MANAGER, Role.VIEWER):
            self.invite(owner, role, to=None)
            self.join(self.offers[-1], themselves=True)
        self.invite(self.accesses[1], Role.VIEWER, to=None)

    def owner_of(self, place: Place) -> Access | None:
        """Somebody who may do everything there, signed in."""
        may = (one for one in self.accesses if one.session and one.place is place and not one.refused(Role.OWNER))
        return next(may, None)

    # --- signing up, in and out -----------------------------------------------------------------------------

    @rule()
    def register(self) -> None:
        person = _somebody()
        wanted = self.house.ask("POST /auth/register", None, email=person.email, password=person.password)
        assert wanted.status_code == 202
        link = self.house.link(person.email, "confirm")
        confirm = "POST /auth/register/confirm"
        assert self.house.ask(confirm, None, token=link, password=WRONG).status_code == 401
        done = self.house.ask(confirm, None, token=link, password=person.password)
        assert done.status_code == 201
        assert self.house.ask(confirm, None, token=link, password=person.password).status_code == 401
        self.people.append(person)
        self.places.append(Place(done.json()["workspace_id"], "My workspace", {person: Role.OWNER}))
        self._let_in(person, done)

    @rule(person=PEOPLE, right=MOSTLY, code=st.sampled_from(["none", "fresh", "fresh", "spent"]))
    def sign_in(self, person: Person, *, right: bool, code: str) -> None:
        shown = {"fresh": person.codes, "spent": person.spent}.get(code)
        password, shown_code = person.password if right else WRONG, shown[0] if shown else None
        answer = self.house.ask("POST /auth/login", None, email=person.email, password=password, code=shown_code)
        assert answer.status_code == model.sign_in(person, password, shown_code)
        if answer.is_success:
            self._let_in(person, answer)

    @rule(session=SESSIONS, which=st.integers(1, 3), late=st.booleans())
    def refresh(self, session: Session, which: int, *, late: bool) -> None:
        """With the newest of its tokens, or one before; `late`, or right after that was used."""
        token = session.refresh[-min(which, len(session.refresh))]
        used = time.time() - (11 if late else 0)
        self.house.sql(
            "update refresh_tokens set used_at = to_timestamp(:used) where used_at is not null and session_id = :id",
            used=used,
            id=session.id,
        )
        answer = self.house.ask("POST /auth/refresh", None, refresh_token=token)
        assert answer.status_code == model.refresh(session, token, late=late)
        if answer.is_success:
            self._let_in(session.person, answer)

    @rule(session=SESSIONS)
    def steal(self, session: Session) -> None:
        """A token that was used long ago comes again: one of the two who have it is a thief, so both are out."""
        if not session.ended:
            self.refresh(session, 1, late=False)
        self.refresh(session, 2, late=True)
        self.refresh(session, 1, late=False)

    @rule(session=SESSIONS, which=st.integers(1, 3))
    def sign_out(self, session: Session, which: int) -> None:
        token = session.refresh[-min(which, len(session.refresh))]
        answer = self.house.ask("POST /auth/logout", None, refresh_token=token)
        assert answer.status_code == model.sign_out(session)

    @rule(by=BY)
    def sign_out_elsewhere(self, by: Access) -> None:
        assert self.house.ask("DELETE /auth/sessions", by).status_code == model.sign_out_elsewhere(by)

    @rule(by=BY, right=MOSTLY)
    def change_password(self, by: Access, *, right: bool) -> None:
        current, new = by.person.password if right else WRONG, NEW[by.person.password == NEW[0]]
        answer = self.house.ask("POST /auth/password/change", by, current=current, password=new)
        assert answer.status_code == model.change_password(by, current, new)

    @rule(by=BY)
    def add_second_factor(self, by: Access) -> None:
        begun = self.house.ask("POST /auth/totp", by, password=by.person.password)
        assert begun.status_code == model.add_second_factor(by)
        if begun.is_success:
            code = totp.code_at(begun.json()["secret"], int(time.time() // totp.PERIOD))
            self.house.sql("update credentials set totp_step = null where user_id = :id", id=by.person.id)
            done = self.house.ask("POST /auth/totp/confirm", by, code=code)
            assert done.status_code == 200
            by.person.codes = done.json()["recovery_codes"]
            by.person.spent.append(code)

    @rule(by=BY, fresh=MOSTLY)
    def remove_second_factor(self, by: Access, *, fresh: bool) -> None:
        code = ((by.person.codes if fresh else by.person.spent) or ["aaaaa-bbbbb"])[0]
        answer = self.house.ask("POST /auth/totp/remove", by, password=by.person.password, code=code)
        assert answer.status_code == model.remove_second_factor(by, code)

    @rule(by=BY, right=MOSTLY)
    def delete_account(self, by: Access, *, right: bool) -> None:
        password = by.person.password if right else WRONG
        answer = self.house.ask("POST /auth/me/delete", by, password=password)
        assert answer.status_code == model.delete_account(by, password, self.places)

    def _let_in(self, person: Person, answer: httpx.Response) -> None:
        """Somebody got tokens, for a workspace of theirs: the one that this session was in, where it still is one."""
        said = answer.json()
        person.id = said["user_id"]
        theirs = {place.id: place for place in self.places if person in place.members}
        place = theirs.get(said["workspace_id"])
        assert (place is None) == (not theirs)
        session = next((known for known in person.sessions if known.id == said["session_id"]), None)
        if session is None:
            session = Session(person, said["session_id"], place, [])
            person.sessions.append(session)
            self.sessions.append(session)
        assert session.place is place or session.place not in theirs.values()
        session.place = place
        if said["refresh_token"] not in session.refresh:
            session.refresh.append(said["refresh_token"])
        self.accesses.append(Access(said["access_token"], person, place, session))

    # --- workspaces -----------------------------------------------------------------------------------------

    @rule(by=BY, place=PLACES)
    def switch(self, by: Access, place: Place) -> None:
        answer = self.house.ask(f"POST /workspaces/{place.id}/switch", by)
        assert answer.status_code == model.switch(by, place)
        if answer.is_success:
            self.accesses.append(Access(answer.json()["access_token"], by.person, place, by.session))

    @rule(by=BY)
    def make_key(self, by: Access) -> None:
        answer = self.house.ask("POST /api-keys", by, name="robot")
        assert answer.status_code == (by.refused(Role.MANAGER) or 201)
        if answer.is_success:
            most = by.most if by.session else by.role or Role.VIEWER  # a key's key can't do more than that did
            self.accesses.append(Access(answer.json()["token"], by.person, by.place, None, most))

    @rule(by=BY, place=PLACES)
    def leave(self, by: Access, place: Place) -> None:
        assert self.house.ask(f"POST /workspaces/{place.id}/leave", by).status_code == model.leave(by, place)

    @rule(by=BY, place=PLACES, here=MOSTLY, to=PEOPLE)
    def transfer(self, by: Access, place: Place, to: Person, *, here: bool) -> None:
        place = by.place if here and by.place else place
        answer = self.house.ask(f"POST /workspaces/{place.id}/transfer", by, user_id=to.id)
        assert answer.status_code == model.transfer(by, place, to)

    @rule(by=BY, place=PLACES)
    def delete_place(self, by: Access, place: Place) -> None:
        answer = self.house.ask(f"DELETE /workspaces/{place.id}?name={place.name}", by)
        assert answer.status_code == model.delete_place(by, place)

    # --- members --------------------------------------------------------------------------------------------

    @rule(by=BY, who=PEOPLE, role=ROLES)
    def set_role(self, by: Access, who: Person, role: Role) -> None:
        answer = self.house.ask(f"PATCH /members/{who.id}", by, role=role.name)
        assert answer.status_code == model.set_role(by, who, role)

    @rule(by=BY, who=PEOPLE)
    def remove(self, by: Access, who: Person) -> None:
        assert self.house.ask(f"DELETE /members/{who.id}", by).status_code == model.remove(by, who)

    @rule(place=PLACES, role=ROLES)
    def abdicate(self, place: Place, role: Role) -> None:
        """An owner, who may be the last, makes themselves something else, and goes."""
        if owner := self.owner_of(place):
            self.set_role(owner, owner.person, role)
            self.leave(owner, place)

    @rule(offer=OFFERS)
    def turn_out(self, offer: Invitation) -> None:
        """Who has offered something is turned out, and comes back by their own link."""
        if owner := self.owner_of(offer.place):
            self.remove(owner, offer.by)
            self.join(offer, themselves=True)

    @rule(by=BY, role=ROLES, to=st.none() | PEOPLE)
    def invite(self, by: Access, role: Role, to: Person | None) -> None:
        email = to.email if to else None
        answer = self.house.ask("POST /invitations", by, role=role.name, email=email)
        assert answer.status_code == model.invite(by, role, email)
        if answer.is_success:
            assert by.place
            made = answer.json()
            token = made["link"].partition("=")[2] if made["link"] else self.house.link(email or "", "invitation")
            offer = Invitation(made["invitation"]["id"], token, by.place, role, email, by.person)
            by.place.offers.append(offer)

    @rule(by=BY, offer=OFFERS)
    def withdraw(self, by: Access, offer: Invitation) -> None:
        assert self.house.ask(f"DELETE /invitations/{offer.id}", by).status_code == model.withdraw(by, offer)

    @rule(by=BY, offer=OFFERS)
    def accept(self, by: Access, offer: Invitation) -> None:
        answer = self.house.ask("POST /invitations/accept", by, token=offer.token)
        assert answer.status_code == model.accept(by, offer)

    @rule(offer=OFFERS, themselves=st.booleans())
    def join(self, offer: Invitation, *, themselves: bool) -> None:
        """Somebody new, who has the link; whose address it was sent to, or another."""
        person = _somebody()
        person.email = offer.email if themselves and offer.email else person.email
        said = {"email": person.email, "password": person.password}
        answer = self.house.ask("POST /auth/register", None, **said, invitation=offer.token)
        assert answer.status_code == model.join(person, offer, self.people)
        if answer.is_success:
            for other in self.people:
                if other.email == person.email:  # it was theirs, and is free since they are gone
                    other.email = _somebody().email
            self.people.append(person)
            self._let_in(person, answer)

    # --- what holds always ----------------------------------------------------------------------------------

    @rule(by=one_of("accesses"))
    def look(self, by: Access) -> None:
        """Whoever may see the members sees them, and nobody else."""
        answer = self.house.ask("GET /members", by)
        assert answer.status_code == (by.refused(Role.ANALYST) or 200)
        if answer.is_success:
            assert by.place
            found = {member["user_id"]: member["role"] for member in answer.json()["items"]}
            assert found == {person.id: role.name for person, role in by.place.members.items()}

    @invariant()
    def rows_say_what_the_model_says(self) -> None:
        members = self.house.sql("select workspace_id::text, user_id::text, role::text from memberships")
        ours = {(place.id, person.id, role.name) for place in self.places for person, role in place.members.items()}
        assert {row for row in members if row[0] in {place.id for place in self.places}} == ours
        assert all(place.owners for place in self.places if place.members)
        opened = self.house.sql(
            "select i.id::text from invitations i join workspaces w on w.id = i.workspace_id"
            " where i.accepted_at is null and i.revoked_at is null and w.deleted_at is null"
        )
        offers = {offer.id: offer for place in self.places if place.members for offer in place.offers}
        assert {key for (key,) in opened} & offers.keys() == {key for key, offer in offers.items() if offer.open}
        alive = self.house.sql("select id::text from sessions where ended_at is null")
        known = {session.id for session in self.sessions}
        assert {key for (key,) in alive} & known == {one.id for one in self.sessions if not one.ended}


def _somebody() -> Person:
    return Person(f"{uuid4().hex}@example.org", NEW[0])


@pytest.fixture
def house(app_settings: Settings) -> Iterator[House]:
    house = House(app_settings.model_copy(update={"registration": "open", "limit_failed_login": "100000/minute"}))
    yield house
    house.close()


def test_accounts_are_what_their_model_says(house: House) -> None:
    class Here(Accounts):
        pass

    Here.house = house
    drive(Here, few=8, steps=40)
