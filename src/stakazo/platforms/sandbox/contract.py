"""Meta's own contract, read out of Meta's own SDK: which edges, parameters, fields and values there are.

The SDK (`facebook-business`) is installed for tests only. It is parsed, not imported: it phones home when it is, and
one of its modules doesn't compile. What it doesn't say (which parameters are required, and a few holes) is told here.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

COMMON = frozenset({
    "access_token", "appsecret_proof", "appsecret_time", "fields", "limit", "after", "before", "since", "until",
    "summary", "locale", "method", "include_headers", "debug", "pretty", "suppress_http_code", "date_format",
    "return_ssl_resources", "filename",
})  # fmt: skip
"""On every call."""

REQUIRED: dict[tuple[str, str, str], frozenset[str]] = {
    ("POST", "IGUser", "media_publish"): frozenset({"creation_id"}),
    ("GET", "IGMedia", "insights"): frozenset({"metric"}),
    ("GET", "IGUser", "insights"): frozenset({"metric", "period"}),
    ("POST", "IGComment", ""): frozenset({"hide"}),
    ("POST", "Page", "video_reels"): frozenset({"upload_phase"}),
    ("POST", "Page", "video_stories"): frozenset({"upload_phase"}),
    ("POST", "Page", "subscribed_apps"): frozenset({"subscribed_fields"}),
    ("POST", "AdAccount", "campaigns"): frozenset({"name", "objective", "special_ad_categories"}),
    ("POST", "AdAccount", "adsets"): frozenset({"name"}),
    ("POST", "AdAccount", "ads"): frozenset({"name", "creative"}),
    ("POST", "Application", "subscriptions"): frozenset({"object"}),
}
"""The SDK's source doesn't mark what must be there; Meta's specification of v25.0 does."""

EXTRA_FIELDS = {("AdCreative", "creative_id")}
"""`creative={"creative_id": ...}` stands in the SDK's examples and nowhere in its classes."""
ADS_LISTS = {"campaigns", "adsets", "ads", "adcreatives"}
EXTRA_PARAMS = {"filtering"}
"""Meta's pages show it on every list of ads; the SDK declares it on reports alone. Whoever uses it filters again."""
EXTRA_VALUES = {("Page", "upload_phase"): {"start", "finish"}}
"""The stories' phases are upper case in the SDK and lower case in Meta's guide."""
FIELDS_OF = {("POST", "insights"): "AdsInsights"}
"""The `fields` of an asynchronous report are the report's."""

