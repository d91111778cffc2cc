"""The walk: every operation of the contract, asked by whoever has no business in a workspace, about what is in it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.api.committed import CONTRACT
from tests.api.isolation.askers import Asker, Askers, Sees, tokens_of
from tests.api.isolation.asks import ASKS, PATH, Ask
from tests.api.isolation.stage import FORMER, MP4, Stage
from tests.api.isolation.things import names_in, telling
from tests.api.isolation.watch import Watch
from tests.api.serving import House
from tests.near import NEAR

READING = ("GET", "HEAD", "OPTIONS")

# What two answers may differ in without telling anything.
_SAME = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
        (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "<time>"),
        (r"\bst[a-z]_[\w-]{20,}", "<token>"),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]+", "<token>"),
        (r"[0-9a-f]{64}", "<hash>"),
    )
]
_VARYING = {"date", "content-length", "etag", "ratelimit", "ratelimit-policy"}


@dataclass(frozen=True)
class Finding:
    """Something that isn't as it should be."""

    operation: str
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.operation}, asked by {self.who}: {self.what}"


@dataclass(frozen=True)
class Operation:
    """One line of the contract."""

    method: str
    path: str
    needs: str
    takes: frozenset[str]
    """The ids that it takes: `path video_id`, `query clip_id`, `body user_id`."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def operations(schema: Mapping[str, Any]) -> list[Operation]:
    """Every operation of an OpenAPI document."""
    return [
        Operation(method.upper(), path, said["x-permission"], frozenset(_ids(said, schema)))
        for path, methods in schema["paths"].items()
        for method, said in methods.items()
    ]


def _ids(said: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    for parameter in said.get("parameters", ()):
        if parameter["in"] == "path" or "uuid" in _formats(parameter["schema"], schema):
            yield f"{parameter['in']} {parameter['name']}"
    for content in said.get("requestBody", {}).get("content", {}).values():
        for part in _parts(content["schema"], schema):
            for name, field in part.get("properties", {}).items():
                if "uuid" in _formats(field, schema):
                    yield f"body {name}"


def _parts(said: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema and what it is made of, followed through its references."""
    if "$ref" in said:
        said = schema["components"]["schemas"][said["$ref"].rpartition("/")[2]]
    yield said
    for part in [*said.get("anyOf", ()), *said.get("allOf", ()), *([said["items"]] if "items" in said else ())]:
        yield from _parts(part, schema)


