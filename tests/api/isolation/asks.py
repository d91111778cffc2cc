"""How each operation of the contract is asked about the workspace's things; one that isn't here fails the walk.

An operation that takes ids is asked with the workspace's and with made-up ones (`things.py`): to who has no business
there both answers are the same. One that takes none (a list, a sign-in, `GET /health`) is asked as it is: then its
answer must show nothing of the workspace. Either way no row and no file of it has changed afterwards, unless `changes`
says which may: anybody can have a letter sent to anybody's address.

At the end a member who may asks it all too, in this order, reads first: so each question here is shown to be one that
has an answer, and each thing to be there, until what ends things has been asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.api.isolation.stage import FORMER

from stakazo.accounts.roles import Role

PATH = {
    "video_id": "@video",
    "clip_id": "@clip",
    "variant_id": "@variant",
    "job_id": "@job",
    "import_id": "@import",
    "upload_id": "@upload",
    "rule_id": "@rule",
    "key_id": "@key",
    "user_id": "@user",
    "invitation_id": "@invitation",
    "session_id": "@session",
    "workspace_id": "@workspace",
    "channel_id": "@channel",
    "consent_id": "@consent",
    "publication_id": "@publication",
    "ad_account_id": "@ad_account",
    "campaign_id": "@campaign",
    "audience_id": "@audience",
    "item_id": "@item",
    "event_id": "@event",
    "webhook_id": "@webhook",
    "notification_id": "@notification",
    "subscription_id": "@subscription",
    "link_id": "@link",
    "slug": "@slug",
    "subject": "@video",
    "correlation_id": "@correlation",
}
"""What stands for a parameter in a path, unless the ask says otherwise."""

DONE = (200, 201, 202, 204)


@dataclass(frozen=True)
class Ask:
    """One way to ask an operation."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    file: str | None = None
    """What an uploaded video says, behind an MP4's first bytes."""
    data: Mapping[str, str] | None = None
    until: bytes | None = None
    """Of an answer without an end: how far it is read."""
    changes: frozenset[str] = frozenset()
    """Tables of the workspace that this may change, whoever asks."""
    only: Literal["member"] | None = None
    """For what is a proof by itself: whoever has it may, so strangers are not tried with it."""
    by: str = Role.OWNER
    """The member who may."""
    good: tuple[int, ...] = DONE
    """What they are answered."""
    shows: bool | None = None
    """Whether that answer has something of the workspace in it; when not said: what GET answers has."""

    @property
    def said(self) -> list[Any]:
        return [self.path, self.query, self.json, self.headers, self.file, self.data]


def by_query(**query: str) -> list[Ask]:
    """A list as it is, and with each of these filters by itself."""
    return [Ask(), *(Ask(query={name: value}) for name, value in query.items())]


TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}
TAGGED = {"If-Match": "@clip_tag"}
LOUDER = {"platform": "tiktok", "rule": {"render": {"loudness": -13}}}
ADVERTISER = {
    "external_id": "another", "token": "sandbox-another", "currency": "EUR", "time_zone": "UTC", "page_id": "7",
}  # fmt: skip
OFFERED = {"consent_id": "@consent", "receipt": "@receipt", "external_id": "another", "page_id": "7"}
"""Of a sign-in that has ended by then."""
ADVERT = {
    "ad_account_id": "@ad_account", "name": "Another", "objective": "OUTCOME_ENGAGEMENT",
    "goal": "THRUPLAY", "countries": ["US"], "total_budget": 100, "ends_at": "2030-01-01T00:00:00Z",
}  # fmt: skip
SPENDER = {"name": "a", "action": "pause", "metric": "spend", "above": 0}
WISH = {"variant_ids": ["@variant"], "channel_ids": ["@channel"], "at": "2030-01-01T00:00:00Z", "intent_key": "more"}
TARGET = {"name": "spotify", "url": "https://open.spotify.com/track/1"}
BROWSER = {
    "endpoint": "https://push.example.com/new",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
NEW_PASSWORD = "words that nobody has used so far"

ASKS: dict[str, list[Ask]] = {
    # --- what everybody may ask ---
    "GET /health": [Ask(shows=False)],
    "POST /auth/register": [
        Ask(json={"email": "new@example.org", "password": NEW_PASSWORD}, good=(403,)),
        Ask(json={"email": "@email", "password": NEW_PASSWORD, "invitation": "@spent_invitation_link"}, good=(404,)),
        Ask(
            json={"email": "late@example.org", "password": NEW_PASSWORD, "invitation": "@second_invitation_link"},
            only="member",
        ),
    ],
    "POST /auth/register/confirm": [
        Ask(json={"token": "@spent_invitation_link", "password": "@password"}, good=(401,))
    ],
    "POST /auth/login": [
        Ask(json={"email": "@email", "password": "not the password"}, good=(401,)),
        Ask(json={"email": "nobody@example.org", "password": "x", "workspace_id": "@workspace"}, good=(401,)),
        Ask(
            json={"email": "$email", "password": "$password", "workspace_id": "@workspace"}, only="member", by="VIEWER"
        ),
    ],
    "POST /auth/refresh": [
        Ask(json={"refresh_token": "@spent_refresh_token"}, good=(401,)),
        Ask(json={"refresh_token": "@refresh_token"}, only="member"),
    ],
    "POST /auth/password/forgot": [
        Ask(json={"email": "@email"}, changes=frozenset({"links", "ledger_events"})),
    ],
    "POST /auth/password/reset": [Ask(json={"token": "@spent_invitation_link", "password": NEW_PASSWORD}, good=(404,))],
    "POST /auth/email/confirm": [Ask(json={"token": "@spent_invitation_link"}, good=(404,))],
    "GET /auth/oidc": [Ask(good=(404,), shows=False)],
    "GET /auth/oidc/start": [Ask(good=(404,), shows=False)],
    "GET /auth/oidc/callback": [Ask(query={"state": "@session", "code": "@session"}, good=(404,), shows=False)],
    "GET /channels/callback": [Ask(query={"state": "@state", "code": "@mark"}, good=(302,), shows=False)],
    "POST /auth/oidc/second-factor": [Ask(json={"code": "@recovery_code"}, good=(404,))],
    "POST /invitations/look": [
        Ask(json={"token": "@spent_invitation_link"}, good=(404,)),
        Ask(json={"token": "@invitation_link"}, only="member", shows=True),
    ],
    # --- one's own affairs ---
    "GET /auth/me": [Ask()],
    "PATCH /auth/me": [Ask(json={"name": "$name"})],
    "GET /auth/sessions": [Ask()],
    "GET /workspaces": [Ask()],
    "POST /workspaces": [Ask(json={"name": "Another"})],
    "POST /workspaces/{workspace_id}/switch": [Ask()],
    "POST /auth/totp": [
        Ask(json={"password": "@password"}, by="EDITOR", good=(403,)),
        Ask(json={"password": "$password"}, by="EDITOR"),
    ],
    "POST /auth/totp/confirm": [Ask(json={"code": "@recovery_code"}, by="EDITOR", good=(403,))],
    "POST /auth/totp/remove": [
        Ask(json={"password": "@password", "code": "@recovery_code"}, by="MANAGER", good=(403,)),
        Ask(json={"password": "$password", "code": "$recovery_code"}, by="MANAGER"),
    ],
    "POST /auth/recovery-codes": [
        Ask(json={"password": "$password", "code": "@recovery_code"}, by="ANALYST", good=(403,)),
        Ask(json={"password": "$password", "code": "$recovery_code"}),
    ],
    "POST /auth/password/change": [
        Ask(json={"current": "@password", "password": NEW_PASSWORD}, by="ANALYST", good=(403,)),
        Ask(json={"current": "$password", "password": NEW_PASSWORD}, by="ANALYST", only="member"),
    ],
    "POST /auth/email/change": [Ask(json={"email": "@email", "password": "$password"})],
    "POST /invitations/accept": [
        Ask(json={"token": "@spent_invitation_link"}, good=(404,)),
        Ask(json={"token": "@invitation_link"}, only="member", by=FORMER, shows=True),
    ],
    # --- the workspace and who is in it ---
    "GET /workspaces/{workspace_id}": [Ask(), Ask(path={"workspace_id": "$workspace"})],
    "PATCH /workspaces/{workspace_id}": [Ask(json={"name": "Renamed"}), Ask(json={"name": "@workspace_name"})],
    "GET /workspaces/{workspace_id}/export": [Ask(), Ask(path={"workspace_id": "$workspace"})],
    "GET /members": [Ask()],
    "GET /members/{user_id}": [Ask()],
    "PATCH /members/{user_id}": [Ask(json={"role": "ANALYST"})],
    "GET /invitations": [Ask()],
    "POST /invitations": [
        Ask(json={"role": "VIEWER"}),
        Ask(json={"role": "VIEWER", "email": "@email"}, good=(409,)),
        Ask(json={"role": "VIEWER"}, headers={"Idempotency-Key": "@idempotency_key"}),
    ],
    "GET /invitations/{invitation_id}": [Ask()],
    "DELETE /invitations/{invitation_id}": [Ask()],
    "GET /api-keys": [Ask()],
    "POST /api-keys": [Ask(json={"name": "robot"})],
    "GET /api-keys/{key_id}": [Ask()],
    # --- jobs ---
    "GET /jobs": by_query(video_id="@video", clip_id="@clip", parent_id="@old_job", correlation_id="@correlation"),
    "GET /jobs/{job_id}": [Ask(), Ask(path={"job_id": "@failed_job"})],
    "POST /jobs/{job_id}/cancel": [Ask()],
    "POST /jobs/{job_id}/retry": [Ask()],
    "POST /jobs/{job_id}/process": [Ask()],
    "POST /jobs/process": [Ask()],
    "POST /jobs": [Ask(json={"type": "cut_analysis", "video_id": "@video"})],
    "GET /live": [Ask(until=b"event: ready"), Ask(query={"job_id": "@failed_job"}, until=b"event: ready")],
    # --- what comes in ---
    "POST /upload": [
        Ask(file="@mark"),
        Ask(file="walk @mark", data={"dedup_key": "@dedup_key"}),
        Ask(file="by header @mark", headers={"Idempotency-Key": "@dedup_key"}),
    ],
    "GET /imports": by_query(video_id="@video"),
    "POST /imports": [Ask(json={"url": "http://127.0.0.1:9/a.mp4", "dedup_key": "@dedup_key"})],
    "GET /imports/{import_id}": [Ask()],
    "OPTIONS /uploads": [Ask(shows=False)],
    "POST /uploads": [Ask(headers=TUS | {"Upload-Length": "2000"})],
    "OPTIONS /uploads/{upload_id}": [Ask()],
    "HEAD /uploads/{upload_id}": [Ask(headers=TUS, shows=True)],
    "PATCH /uploads/{upload_id}": [
        Ask(headers=BYTES | {"Upload-Offset": "0"}, content=b"more", good=(409,)),
        Ask(headers=BYTES | {"Upload-Offset": "@arrived"}, content=b"more"),
    ],
    "POST /uploads/{upload_id}": [
        Ask(headers=BYTES | {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}, content=b"more", good=(409,)),
        Ask(path={"upload_id": "@second_upload"}, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}),
    ],
    # --- videos, clips, variants ---
    "GET /videos": [
        Ask(),
        Ask(query={"title": "@mark"}),
    ],
    "GET /videos/{video_id}": [Ask(), Ask(headers={"If-None-Match": "@video_tag"}, good=(304,), shows=False)],
    "GET /videos/{video_id}/analysis": [Ask()],
    "GET /videos/{video_id}/source": [Ask(), Ask(headers={"Range": "bytes=0-"}, good=(206,))],
    "GET /clips": by_query(video_id="@video"),
    "GET /clips/{clip_id}": [Ask(), Ask(headers={"If-None-Match": "@clip_tag"}, good=(304,), shows=False)],
    "PATCH /clips/{clip_id}": [Ask(json={"end": 8.5}, headers=TAGGED), Ask(json={"end": 9.0})],
    "POST /clips/{clip_id}/accept": [Ask(headers={"If-Match": '"stale"'}, good=(412,)), Ask()],
    "GET /clips/{clip_id}/thumbnail": [Ask()],
    "GET /clips/{clip_id}/filmstrip": [Ask()],
    "POST /clips/{clip_id}/variants": [
        Ask(query={"dry_run": "true"}),
        Ask(json={"recipes": ["tiktok"]}, headers={"Idempotency-Key": "@mark"}),
    ],
    "POST /clips/{clip_id}/reject": [Ask(headers={"If-Match": '"stale"'}, good=(412,)), Ask()],
    "GET /variants": by_query(clip_id="@clip", video_id="@video"),
    "GET /variants/{variant_id}": [Ask()],
    "GET /variants/{variant_id}/file": [Ask()],
    # --- publishing ---
    "GET /videos/{video_id}/rights": [Ask()],
    "PUT /videos/{video_id}/rights": [Ask(json={"artist": "Another"})],
    "GET /publishing/policy": [Ask(shows=False)],
    "PUT /publishing/policy": [Ask(json={"approval": "anyone"})],
    "GET /channels": [Ask()],
    "POST /channels": [
        Ask(json={"platform": "youtube", "external_id": "another", "token": "sandbox-another"}, good=(503,))
    ],
    "POST /channels/connect": [Ask(json={"platform": "tiktok"})],
    "GET /channels/connect/{consent_id}": [Ask()],
    "POST /channels/connect/{consent_id}/choose": [
        Ask(json={"receipt": "@receipt", "accounts": [{"platform": "tiktok", "external_id": "@offered"}]}),
        Ask(json={"receipt": "@receipt", "accounts": [{"platform": "tiktok", "external_id": "@offered"}]}, good=(409,)),
    ],
    "GET /channels/{channel_id}": [Ask()],
    "GET /channels/{channel_id}/allowance": [Ask(shows=False)],
    "PATCH /channels/{channel_id}": [Ask(json={"name": "Another"})],
    "POST /channels/{channel_id}/live": [Ask(json={"live": False})],
    "GET /publications": by_query(channel_id="@channel", variant_id="@variant", clip_id="@clip", video_id="@video"),
    "POST /publications": [
        Ask(json=WISH, query={"dry_run": "true"}, shows=True),
        Ask(json=WISH),
    ],
    "GET /publications/{publication_id}": [Ask()],
    "PATCH /publications/{publication_id}": [Ask(json={"first_comment": "More"})],
    "POST /publications/{publication_id}/submit": [Ask(path={"publication_id": "@draft"})],
    "POST /publications/{publication_id}/approve": [Ask()],
    "POST /publications/{publication_id}/cancel": [Ask()],
    "POST /publications/{publication_id}/retry": [Ask(path={"publication_id": "@failed_publication"})],
    "POST /publications/{publication_id}/first_comment": [Ask(path={"publication_id": "@posted"})],
    "POST /confirm_publish": [
        Ask(
            json={"variant_id": "@variant", "platform": "facebook", "channel_id": "@broken_channel", "external_id": "8"}
        )
    ],
    # --- what came back ---
    "GET /publications/{publication_id}/metrics": [Ask(path={"publication_id": "@posted"})],
    "POST /publications/{publication_id}/metrics": [Ask(path={"publication_id": "@posted"})],
    "GET /clips/{clip_id}/series": [Ask()],
    "GET /campaigns/{campaign_id}/metrics": [Ask()],
    "POST /campaigns/{campaign_id}/metrics": [Ask()],
    "GET /inbox": by_query(channel_id="@channel", publication_id="@posted"),
    "GET /inbox/{item_id}": [Ask()],
    "POST /inbox/{item_id}/reply": [Ask(json={"text": "Thanks"})],
    "POST /inbox/{item_id}/done": [Ask(path={"item_id": "@done_item"})],
    "POST /inbox/{item_id}/reopen": [Ask(path={"item_id": "@done_item"})],
    "GET /webhook/instagram": [Ask(good=(403,), shows=False)],
    "POST /webhook/instagram": [Ask(json={"object": "instagram", "entry": []}, good=(403,))],
    "POST /webhook/tiktok": [Ask(json={"event": "post.publish.complete"}, good=(403,))],
    "GET /webhook/youtube": [Ask(good=(403,), shows=False)],
    "POST /webhook/youtube": [Ask(json={}, good=(403,))],
    # --- telling others ---
    "GET /notifications": [Ask()],
    "GET /notifications/{notification_id}": [Ask()],
    "PATCH /notifications/{notification_id}": [Ask(json={"read": True})],
    "POST /notifications/read": [Ask()],
    "GET /notifications/settings": [Ask()],
    "PUT /notifications/settings": [Ask(json={"hour": 9})],
    "GET /notifications/push-key": [Ask(shows=False)],
    "GET /notifications/subscriptions": [Ask()],
    "POST /notifications/subscriptions": [Ask(json=BROWSER)],
    "GET /webhooks": [Ask()],
    "POST /webhooks": [Ask(json={"url": "https://hooks.example.com/another"})],
    "GET /webhooks/{webhook_id}": [Ask()],
    "PATCH /webhooks/{webhook_id}": [Ask(json={"description": "Another"})],
    "POST /webhooks/{webhook_id}/rotate": [Ask()],
    "POST /webhooks/{webhook_id}/test": [Ask()],
    "GET /webhooks/{webhook_id}/deliveries": by_query(event_id="@event_told"),
    "POST /webhooks/{webhook_id}/replay": [
        Ask(json={"delivery_id": "@delivery"}),
        Ask(json={"since": "2026-01-01T00:00:00Z"}),
    ],
    # --- smart links: whoever has one may follow it ---
    "GET /links": by_query(clip_id="@clip"),
    "POST /links": [Ask(json={"targets": [TARGET]}), Ask(json={"targets": [TARGET], "clip_id": "@clip"})],
    "GET /links/{link_id}": [Ask()],
    "PATCH /links/{link_id}": [Ask(json={"title": "Another"}), Ask(json={"clip_id": "@clip"})],
    "GET /links/{link_id}/clicks": [Ask()],
    "GET /l/{slug}": [
        Ask(path={"slug": "nobodys-own"}, good=(404,), shows=False),
        Ask(only="member", good=(302,), shows=True),
    ],
    "POST /l/{slug}/conversion": [
        Ask(path={"slug": "nobodys-own"}, json={"click": "@click"}, good=(404,)),
        Ask(json={"click": "@click"}, only="member"),
    ],
    # --- advertising ---
    "GET /ad-accounts": [Ask()],
    "POST /ad-accounts": [Ask(json=ADVERTISER, good=(503,)), Ask(json=OFFERED, good=(409,))],
    "GET /ad-accounts/{ad_account_id}": [Ask()],
    "PATCH /ad-accounts/{ad_account_id}": [Ask(json={"name": "Another"})],
    "GET /ad-accounts/{ad_account_id}/audiences": [Ask(good=(503,), shows=False)],
    "GET /ad-accounts/{ad_account_id}/lead-forms": [Ask(good=(503,), shows=False)],
    "GET /ad-accounts/{ad_account_id}/targeting": [
        Ask(query={"kind": "city", "words": "Paris"}, good=(503,), shows=False)
    ],
    "POST /ad-accounts/{ad_account_id}/live": [Ask(json={"live": False})],
    "GET /ads/policy": [Ask()],
    "PUT /ads/policy": [Ask(json={"limits": {"EUR": {"day": 1000}}})],
    "GET /ads/rules": [Ask()],
    "PUT /ads/rules": [Ask(json={"rules": []})],
    "POST /ads/stop": [Ask(json={"stopped": False})],
    "GET /audiences": by_query(ad_account_id="@ad_account"),
    "POST /audiences": [Ask(json={"ad_account_id": "@ad_account", "name": "Another", "crowd": "page"})],
    "GET /audiences/{audience_id}": [Ask()],
    "POST /audiences/{audience_id}/people": [Ask(json={"people": [{"email": "a@example.org"}], "consent": True})],
    "POST /audiences/{audience_id}/retry": [Ask(path={"audience_id": "@failed_audience"})],
    "GET /campaigns": by_query(ad_account_id="@ad_account", variant_id="@variant", publication_id="@posted"),
    "POST /campaigns": [
        Ask(json=ADVERT | {"variant_id": "@variant"}),
        Ask(json=ADVERT | {"publication_id": "@posted"}),
    ],
    "GET /campaigns/{campaign_id}": [Ask()],
    "PATCH /campaigns/{campaign_id}": [Ask(json={"name": "Another"})],
    "POST /campaigns/{campaign_id}/duplicate": [Ask(json={"variant_id": "@variant"})],
    "POST /campaigns/{campaign_id}/activate": [Ask()],
    "POST /campaigns/{campaign_id}/simulate": [Ask(json={"rules": [SPENDER]}, shows=False)],
    "POST /campaigns/{campaign_id}/undo": [Ask()],
    "POST /campaigns/{campaign_id}/pause": [Ask()],
    "POST /campaigns/{campaign_id}/retry": [Ask(path={"campaign_id": "@failed_campaign"})],
    "POST /campaigns/{campaign_id}/archive": [Ask()],
    # --- rules ---
    "GET /rules": [Ask(query={"state": "PROPOSED"})],
    "POST /rules": [
        Ask(json=LOUDER | {"evidence": {"why": "@mark"}}, query={"dry_run": "true"}, shows=True),
        Ask(json=LOUDER),
    ],
    "GET /rules/{rule_id}": [Ask()],
    "POST /rules/{rule_id}/activate": [Ask()],
    "POST /rules/{rule_id}/retire": [Ask()],
    # --- the ledger ---
    "GET /ledger/events": by_query(subject="clip/@clip", actor="@maker", correlation_id="@correlation"),
    "GET /ledger/trace/{subject}": [Ask(), Ask(path={"subject": "@clip"})],
    "GET /ledger/checkpoints": [Ask()],
    "GET /ledger/checkpoints/latest": [Ask()],
    "GET /ledger/keys": [Ask()],
    "GET /ledger/proof/{event_id}": [Ask()],
    "GET /ledger/consistency": [Ask(query={"from": "@size", "to": "@size"})],
    "GET /ledger/export": by_query(subject="video/@video", correlation_id="@correlation", actor="@maker"),
    "GET /ledger/statement": [
        Ask(),
        Ask(query={"video_id": "@video"}),
        Ask(query={"video_id": "@video", "format": "pdf"}, shows=False),
    ],
    "POST /ledger/erasures": [Ask(json={"person": "@person"})],
    # --- looking inside ---
    "GET /debug/ledger/recent": [Ask()],
    "GET /debug/ledger/trace/{correlation_id}": [Ask()],
    "GET /debug/jobs/summary": [Ask(shows=False)],
    "GET /debug/clips/summary": [Ask(shows=False)],
    "GET /debug/health": [Ask(good=(200, 503), shows=False)],
    # --- what ends things: the smaller ones first ---
    "DELETE /publications/{publication_id}": [Ask(path={"publication_id": "@posted"})],
    "DELETE /audiences/{audience_id}": [Ask()],
    "DELETE /ad-accounts/{ad_account_id}": [Ask(path={"ad_account_id": "@broken_ad_account"})],
    "DELETE /channels/{channel_id}": [Ask(path={"channel_id": "@broken_channel"})],
    "DELETE /webhooks/{webhook_id}": [Ask()],
    "DELETE /links/{link_id}": [Ask()],
    "DELETE /notifications/subscriptions/{subscription_id}": [Ask()],
    "DELETE /uploads/{upload_id}": [Ask(headers=TUS)],
    "DELETE /variants/{variant_id}": [Ask(headers={"If-Match": '"stale"'}, good=(412,)), Ask(good=(409,))],
    "DELETE /clips/{clip_id}": [
        Ask(path={"clip_id": "@other_clip"}, headers={"If-Match": '"stale"'}, good=(412,)),
        Ask(path={"clip_id": "@other_clip"}),
    ],
    "DELETE /videos/{video_id}": [Ask(headers={"If-Match": '"stale"'}, good=(412,)), Ask(good=(409,))],
    "DELETE /api-keys/{key_id}": [Ask()],
    "DELETE /auth/sessions/{session_id}": [Ask(by="VIEWER")],
    "DELETE /auth/sessions": [Ask(by="VIEWER")],
    "POST /auth/logout": [Ask(json={"refresh_token": "@spent_refresh_token"}, by="VIEWER")],
    "DELETE /members/{user_id}": [Ask(), Ask(path={"user_id": "@manager"})],
    "POST /auth/me/delete": [
        Ask(json={"password": "@password"}, by="VIEWER", good=(403,)),
        Ask(json={"password": "$password"}, by="VIEWER", only="member"),
    ],
    "POST /workspaces/{workspace_id}/transfer": [Ask(json={"user_id": "@editor"})],
    "POST /workspaces/{workspace_id}/leave": [Ask(by="ANALYST")],
    "DELETE /workspaces/{workspace_id}": [Ask(query={"name": "@workspace_name"}, by="EDITOR")],
}
"""By method and path."""
