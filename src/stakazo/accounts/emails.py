"""E-mail addresses as people write them. Pure."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from stakazo.core.errors import Invalid


def tidy(email: str) -> str:
    """The address with its domain in lower case and nothing around it. Raises Invalid where it is none.

    Nobody is asked whether the domain exists: a Stakazo may live where only its own network has names.
    """
    try:
        found = validate_email(email.strip(), check_deliverability=False, allow_domain_literal=False)
    except EmailNotValidError as error:
        raise Invalid(f"This is no e-mail address: {error}") from error
    return found.normalized


def same(one: str, other: str) -> bool:
    """Whether two addresses are one account's: capitals make no difference."""
    return one.casefold() == other.casefold()