INSIDE = {
    "adset_schedule": "list<DayPart>",
    "bid_constraints": "AdCampaignBidConstraint",
    "degrees_of_freedom_spec": "AdCreativeDegreesOfFreedomSpec",
    "call_to_action": "AdCreativeLinkDataCallToAction",
}
"""Of parameters that the SDK's edges leave open, what its own classes say of the fields of that name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    returns: str
    params: Mapping[str, str]
    enums: Mapping[str, Collection[str] | str]
    """Allowed values by the name of their kind, or where they stand: `AdsInsights.DatePreset`."""


@dataclass(slots=True)
class Node:
    fields: dict[str, str] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict)


BY_HAND: dict[str, dict[tuple[str, str], Endpoint]] = {
    "TargetingSearch": {
        ("GET", ""): Endpoint(
            "",
            {"type": "type_enum", "q": "string", "location_types": "list<string>", "country_code": "string",
             "countries": "list<string>", "regions": "list<string>", "cities": "list<string>", "zips": "list<string>"},
            {"type_enum": "TargetingSearch.TargetingSearchTypes"},
        )
    }
}  # fmt: skip
"""What the SDK asks for without declaring how."""


class Contract:
    """What the SDK in `folder` (its `adobjects`) knows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._nodes: dict[str, Node | None] = {}

    def violations(
        self, method: str, kind: str, edge: str, params: Mapping[str, str], files: Collection[str] = ()
    ) -> list[str]:
        """What a request has that Meta's contract hasn't; nothing when it is as it should be.

        Args:
            kind: The class of the node in the path, as the SDK names it.
            params: As they were sent: strings, JSON where they aren't plain.
        """
        node = self.node(kind)
        if node is None:
            return [f"there is no node {kind}"]
        endpoint = node.endpoints.get((method, edge))
        if endpoint is None:
            return [f"{kind} has no {method} /{edge}"]
        required = REQUIRED.get((method, kind, edge), frozenset())
        found = [f"{name} is missing" for name in sorted(required) if name not in params and name not in files]
        for name, value in params.items():
            if name in endpoint.params:
                if value not in EXTRA_VALUES.get((kind, name), ()):
                    kind_of = INSIDE.get(name, endpoint.params[name])
                    found += self._check(kind_of, value, self._enums(endpoint), name, top=True)
            elif name not in COMMON and not (method == "GET" and name in EXTRA_PARAMS and edge in ADS_LISTS):
                found.append(f"{name}: no such parameter")
        about = FIELDS_OF.get((method, edge), endpoint.returns)
        returned = self.node(about)
        if "fields" in params and returned is not None and returned.fields:
            asked = names(params["fields"])
            edges = {edge for verb, edge in returned.endpoints if verb == "GET"}  # asked for with what is below it
            found += [f"fields: {about} has no {name}" for name in asked if name not in {*returned.fields, *edges}]
        return found

    def node(self, kind: str) -> Node | None:
        """A class of the SDK; None where there is none."""
        if kind not in self._nodes:
            path = self._folder / f"{kind.lower()}.py"
            node = self._nodes[kind] = _read(path) if re.fullmatch(r"\w+", kind) and path.is_file() else None
            if node is not None:
                node.endpoints |= BY_HAND.get(kind, {})
        return self._nodes[kind]

    def _enums(self, endpoint: Endpoint) -> dict[str, Collection[str]]:
        found: dict[str, Collection[str]] = {}
        for name, values in endpoint.enums.items():
            if isinstance(values, str):
                owner, _, enum = values.partition(".")
                node = self.node(owner)
                values = node.enums.get(enum, ()) if node else ()  # noqa: PLW2901 - what it stands for
            if values:
                found[name] = values
        return found

    def _check(
        self, kind: str, value: Any, enums: Mapping[str, Collection[str]], where: str, *, top: bool = False
    ) -> list[str]:
        head, arguments = _split(kind)
        if head in enums:
            return [] if str(value) in enums[head] else [f"{where}: {value!r} is none of {head}"]
        if head == "list":
            return self._check_list(arguments, value, enums, where, top=top)
        if head in {"map", "Object"} or self.node(head) is not None:
            return self._check_object(head, arguments, value, enums, where, top=top)
        return _check_plain(head, value, where, top=top)

    def _check_list(
        self, arguments: list[str], value: Any, enums: Mapping[str, Collection[str]], where: str, *, top: bool
    ) -> list[str]:
        if isinstance(value, str) and top:
            value = _decoded(value, [part for part in value.split(",") if part])
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        if not arguments:
            return []
        return [
            fault for i, one in enumerate(value) for fault in self._check(arguments[0], one, enums, f"{where}[{i}]")
        ]

    def _check_object(
        self,
        head: str,
        arguments: list[str],
        value: Any,
        enums: Mapping[str, Collection[str]],
        where: str,
        *,
        top: bool,
    ) -> list[str]:
        node = self.node(head)
        if isinstance(value, str) and top:
            if head == "Object" or (node is not None and value.isdigit()):  # the id of one will do
                return []
            value = _decoded(value, value)
        if head == "Object" and not isinstance(value, dict):
            return []
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no {head}"]
        if head == "map" and len(arguments) == 2:
            return [
                fault for key, one in value.items() for fault in self._check(arguments[1], one, enums, f"{where}.{key}")
            ]
        if node is None:
            return []
        inner = {**enums, **node.enums}
        found = []
        for key, one in value.items():
            if (head, key) in EXTRA_FIELDS or one is None:
                continue
            if key not in node.fields:
                found.append(f"{where}.{key}: {head} has no such field")
            else:
                found += self._check(node.fields[key], one, inner, f"{where}.{key}")
        return found


@cache
def installed() -> Contract | None:
    """The contract of the SDK that is installed here; None where it isn't."""
    found = importlib.util.find_spec("facebook_business")
    if found is None or not found.submodule_search_locations:
        return None
    return Contract(Path(found.submodule_search_locations[0]) / "adobjects")


