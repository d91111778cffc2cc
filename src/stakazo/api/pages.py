"""GET /account: the page that the links in e-mails lead to, and where one can sign in."""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Literal

from fastapi import Response

from stakazo.api.browsers import OWN_PAGE
from stakazo.api.deps import open_to_all
from stakazo.api.routes import Router

router = Router(prefix="/account", tags=["page"], include_in_schema=False)

_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


@router.get("", response_class=Response)
async def page(_: Annotated[None, open_to_all()]) -> Response:
    return _file("account.html")


@router.get("/{name}", response_class=Response)
async def part(_: Annotated[None, open_to_all()], name: Literal["account.css", "account.js"]) -> Response:
    return _file(name)


def _file(name: str) -> Response:
    content = resources.files(__package__).joinpath("page", name).read_text("utf-8")
    headers = {"Content-Security-Policy": OWN_PAGE}
    return Response(content, media_type=_KINDS[name.rpartition(".")[2]], headers=headers)
