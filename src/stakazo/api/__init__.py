"""The API: every router on one screen."""

from __future__ import annotations

from fastapi import APIRouter

from stakazo.api import clips, debug, health, imports, jobs, ledger, live, rules, uploads, variants, videos

ROUTERS: tuple[APIRouter, ...] = (
    health.router,  # GET /health, without a key
    uploads.router,  # POST /upload
    imports.router,  # /imports
    videos.router,  # /videos
    jobs.router,  # /jobs
    live.router,  # GET /live
    clips.router,  # /clips, POST /clips/{id}/variants
    variants.router,  # /variants
    rules.router,  # /rules
    ledger.router,  # /ledger
    debug.router,  # /debug, off unless DEBUG_ENDPOINTS_ENABLED
)
