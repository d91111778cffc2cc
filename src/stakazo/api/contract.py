"""What the contract says of every operation, so that no endpoint has to: the shape and the statuses of refusals."""

from __future__ import annotations

import json
from typing import Any

from fastapi.encoders import jsonable_encoder

from stakazo.api.deps import SCHEMES
from stakazo.api.errors import MEDIA_TYPE, Problem, responses

Schema = dict[str, Any]


def completed(schema: Schema) -> Schema:
    """FastAPI's contract with what holds for all operations: how one shows who one is; refusals are `Problem`s."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes = schema.setdefault("components", {}).setdefault("schemas", {})
    shapes |= problem.pop("$defs", {}) | {"Problem": problem}
    schema["components"]["securitySchemes"] = {
        scheme.scheme_name: jsonable_encoder(scheme.model, by_alias=True, exclude_none=True) for scheme in SCHEMES
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"] = _answers(operation)
    for framework in ("HTTPValidationError", "ValidationError"):
        if f'"#/components/schemas/{framework}"' not in json.dumps(schema["paths"]):
            shapes.pop(framework, None)
    return schema


def _answers(operation: Schema) -> Schema:
    """Its answers, with what the framework and the middleware refuse before it is asked."""
    said: Schema = operation["responses"]
    ours = {str(status): answer for status, answer in responses(*_refusals(operation)).items()}
    refused = {status: _as_problem(answer) for status, answer in said.items() if status >= "400"}
    answered = {status: answer for status, answer in said.items() if status < "400"}
    return answered | dict(sorted((ours | refused).items()))


def _refusals(operation: Schema) -> list[int]:
    """A body may be unreadable or too large; whatever is given may not fit."""
    body = [400, 413] if "requestBody" in operation else []
    return body + ([422] if body or operation.get("parameters") else [])


def _as_problem(answer: Schema) -> Schema:
    """The framework's own shape of a refusal is never sent."""
    content = answer.get("content", {})
    if "HTTPValidationError" not in json.dumps(content):
        return answer
    return answer | {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