def names(fields: str) -> list[str]:
    """The names at the top of `a,b{c,d},e.limit(3){f}`, or of a list in JSON."""
    if fields.startswith("["):
        return [str(name) for name in _decoded(fields, [])]
    found, depth, current = [], 0, ""
    for sign in fields + ",":
        depth += (sign in "{(") - (sign in "})")
        if sign == "," and depth == 0:
            found.append(re.split(r"[.{(]", current.strip())[0])
            current = ""
        else:
            current += sign
    return [name for name in found if name]


def _read(path: Path) -> Node | None:
    """A node out of the source of its class."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kind = next((part for part in tree.body if isinstance(part, ast.ClassDef)), None)
    if kind is None:
        return None
    node = Node()
    for part in kind.body:
        if isinstance(part, ast.ClassDef):
            values = tuple(str(value) for value in _constants(part).values())
            if part.name == "Field":
                node.fields.update(dict.fromkeys(values, "string"))
            else:
                node.enums[part.name] = values
        elif isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "_field_types":
            node.fields.update(ast.literal_eval(part.value))
    for part in kind.body:
        if isinstance(part, ast.FunctionDef):
            _read_endpoint(part, node)
    return node


def _constants(kind: ast.ClassDef) -> dict[str, Any]:
    return {
        ast.unparse(line.targets[0]): line.value.value
        for line in kind.body
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
    }


def _read_endpoint(method: ast.FunctionDef, node: Node) -> None:
    """`create_campaign` and its like: a FacebookRequest with method, endpoint, param_types, enums and target."""
    types: dict[str, str] = {}
    enums: dict[str, Collection[str] | str] = {}
    for line in ast.walk(method):
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Dict):
            target = ast.unparse(line.targets[0])
            if target == "param_types":
                types = ast.literal_eval(line.value)
            elif target == "enums":
                keys = [str(ast.literal_eval(key)) for key in line.value.keys if key]
                enums = dict(zip(keys, map(_values, line.value.values), strict=True))
        elif isinstance(line, ast.Call) and ast.unparse(line.func) == "FacebookRequest":
            said = {word.arg: word.value for word in line.keywords}
            verb, edge = (said.get(name) for name in ("method", "endpoint"))
            if not (isinstance(verb, ast.Constant) and isinstance(edge, ast.Constant)):
                continue  # an upload that the SDK puts together itself
            returns = ast.unparse(said["target_class"]) if "target_class" in said else ""
            node.endpoints[str(verb.value), str(edge.value).strip("/")] = Endpoint(returns, types, enums)


def _values(value: ast.expr) -> Collection[str] | str:
    """`Campaign.Objective.__dict__.values()`, or a list of literal values."""
    if isinstance(value, ast.List):
        return frozenset(str(ast.literal_eval(one)) for one in value.elts)
    return ast.unparse(value).removesuffix(".__dict__.values()")


def _split(kind: str) -> tuple[str, list[str]]:
    """`map<string, list<int>>` -> `map`, [`string`, `list<int>`]."""
    found = re.fullmatch(r"(list|map)\s*<(.*)>", kind.strip())
    if not found:
        return kind.strip(), []
    parts, depth, current = [], 0, ""
    for sign in found[2] + ",":
        depth += (sign == "<") - (sign == ">")
        if sign == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += sign
    return found[1], parts


_PLAIN = {
    "bool": re.compile(r"true|false|0|1", re.IGNORECASE),
    "unsigned int": re.compile(r"\d+"),
    "int": re.compile(r"-?\d+"),
    "float": re.compile(r"-?\d+(\.\d+)?([eE]-?\d+)?"),
    "datetime": re.compile(r"\d+|\d{4}-\d\d-\d\d([T ].*)?"),
}


def _check_plain(head: str, value: Any, where: str, *, top: bool) -> list[str]:
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if head in _PLAIN:
        return [] if _PLAIN[head].fullmatch(text) else [f"{where}: {value!r} is no {head}"]
    if head == "string" and isinstance(value, dict | list) and not top:
        return [f"{where}: {value!r} is no string"]
    return []  # a kind that can't be found out is never guessed


def _decoded(text: str, otherwise: Any) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return otherwise
