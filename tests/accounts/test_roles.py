"""The table of who may do what."""

from __future__ import annotations

from itertools import pairwise

from stakazo.accounts.roles import ROLES, Permission, Role


def test_every_role_is_in_the_table_and_the_owner_may_everything():
    assert list(ROLES) == list(Role)
    assert ROLES[Role.OWNER] == set(Permission)


def test_each_role_may_do_what_the_ones_below_may():
    assert all(higher > lower for higher, lower in pairwise(ROLES.values()))


def test_who_only_looks_changes_nothing():
    for role in (Role.VIEWER, Role.ANALYST):
        assert {permission.split(":")[1] for permission in ROLES[role]} == {"read"}


def test_only_those_who_manage_let_money_flow():
    may_spend = {role for role, permissions in ROLES.items() if Permission.CAMPAIGNS_SPEND in permissions}
    assert may_spend == {Role.OWNER, Role.MANAGER}
