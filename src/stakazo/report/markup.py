"""Building HTML and SVG from values: everything that isn't markup already is escaped. Pure."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import TypeAlias

Attribute = str | float | int | bool | None


class Markup(str):
    """Text that is HTML already and goes into the page as it is."""

    __slots__ = ()


Child: TypeAlias = "Markup | str | Iterable[Child] | None"

VOID = frozenset({"meta", "img", "br", "hr", "link", "input", "col"})


def number(value: float) -> str:
    """Short, for SVG: at most two decimals, no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def escaped(child: Child) -> str:
    """A child, or several, as safe text."""
    if child is None:
        return ""
    if isinstance(child, Markup):
        return str(child)
    if isinstance(child, str):
        return html.escape(child, quote=False)
    return "".join(escaped(one) for one in child)


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """One element.

    `class_` and `for_` lose their underscore, other underscores become hyphens; False and None leave an attribute
    out, True gives it without a value.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(label)
        else:
            text = number(value) if isinstance(value, float) else str(value)
            parts.append(f'{label}="{html.escape(text, quote=True)}"')
    if name in VOID:
        return Markup(f"<{' '.join(parts)}>")
    return Markup(f"<{' '.join(parts)}>{''.join(escaped(child) for child in children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    return Markup("".join(escaped(child) for child in children))


def data_uri(jpeg: bytes) -> str:
    """The picture itself as an address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
