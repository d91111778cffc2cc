"""What is written to people. Pure: a letter is a value, and sending it is `mail`'s affair.

Links carry their secret behind `#`, which browsers keep to themselves: it stands in no log of any server on the way.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    to: str
    subject: str
    text: str


def link(base_url: str, action: str, token: str) -> str:
    """The address of the page where somebody does something with a token."""
    return f"{base_url}/account#{action}={token}"


def confirm_registration(base_url: str, email: str, token: str) -> Letter:
    return Letter(
        email,
        "Confirm your account",
        f"Somebody, hopefully you, wants an account at Stakazo with this address. Open this and enter the password you "
        f"chose:\n\n{link(base_url, 'confirm', token)}\n\nIt works for a day. If it wasn't you, do nothing.",
    )


def known_already(base_url: str, email: str) -> Letter:
    return Letter(
        email,
        "You have an account already",
        f"Somebody, hopefully you, wanted an account at Stakazo with this address, which has one. Sign in, or choose a "
        f"new password, at {base_url}/account\n\nIf it wasn't you, do nothing.",
    )


def invitation(base_url: str, email: str, token: str, workspace: str, role: str) -> Letter:
    return Letter(
        email,
        f"You are invited to {workspace}",
        f"You are invited to the workspace {workspace} at Stakazo, as {role.lower()}:\n\n"
        f"{link(base_url, 'invitation', token)}\n\nIt works for a week.",
    )


def reset_password(base_url: str, email: str, token: str) -> Letter:
    return Letter(
        email,
        "Choose a new password",
        f"Open this to choose a new password for Stakazo:\n\n{link(base_url, 'reset', token)}\n\n"
        "It works for an hour, once. If you didn't ask for it, do nothing: your password is as it was.",
    )


def confirm_email(base_url: str, email: str, token: str) -> Letter:
    return Letter(
        email,
        "Confirm your address",
        f"Open this to show that this address is yours:\n\n{link(base_url, 'email', token)}\n\nIt works for a day.",
    )


def password_changed(base_url: str, email: str) -> Letter:
    return Letter(
        email,
        "Your password was changed",
        "The password of your account at Stakazo was changed, and you were signed out elsewhere. If it wasn't you, "
        f"choose a new one at once: {base_url}/account",
    )


def email_changed(email: str, new: str) -> Letter:
    return Letter(
        email,
        "Your address was changed",
        f"Your account at Stakazo now has the address {new}. If it wasn't you, ask an owner of your workspace to "
        "remove you.",
    )


def second_factor_changed(base_url: str, email: str, *, added: bool) -> Letter:
    what = "added to" if added else "removed from"
    return Letter(
        email,
        f"A second factor was {what} your account",
        f"A second factor was {what} your account at Stakazo. If it wasn't you, choose a new password at once: "
        f"{base_url}/account",
    )


def checkpoints(to: str, notes: list[str]) -> Letter:
    return Letter(
        to,
        "The ledger's checkpoints",
        "These are the newest signed checkpoints of this Stakazo's ledgers. Keep this letter: whoever changes what has "
        "happened until now, or makes it disappear, contradicts it.\n\nTo check an export of a ledger against it, save "
        "one as a file:\n\n    stakazo ledger verify ledger.jsonl --key ledger.pub --checkpoint FILE\n\n"
        + "\n".join(notes),
    )