def _formats(said: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    return {part["format"] for part in _parts(said, schema) if "format" in part}


def unasked(contract: list[Operation], asks: Mapping[str, list[Ask]]) -> list[str]:
    """What of the contract the asks leave out, and what they ask that isn't in it."""
    found = [f"{name} is not in the contract" for name in asks if name not in {each.name for each in contract}]
    for operation in contract:
        given = asks.get(operation.name)
        if given is None:
            found.append(f"{operation.name} has no ask: say in asks.py how it is asked about a workspace's things")
            continue
        for place, name in (one.split() for one in sorted(operation.takes)):
            if not any(names_in(_said_there(ask, place).get(name)) for ask in given):
                found.append(f"{operation.name} takes {name} ({place}), and no ask names a thing there")
    return found


def _said_there(ask: Ask, place: str) -> Mapping[str, Any]:
    return {"path": {**PATH, **ask.path}, "query": ask.query, "body": ask.json or {}}.get(place, {})


class Walk:
    """Asks everything of a running API.

    Args:
        house: The API.
        stage: Who and what there is.
        superuser: The way into the database for who sees all.
        contract: What is asked; what the API itself says of it when left out, which takes a second.
    """

    def __init__(self, house: House, stage: Stage, superuser: str, contract: list[Operation] | None = None) -> None:
        self.stage = stage
        self.watch = Watch(stage, superuser, house.settings.storage_dir)
        self.askers = Askers(stage, asyncio.run(tokens_of(stage, house.urls.app, house.settings)))
        self.http = httpx.Client(
            base_url=house.url,
            timeout=60,
            **NEAR,
            headers={"X-Request-Id": "walk", "Accept-Encoding": "identity"},
        )
        self._refusals: dict[tuple[str, str], bytes] = {}
        self.contract = contract or operations(self.http.get("/openapi.json").json())
        self.wrote = False
        """Whether anything was asked that may have left something behind."""

    def close(self) -> None:
        self.http.close()
        self.watch.close()

    def ordered(self) -> list[Operation]:
        """The operations as `ASKS` has them, reads first: what somebody leaves behind is not there to be read yet."""
        places = {name: place for place, name in enumerate(ASKS)}
        known = (each for each in self.contract if each.name in places)
        return sorted(known, key=lambda each: (each.method not in READING, places[each.name]))

    # --- who has no business there --------------------------------------------------------------------------

    def strangers(self, *only: str, seeing: Collection[Sees] = tuple(Sees)) -> Iterator[Finding]:
        """Everything that is wrong in what strangers are answered.

        Args:
            only: Names of operations; all of them when none is said.
            seeing: Of those who may not, the ones that must be answered so.
        """
        before = self.watch.state()
        for operation in self.ordered():
            if only and operation.name not in only:
                continue
            for number, ask in enumerate(ask for ask in ASKS[operation.name] if ask.only is None):
                for asker in self.askers.strangers(operation.needs):
                    if asker.sees not in seeing:
                        continue
                    if asker.sees is Sees.NOTHING:
                        yield from self._sees_nothing(operation, ask, asker)
                    elif number == 0 or asker.name == "nobody":  # who is refused is so before it is looked at
                        yield from self._is_refused(operation, ask, asker)
                after = self.watch.state()
                changed = {table for table in before if before[table] != after[table]} - ask.changes
                if changed:
                    yield Finding(operation.name, "who may not", f"changed {', '.join(sorted(changed))}")
                before = after

    def _sees_nothing(self, operation: Operation, ask: Ask, asker: Asker) -> Iterator[Finding]:
        """Of what is there they are told what they are told of what isn't."""
        answer, sent = self._ask(operation, ask, asker, real=True)
        if answer.status_code >= 500 and answer.status_code not in ask.good:
            yield Finding(operation.name, asker.name, f"answered {_gist(answer)}")
        if seen := self.watch.seen_in(_text(answer), sent):
            yield Finding(operation.name, asker.name, f"shows {', '.join(seen[:3])}")
        if names_in([ask.said, _in_path(operation, ask)]):
            made_up, also_sent = self._ask(operation, ask, asker, real=False)
            if _shape(answer, sent) != _shape(made_up, also_sent):
                what = f"answers {_gist(answer)}, where it answers {_gist(made_up)} of what isn't there"
                yield Finding(operation.name, asker.name, what)

    def _is_refused(self, operation: Operation, ask: Ask, asker: Asker) -> Iterator[Finding]:
        """They get the refusal that they get everywhere, whatever they ask."""
        answer, sent = self._ask(operation, ask, asker, real=True)
        status = 401 if asker.sees is Sees.WHO_ARE_YOU else 403
        if answer.status_code != status:
            yield Finding(operation.name, asker.name, f"answered {_gist(answer)}, not {status}")
        if seen := self.watch.seen_in(_text(answer), sent):
            yield Finding(operation.name, asker.name, f"shows {', '.join(seen[:3])}")
        elif answer.status_code == status and operation.method != "HEAD":
            about = operation.needs if asker.sees is Sees.NOT_YOU else ""
            if self._refusals.setdefault((asker.name, about), answer.content) != answer.content:
                yield Finding(operation.name, asker.name, "is refused in other words than elsewhere")
            lacks = about not in {"", "person"} and asker.name != FORMER
            if lacks and about not in answer.text:  # for another reason, which may not hold for the next one
                yield Finding(operation.name, asker.name, f"is not refused for want of {about}: {_gist(answer)}")

    # --- who may --------------------------------------------------------------------------------------------

    def members(self, *only: str) -> Iterator[Finding]:
        """Everything that is wrong in what members are answered, who may; after all operations little is left."""
        for operation in self.ordered():
            if only and operation.name not in only:
                continue
            for ask in ASKS[operation.name]:
                answer, _ = self._ask(operation, ask, self.askers.member(ask.by), real=True)
                if answer.status_code not in ask.good:
                    what = f"answered {_gist(answer)}, not {' or '.join(map(str, ask.good))}"
                    yield Finding(operation.name, f"{ask.by}, who may", what)
                shows = operation.method == "GET" if ask.shows is None else ask.shows
                if shows and not self.watch.seen_in(_text(answer)):
                    yield Finding(operation.name, f"{ask.by}, who may", f"shows nothing: {_gist(answer)}")

    # --- over HTTP ------------------------------------------------------------------------------------------

    def _ask(self, operation: Operation, ask: Ask, asker: Asker, *, real: bool) -> tuple[httpx.Response, list[str]]:
        """The answer, and the words that were sent."""
        tell = telling(self.stage.things, asker.own, real=real)
        path = tell(operation.path.format(**_in_path(operation, ask)))
        options: dict[str, Any] = {"headers": {**asker.headers, **tell(ask.headers)}, "params": tell(ask.query)}
        sent = [*_words(tell([ask.said, _in_path(operation, ask)])), *asker.own.values()]
        if ask.json is not None:
            options["json"] = tell(ask.json)
        if ask.content is not None:
            options["content"] = ask.content
        if ask.file is not None:
            content = MP4 + tell(ask.file).encode()
            options |= {"files": {"file": ("walk.mp4", content)}, "data": tell(ask.data or {})}
            sent.append(hashlib.sha256(content).hexdigest())
        self.wrote = self.wrote or operation.method not in READING
        request = self.http.build_request(operation.method, path, **options)
        answer = self.http.send(request, stream=ask.until is not None)
        if ask.until is not None:
            _read_until(answer, ask.until)
        return answer, sent


def _in_path(operation: Operation, ask: Ask) -> dict[str, str]:
    """What stands for the parameters of a path."""
    return {name: {**PATH, **ask.path}[name] for name in re.findall(r"{(\w+)}", operation.path)}


def _read_until(answer: httpx.Response, mark: bytes) -> None:
    """Of an answer without an end, what comes until then; of a refusal everything."""
    read = b""
    for chunk in answer.iter_raw():
        read += chunk
        if answer.is_success and mark in read:
            break
    answer.close()
    answer._content = read


def _words(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        for value in said.values():
            yield from _words(value)
    elif isinstance(said, list):
        for value in said:
            yield from _words(value)


def _text(answer: httpx.Response) -> str:
    """Every byte of an answer, headers and all."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{headers}\n\n{answer.content.decode('latin-1')}"


def _shape(answer: httpx.Response, sent: list[str]) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without what was asked about, and without ids and times of its own."""

    def plain(said: str) -> str:
        for pattern, word in _SAME:
            said = pattern.sub(word, said)
        for word in sorted(filter(None, sent), key=len, reverse=True):
            said = said.replace(word, "<sent>")
        return said

    headers = [(name, plain(value)) for name, value in sorted(answer.headers.items()) if name not in _VARYING]
    return answer.status_code, headers, plain(answer.content.decode("latin-1"))


def _gist(answer: httpx.Response) -> str:
    try:
        return f"{answer.status_code} {answer.json()['code']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} ({len(answer.content)} bytes)"


def committed() -> list[Operation]:
    """The operations of the contract as it is committed."""
    return operations(CONTRACT)
