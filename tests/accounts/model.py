"""People, their sign-ins and their places in workspaces as they should be: no database, no HTTP, no shared code.

Each verb is something that somebody asks for: it gives the status that the answer must have, and where that is a
success it has happened here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """Whoever is more may do what those below may."""

    VIEWER = 0
    ANALYST = 1
    EDITOR = 2
    MANAGER = 3
    OWNER = 4


@dataclass(eq=False)
class Person:
    email: str
    password: str = field(repr=False)
    id: str = field(default="", repr=False)
    codes: list[str] | None = None
    """Recovery codes left; None without a second factor."""
    spent: list[str] = field(default_factory=list, repr=False)
    """Codes that counted once."""
    sessions: list[Session] = field(default_factory=list, repr=False)
    gone: bool = False


@dataclass(eq=False)
class Place:
    """A workspace; nobody is in it once it was deleted."""

    id: str
    name: str = field(repr=False)
    members: dict[Person, Role] = field(default_factory=dict, repr=False)
    offers: list[Invitation] = field(default_factory=list, repr=False)

    @property
    def owners(self) -> list[Person]:
        return [person for person, role in self.members.items() if role is Role.OWNER]

    def abandoned_by(self, person: Person) -> bool:
        """Whether it would have no owner without this one."""
        return self.owners == [person]

    def change(self, person: Person, role: Role | None) -> None:
        """Their role, or that they are out; what they have offered and could offer no more counts no more."""
        if role is None:
            self.members.pop(person, None)
        else:
            self.members[person] = role
        for offer in self.offers:
            if offer.by is person and (role is None or role < max(Role.MANAGER, offer.role)):
                offer.withdrawn = True


@dataclass(eq=False)
class Session:
    person: Person
    id: str = field(repr=False)
    place: Place | None = field(repr=False)
    refresh: list[str] = field(repr=False)
    """Its refresh tokens: each but the last was used."""
    ended: bool = False


@dataclass(frozen=True, eq=False)
class Access:
    """An access token, or an API key where it has no session: somebody, in the workspace that it was made for."""

    token: str = field(repr=False)
    person: Person
    place: Place | None
    session: Session | None = field(repr=False)
    most: Role = Role.OWNER
    """What it may do at the utmost, whatever its person may."""

    @property
    def role(self) -> Role | None:
        """As what it acts now; None for who is out."""
        role = self.place.members.get(self.person) if self.place else None
        return role if role is None else min(role, self.most)

    def refused(self, least: Role | None = None) -> int:
        """What one is told who may not do what this role may; 0 for who may. Without a role: their own affairs."""
        if self.session.ended if self.session else self.role is None:
            return 401
        if least is None:
            return 0 if self.session else 403
        return 0 if self.role is not None and self.role >= least else 403


@dataclass(eq=False)
class Invitation:
    id: str = field(repr=False)
    token: str = field(repr=False)
    place: Place
    role: Role
    email: str | None
    by: Person
    taken: bool = False
    withdrawn: bool = False

    @property
    def open(self) -> bool:
        return not self.taken and not self.withdrawn


# --- signing in and out -------------------------------------------------------------------------------------


def sign_in(person: Person, password: str, code: str | None) -> int:
    if person.gone or password != person.password:
        return 401
    if person.codes is not None:
        if code not in person.codes:
            return 401
        person.codes.remove(code)
        person.spent.append(code)
    return 200


def refresh(session: Session, token: str, *, late: bool) -> int:
    """With any of its tokens; `late` when it is not right after its first use."""
    if session.ended:
        return 401
    place = session.refresh.index(token)
    newest = len(session.refresh) - 1
    if place == newest or (place == newest - 1 and not late):
        return 200
    session.ended = True
    return 401


def sign_out(session: Session) -> int:
    session.ended = True
    return 204


def sign_out_elsewhere(by: Access) -> int:
    if refused := by.refused():
        return refused
    for session in by.person.sessions:
        session.ended |= session is not by.session
    return 204


def change_password(by: Access, current: str, new: str) -> int:
    if refused := by.refused():
        return refused
    if current != by.person.password:
        return 403
    by.person.password = new
    return sign_out_elsewhere(by)


def add_second_factor(by: Access) -> int:
    """To begin; the codes come once it is confirmed."""
    return by.refused() or (409 if by.person.codes is not None else 201)


def remove_second_factor(by: Access, code: str) -> int:
    if refused := by.refused():
        return refused
    if code not in (by.person.codes or ()):
        return 403
    by.person.codes = None
    return 204


def delete_account(by: Access, password: str, places: list[Place]) -> int:
    if refused := by.refused():
        return refused
    if password != by.person.password:
        return 403
    if any(place.abandoned_by(by.person) for place in places):
        return 409
    for place in places:
        place.change(by.person, None)
    for session in by.person.sessions:
        session.ended = True
    by.person.gone = True
    return 204


# --- workspaces ---------------------------------------------------------------------------------------------


def switch(by: Access, place: Place) -> int:
    if refused := by.refused():
        return refused
    assert by.session
    if by.person not in place.members:
        return 404
    by.session.place = place
    return 200


def leave(by: Access, place: Place) -> int:
    if refused := by.refused():
        return refused
    if by.person not in place.members:
        return 404
    if place.abandoned_by(by.person):
        return 409
    place.change(by.person, None)
    return 204


def transfer(by: Access, place: Place, to: Person) -> int:
    if refused := by.refused(Role.OWNER):
        return refused
    if place is not by.place:
        return 404
    if by.session is None:
        return 403
    if to is by.person:
        return 409
    if to not in place.members:
        return 404
    place.change(by.person, Role.MANAGER)
    place.change(to, Role.OWNER)
    return 200


def delete_place(by: Access, place: Place) -> int:
    if refused := by.refused(Role.OWNER):
        return refused
    if by.session is None:
        return 403
    if place is not by.place:
        return 404
    for member in list(place.members):
        place.change(member, None)
    return 204


# --- members ------------------------------------------------------------------------------------------------


def set_role(by: Access, who: Person, role: Role) -> int:
    if refused := by.refused(Role.MANAGER):
        return refused
    assert by.place
    assert by.role is not None
    before = by.place.members.get(who)
    if before is None:
        return 404
    if max(before, role) > by.role:
        return 403
    if role is not Role.OWNER and by.place.abandoned_by(who):
        return 409
    by.place.change(who, role)
    return 200


def remove(by: Access, who: Person) -> int:
    if refused := by.refused(Role.MANAGER):
        return refused
    assert by.place
    assert by.role is not None
    if who not in by.place.members:
        return 404
    if by.place.members[who] > by.role:
        return 403
    if by.place.abandoned_by(who):
        return 409
    by.place.change(who, None)
    return 204


def invite(by: Access, role: Role, email: str | None) -> int:
    if refused := by.refused(Role.MANAGER):
        return refused
    assert by.place
    assert by.role is not None
    if role > by.role:
        return 403
    if email in {person.email for person in by.place.members}:
        return 409
    return 201


def withdraw(by: Access, invitation: Invitation) -> int:
    if refused := by.refused(Role.MANAGER):
        return refused
    if invitation.place is not by.place or invitation.by.gone:
        return 404
    if invitation.taken:
        return 409
    invitation.withdrawn = True
    return 204


def accept(by: Access, invitation: Invitation) -> int:
    if refused := by.refused():
        return refused
    if not invitation.open:
        return 404
    if invitation.email not in {None, by.person.email}:
        return 403
    if by.person in invitation.place.members:
        return 409
    invitation.taken = True
    invitation.place.members[by.person] = invitation.role
    return 200


def join(person: Person, invitation: Invitation, people: list[Person]) -> int:
    """Make an account with an invitation."""
    if not invitation.open:
        return 404
    if invitation.email not in {None, person.email}:
        return 403
    if any(other.email == person.email and not other.gone for other in people):
        return 409
    invitation.taken = True
    invitation.place.members[person] = invitation.role
    return 201
