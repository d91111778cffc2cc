"""The API: every router on one screen."""

from __future__ import annotations

from fastapi import APIRouter

from stakazo.api import (
    account,
    ad_accounts,
    audiences,
    auth,
    campaigns,
    channels,
    clips,
    connect,
    debug,
    health,
    imports,
    inbox,
    invitations,
    jobs,
    keys,
    ledger,
    links,
    live,
    members,
    metrics,
    news,
    notifications,
    oidc,
    own_audiences,
    pages,
    publications,
    rights,
    rules,
    tus,
    uploads,
    variants,
    videos,
    webhooks,
    workspaces,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,  # GET /health, without a key
    auth.router,  # /auth: register, login, refresh, logout, me
    account.router,  # /auth: password, e-mail, second factor, sessions
    oidc.router,  # /auth/oidc
    pages.router,  # GET /account, for the links in e-mails
    workspaces.router,  # /workspaces
    members.router,  # /members
    invitations.router,  # /invitations
    keys.router,  # /api-keys
    uploads.router,  # POST /upload
    imports.router,  # /imports
    tus.router,  # /uploads: in parts
    videos.router,  # /videos
    jobs.router,  # /jobs
    live.router,  # GET /live
    clips.router,  # /clips, POST /clips/{id}/variants
    variants.router,  # /variants
    rights.router,  # /videos/{id}/rights, /publishing/policy
    connect.router,  # /channels/connect, before /channels/{id}
    channels.router,  # /channels
    publications.router,  # /publications, POST /confirm_publish
    metrics.router,  # /publications/{id}/metrics, /clips/{id}/series
    ad_accounts.router,  # /ad-accounts, /ads/policy, POST /ads/stop
    audiences.router,  # /ad-accounts/{id}/audiences, /ad-accounts/{id}/targeting
    own_audiences.router,  # /audiences
    campaigns.router,  # /campaigns
    inbox.router,  # /inbox
    news.router,  # /webhook: what platforms tell by themselves
    rules.router,  # /rules
    notifications.router,  # /notifications
    webhooks.router,  # /webhooks
    links.router,  # /links, /l/{slug}
    ledger.router,  # /ledger
    debug.router,  # /debug, off unless DEBUG_ENDPOINTS_ENABLED
)
