"""Taking secrets out of what is written down: logs, reasons of failures, tracebacks. Pure.

    hide("Authorization: Bearer stk_0123456789ab_...")      "Authorization: ***"
    hide_named({"password": "hunter2", "path": "/auth"})    {"password": "***", "path": "/auth"}

It is the second line: code doesn't log secrets. This catches what libraries and exceptions say on their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_NAMES = (
    r"passw(?:or)?d|passphrase|secret|token|otp|authorization|cookie|api[-_]?key|private[-_]?key|credential|signature"
)
_NAMED = re.compile(rf"(?i){_NAMES}")

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        # a key's public part stays: it is how one is found
        (r"\b(stk_[0-9a-z]+_)[\w-]+", rf"\1{HIDDEN}"),
        (r"\b(st[a-z]_)[\w-]{16,}", rf"\1{HIDDEN}"),
        # JSON Web Tokens
        (r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?", f"eyJ{HIDDEN}"),
        # scheme://user:password@host
        (r"(?i)([a-z][a-z0-9+.-]{0,20}://[^/\s:\"']{0,320}:)[^/\s@\"']{1,1000}(?=@)", rf"\1{HIDDEN}"),
        # headers, to the end of their line or string
        (
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?[\"']?\s{0,3}[:=,]\s{0,3}b?\\?[\"']?)[^\"'\r\n\\]+",
            rf"\1\2{HIDDEN}",
        ),
        (r"(?i)\b(bearer|basic)\s{1,3}[\w.~+/-]{16,}=*", rf"\1 {HIDDEN}"),
        # name=value and "name": "value", in queries, forms, JSON and sentences
        (
            rf"(?i)((?:{_NAMES})[\w-]{{0,24}}\\?[\"']?\s{{0,3}}[=:]\s{{0,3}}b?\\?[\"']?)(?!\*\*\*)[^\s\"'\\,;&}})\]]+",
            rf"\1{HIDDEN}",
        ),
    )
)


def hide(text: str) -> str:
    """The text without what looks like a secret in it, in time that grows with its length alone."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def hide_named(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, without those whose names say that they are secret; also inside of them."""
    return {name: HIDDEN if value and _secret(name, value) else _inside(value) for name, value in values.items()}


def _secret(name: str, value: Any) -> bool:
    return not isinstance(value, int | float) and _NAMED.search(name) is not None


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return hide_named(value)
    if isinstance(value, list | tuple):
        return [_inside(one) for one in value]
    return value
