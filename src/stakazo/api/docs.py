"""The contract as a page to read and try: Swagger UI, served from here; no other host is asked for anything."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from stakazo.api.browsers import OWN_PAGE
from stakazo.api.deps import open_to_all

router = APIRouter(prefix="/docs", include_in_schema=False)

ASSETS = Path(str(files("fastapi_offline"))) / "static"
"""The package is kept for its copy of Swagger UI alone."""

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stakazo: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
<div id="swagger-ui" data-contract="{root}/openapi.json"></div>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/start.js"></script>
</html>
"""
START = """\
const place = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: place.dataset.contract, domNode: place, deepLinking: true, displayRequestDuration: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset], layout: "BaseLayout",
});
"""
KEEP = {"Cache-Control": "public, max-age=86400"}


@router.get("")
async def page(request: Request, _: Annotated[None, open_to_all()]) -> Response:
    root = request.scope.get("root_path", "")
    return HTMLResponse(PAGE.replace("{root}", root), headers={"Content-Security-Policy": OWN_PAGE})


@router.get("/start.js")
async def start(_: Annotated[None, open_to_all()]) -> Response:
    return Response(START, media_type="text/javascript")


@router.get("/swagger-ui-bundle.js")
async def script(_: Annotated[None, open_to_all()]) -> Response:
    return FileResponse(ASSETS / "swagger-ui-bundle.js", media_type="text/javascript", headers=KEEP)


@router.get("/swagger-ui.css")
async def style(_: Annotated[None, open_to_all()]) -> Response:
    return FileResponse(ASSETS / "swagger-ui.css", media_type="text/css", headers=KEEP)
