"""Every refusal as problem+json (RFC 9457): what went wrong, whether to try again, and the request's id."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg.errors import ForeignKeyViolation, RestrictViolation
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from stakazo.core.errors import Conflict, Invalid, StakazoError, Unavailable
from stakazo.media.errors import MediaError

log = structlog.get_logger("stakazo.api")

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    field: str = Field(description="Where in the request: `body.start`, `query.limit`.")
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(default="about:blank", description="Always about:blank; `code` is what programs should read.")
    title: str = Field(description="The status in words.")
    status: int
    code: str = Field(description="Stable name of the refusal.", examples=["not_found"])
    detail: str = Field(description="A sentence for a person, with what to do.")
    retryable: bool = Field(description="Whether the same request could succeed later without a change.")
    request_id: str = Field(description="The id under which the logs know this request; also in X-Request-Id.")
    errors: list[FieldError] = Field(default=[], description="Which fields were wrong, for `invalid`.")


def phrase(status: int) -> str:
    """A status in words; 460 is tus's own."""
    return "Checksum Mismatch" if status == 460 else HTTPStatus(status).phrase


Responses = dict[int | str, dict[str, Any]]


def responses(*statuses: int, also: Responses | None = None) -> Responses:
    """What OpenAPI says about the refusals of an endpoint, and about whatever else it answers."""
    refusals: Responses = {
        status: {
            "description": phrase(status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
    return (also or {}) | refusals


def a_file(*media_types: str) -> Responses:
    """What OpenAPI says about an endpoint that answers with a stored file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {
        200: {"description": "The file", "content": content},
        206: {"description": "The range asked for", "content": content},
        304: {"description": "The asker has it already (If-None-Match)"},
    }


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    retryable: bool = False,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = Problem(
        title=phrase(status),
        status=status,
        code=code,
        detail=detail,
        retryable=retryable,
        request_id=getattr(request.state, "request_id", ""),
        errors=errors or [],
    )
    return JSONResponse(
        body.model_dump(exclude_defaults=False), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StakazoError)
    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="stakazo"'
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    return problem(
        request, error.status, error.code, str(error) or error.code, retryable=error.retryable, headers=headers
    )


async def _unusable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MediaError)
    return problem(request, 422, error.code, str(error), retryable=error.retryable)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        FieldError(field=".".join(str(part) for part in found["loc"]), detail=found["msg"]) for found in error.errors()
    ]
    detail = "; ".join(f"{found.field}: {found.detail}" for found in errors)
    return problem(request, 422, "invalid", f"The request is not as expected. {detail}.", errors=errors)


_CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


async def _http(request: Request, error: Exception) -> JSONResponse:
    """What the web framework itself refuses: unknown paths and methods, unreadable JSON, bodies over the limit."""
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"))
    detail = {
        404: f"There is nothing at {request.url.path}. See /docs for what there is.",
        405: f"{request.method} is not possible on {request.url.path}.",
    }.get(error.status_code, str(error.detail))
    return problem(request, error.status_code, code, detail, headers=error.headers)


DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""How a database that can't be reached shows itself."""


async def _no_database(request: Request, error: Exception) -> JSONResponse:
    log.error("database_unavailable", error=str(error))
    return await _refused(request, Unavailable("The database does not answer. Try again in a moment."))


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    log.warning("unstorable", error=str(error).splitlines()[0])
    return await _refused(
        request, Invalid("Something in this request can't be stored or looked for, a NUL character for one.")
    )


async def _needed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IntegrityError)
    if not isinstance(error.orig, ForeignKeyViolation | RestrictViolation):
        raise error
    log.warning("needed", error=str(error).splitlines()[0])
    return await _refused(
        request, Conflict("Something that stays needs this, like a publication or a campaign of it: remove that first.")
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(StakazoError, _refused)
    app.add_exception_handler(MediaError, _unusable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for away in DATABASE_AWAY:
        app.add_exception_handler(away, _no_database)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(IntegrityError, _needed)
