"""Every operation of the contract, called with what fits it and with what doesn't: it answers as the contract says.

In the suite there are few examples, and always the same; `make explore` looks at many, and at the edges of every value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from tests.ads.stand import Stand
from tests.api.committed import FILE
from tests.exploring import DEEP, exploration
from tests.near import NEAR

from stakazo.clips import service as clips
from stakazo.media.choice import Part, Pick, Score, Window
from stakazo.videos import service as videos
from stakazo.videos.models import VideoAsset

contract = schemathesis.openapi.from_path(
    FILE,
    config=SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": DEEP}}}),
)
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ENDLESS = "/live"
"""A stream that doesn't end by itself; `test_live.py` has it."""
ALONE = (
    "GET /debug/health",
    "POST /ad-accounts",
    "GET /ad-accounts/{ad_account_id}/audiences",
    "GET /channels/{channel_id}/allowance",
    "GET /ad-accounts/{ad_account_id}/lead-forms",
    "GET /ad-accounts/{ad_account_id}/targeting",
    "POST /audiences",
    "POST /campaigns",
    "PATCH /campaigns/{campaign_id}",
    "POST /campaigns/{campaign_id}/duplicate",
    "POST /channels",
)
"""Say 503, as they promise, when there is no worker or no platform, and there are none here."""
PERSONAL = ("/auth", "/workspaces", "/members", "/invitations")
"""What is asked for by a person; for each by another, who may sign themselves out, or worse."""
PAID = ("/campaigns", "/ad-accounts", "/audiences")
PASSWORD = "a quiet sentence of mine"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 2000

Known = dict[str, str]
"""What is there, by the names that parameters and fields have for it."""


@pytest.fixture(scope="module")
def workshop(house: Any) -> Iterator[Workshop]:
    """One workspace for the things of all operations, and one for each that is about people."""
    site = house.site()
    with site.client() as client:
        yield Workshop(house, site, client)


class Workshop:
    """Makes a little of everything."""

    def __init__(self, house: Any, site: Any, client: httpx.Client) -> None:
        self.house, self.site, self.client = house, site, client
        self._there: dict[str, tuple[str, Known]] = {}

    def there(self, path: str, operation: str) -> tuple[str, Known]:
        """As whom an operation is asked for, and what is there for it: its own where it may take that away."""
        if path.startswith(PERSONAL):
            kind, made = "personal", self.somebody
        elif path.startswith(PAID):
            kind, made = "paid", lambda: (self.site.key, self.things() | self.campaign())
        else:
            kind, made = "things", lambda: (self.site.key, self.things())
        whose = f"{kind} {'' if operation.startswith('GET') else operation}"
        if whose not in self._there:
            self._there[whose] = made()
        return self._there[whose]

    def somebody(self) -> tuple[str, Known]:
        """A person who owns the workspace: their access token, and what they know."""
        with self.house.site().client() as client:
            link = _posted(client, "/invitations", {"role": "OWNER"})["link"].partition("=")[2]
            invited = _posted(client, "/invitations", {"role": "EDITOR"})
        email = f"{uuid4().hex}@example.org"
        said = {"email": email, "password": PASSWORD, "invitation": link}
        session = httpx.post(f"{self.site.url}/auth/register", json=said, **NEAR).json()
        link = invited["link"].partition("=")[2]
        return session["access_token"], {
            "workspace_id": session["workspace_id"],
            "user_id": session["user_id"],
            "session_id": session["session_id"],
            "refresh_token": session["refresh_token"],
            "invitation_id": invited["invitation"]["id"],
            "invitation": link,
            "token": link,
            "email": email,
            "password": PASSWORD,
            "current": PASSWORD,
            "name": "Blue Note",
        }

    def campaign(self) -> Known:
        """A campaign, and the account that pays for it."""
        stand = Stand(self.site, None, self.client)
        known = {"campaign_id": str(stand.launched()), "ad_account_id": stand.account()}
        return known | {"audience_id": str(stand.audience())}

    def things(self) -> Known:
        """What lies in the workspace."""
        video = self.client.post("/upload", files={"file": ("a.mp4", MP4 + uuid4().bytes)}).json()
        clip_id = self.site.within(lambda session: _propose(session, UUID(video["video"]["id"])))
        ordered = _posted(self.client, f"/clips/{clip_id}/variants", {"recipes": ["tiktok"]})
        part = self.client.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5000"})
        return {
            "video_id": video["video"]["id"],
            "subject": video["video"]["id"],
            "job_id": video["job"]["id"],
            "correlation_id": video["job"]["correlation_id"],
            "clip_id": str(clip_id),
            "variant_id": ordered["variants"][0]["id"],
            "upload_id": part.headers["location"].rsplit("/", 1)[1],
            "rule_id": _posted(self.client, "/rules", {"platform": "tiktok", "rule": {}})["id"],
            "link_id": _posted(self.client, "/links", {"targets": [{"name": "a", "url": "https://a.example/a"}]})["id"],
            "import_id": _posted(self.client, "/imports", {"url": "https://a.example/a.mp4"})["id"],
            "key_id": _posted(self.client, "/api-keys", {"name": "a", "permissions": ["clips:read"]})["key"]["id"],
            "event_id": self.client.get("/ledger/events").json()["items"][0]["id"],
        }


def _posted(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def _propose(session: AsyncSession, video_id: UUID) -> UUID:
    await session.execute(update(VideoAsset).where(VideoAsset.id == video_id).values(duration=60.0))
    pick = Pick(Window(0.0, 8.0, "bar", "shot"), Score((Part("hook", 0.9, 1.0, "the hook"),)), ("the hook",), 1.0)
    video = await videos.get(session, video_id)
    proposal = await clips.propose(session, video, [pick], None, [clips.Pictures(None, None)])
    return proposal.clips[0].id


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # Schemathesis does, in its own strategies
@contract.exclude(path=ENDLESS).parametrize()
@exploration(3, shrink=False)
def test_every_operation_answers_as_it_promised(case: schemathesis.Case, workshop: Workshop) -> None:
    token, known = workshop.there(case.operation.path, case.operation.label)
    case.path_parameters = _filled(case.path_parameters, known)
    case.query = _filled(case.query, known)
    case.body = _filled(case.body, known)
    checks = CHECKS[1:] if case.operation.label in ALONE else CHECKS
    headers = {"Authorization": f"Bearer {token}"}
    case.call_and_validate(base_url=workshop.site.url, headers=headers, checks=checks, timeout=60)


def _filled(values: Any, known: Known) -> Any:
    """With what is there in place of every second of the words that stand where it could."""
    if not isinstance(values, dict):
        return values
    return {name: known[name] if name in known and _by_chance(value) else value for name, value in values.items()}


def _by_chance(value: Any) -> bool:
    return isinstance(value, str) and sum(value.encode("utf-8", "replace")) % 2 == 0
