"""Every setting, read once from the environment (`STAKAZO_*`) and `.env`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class Settings(BaseSettings):
    """How this installation runs. Every field can be set as `STAKAZO_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="STAKAZO_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Path("var")
    """Where everything lives that must survive: the embedded database, stored files, the API key."""
    database_url: str | None = None
    """A PostgreSQL (>= 15) of yours, as its owner role: `postgresql://owner:...@host/stakazo`. Unset: embedded."""
    app_database_url: str | None = None
    """The same database as the app's own role. Unset: the owner's connection takes the role `stakazo_app`."""
    database_pool_size: int = Field(default=10, ge=1)
    master_keys: SecretStr | None = None
    """What seals secrets in the database: 32 bytes in base64, newest first, separated by commas. Unset: a file."""

    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=0, le=65535)
    environment: Literal["development", "production"] = "development"
    trusted_hosts: str = ""
    """Names under which this is reached, by commas, beside `public_url`'s and, on loopback, this machine's own. Unset
    and not on loopback: any."""
    cors_origins: str = ""
    """Origins of other pages that may use the API from a browser, by commas: `https://studio.example.com`."""
    debug_endpoints_enabled: bool = Field(default=False, validation_alias="DEBUG_ENDPOINTS_ENABLED")

    public_url: str | None = None
    """Where people reach this: `https://clips.example.com`. Links in e-mails begin with it; https makes cookies secure.
    Unset: `http://<host>:<port>`."""
    registration: Literal["open", "invitation", "closed"] = "invitation"
    """Who can make an account: anybody with an e-mail address, whoever was invited, nobody."""
    session_days: int = Field(default=30, ge=1)
    """How long a sign-in lasts, however often it is used."""
    session_idle_days: int = Field(default=7, ge=1)
    """How long a sign-in lasts that isn't used."""
    password_memory_kib: int = Field(default=46 * 1024, ge=8)
    """Of one Argon2id hash; with `password_passes` what a guess costs. Old hashes are renewed at the next sign-in."""
    password_passes: int = Field(default=2, ge=1)
    password_threads: int = Field(default=2, ge=1)
    """How many passwords are hashed at once: this many times the memory at most."""

    smtp_url: SecretStr | None = None
    """How e-mail goes out: `smtp://user:password@host:587` (STARTTLS), `smtps://` (TLS), `smtp+plain://` (neither).
    Unset: into the folder `outbox` of the data directory."""
    mail_from: str = "Stakazo <stakazo@localhost>"

    oidc_issuer: str | None = None
    """An OpenID provider that people may sign in with: `https://accounts.example.com`."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    """Unset for a public client: PKCE is used in any case."""

    max_upload_bytes: int = Field(default=50 * 1024**3, gt=0)
    allowed_networks: str = ""
    """What users' URLs (imports, webhooks) may reach beside public addresses: names and networks, by commas."""
    upload_timeout: float = Field(default=60.0, gt=0)
    """Seconds without a byte after which an upload counts as broken off."""
    upload_expires: float = Field(default=24 * 3600.0, gt=0)
    """Seconds that an upload in parts waits for its next one before it is forgotten."""
    min_free_bytes: int = Field(default=512 * 1024**2, ge=0)
    """Free disk space below which uploads are refused and health fails."""

    limit_store: str = "memory"
    """Where requests are counted: `memory` of one API process; `database` or `redis://host:6379/0` for several."""
    limit_stranger: str = "120/minute"
    """How many requests of one address pass that don't show who asks."""
    limit_login: str = "20/minute"
    """Sign-ins, resets and the like of one address."""
    limit_failed_login: str = "10/15 minute"
    """Wrong passwords for one account; then it is locked until the first of them is that old."""
    limit_upload: str = "600/minute"
    """Requests of one key or person that carry pieces of files."""
    limit_read: str = "1200/minute"
    limit_write: str = "300/minute"
    limit_spend: str = "60/minute"
    """What publishes or spends."""
    limit_workspace_factor: int = Field(default=5, ge=1)
    """How many times as much a workspace may as one of its keys or people."""
    max_concurrent_uploads: int = Field(default=16, ge=1)
    """Of one workspace, in one API process."""
    storage_url: str | None = None
    """Where finished files lie, for several machines: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`
    (needs `stakazo[object-storage]`; keys and region come from the environment, as for every other program). Unset: in
    `storage` of the data folder."""
    storage_endpoint: str | None = None
    """Of a store that is compatible with these: `https://minio.example.com:9000`."""
    storage_copies_bytes: int = Field(default=20 * 1024**3, ge=0)
    """How much of an object store this machine keeps copies of on its own disk; what is being used may be more."""
    storage_quota_bytes: int | None = None
    """How much the files of one workspace may take: videos and variants. Unset: what the disk has."""

    media_workers: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 2) // 2), ge=1)
    """How many media jobs one worker process runs at once."""
    default_workers: int = Field(default=8, ge=1)
    """How many light jobs one worker process runs at once."""
    heartbeat_interval: float = Field(default=1.0, gt=0)
    """Seconds between a worker's signs of life. After three that didn't come, a worker whose connection is gone too is
    dead."""
    stalled_after: float = Field(default=8.0, gt=0)
    """Seconds without a sign of life after which a worker's jobs are given to others, whatever its connection does."""
    sweep_interval: float = Field(default=1.0, gt=0)
    """Seconds between two looks for jobs that nobody would run."""
    shutdown_grace: float = Field(default=5.0, ge=0)
    """Seconds that running jobs get to finish when a worker is asked to stop; then they are handed back."""

    ads_watch_interval: float = Field(default=300.0, gt=0)
    """Seconds between two looks at whether the campaigns of an ad account are as they were approved."""

    sandbox_url: str = "http://127.0.0.1:8480"
    """Where the sandbox runs that plays the platforms for every channel that isn't live (`stakazo sandbox`)."""
    meta_app_id: str | None = None
    """Your app at developers.facebook.com, for real Instagram and Facebook accounts; with its secret."""
    meta_app_secret: SecretStr | None = None
    tiktok_client_key: str | None = None
    """Your app at developers.tiktok.com, for real TikTok accounts; with its secret."""
    tiktok_client_secret: SecretStr | None = None
    google_client_id: str | None = None
    """Your OAuth client at console.cloud.google.com, for real YouTube channels; with its secret."""
    google_client_secret: SecretStr | None = None
    instagram_app_secret: SecretStr | None = None
    """Of the Instagram app, where accounts are connected with Instagram's own sign-in: it signs their webhooks."""
    meta_verify_token: SecretStr | None = None
    """A word of yours, said to Meta where webhooks are set up: who knows it may send to `/webhook/instagram`."""

    ledger_interval: float = Field(default=2.0, gt=0)
    """Seconds between two looks for events that have no place in the ledger's tree yet."""
    ledger_name: str = Field(default="stakazo", pattern=r"^[^\s+]+$")
    """What the names of new ledgers begin with; like a domain of yours, so that no other installation has the same."""
    ledger_checkpoint_dir: Path | None = None
    """Where signed checkpoints are written, best on another disk than the database. Unset: `checkpoints` in the data
    folder."""

    ledger_store: str | None = None
    """Where the newest checkpoints go too: a folder, or an object store like `s3://bucket/prefix`."""
    ledger_webhook: str | None = None
    """A URL that the newest checkpoints are sent to (POST, text/plain)."""
    ledger_email: str | None = None
    """An address that gets the newest checkpoints once a day."""

    log_format: Literal["auto", "text", "json"] = "auto"
    log_level: Annotated[LogLevel, BeforeValidator(lambda given: str(given).upper())] = "INFO"

    @property
    def silent_after(self) -> float:
        """Seconds without a sign of life after which a worker that the database has lost too is dead."""
        return 3 * self.heartbeat_interval

    @property
    def storage_dir(self) -> Path:
        return self.data_dir / "storage"

    @property
    def checkpoint_dir(self) -> Path:
        return self.ledger_checkpoint_dir or self.data_dir / "checkpoints"

    @property
    def ledger_key_dir(self) -> Path:
        """Where the private keys lie that sign checkpoints."""
        return self.data_dir / "ledger" / "keys"

    @property
    def base_url(self) -> str:
        """Where people reach this, without a slash at the end; never taken from a request."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def outbox_dir(self) -> Path:
        """Where e-mail goes that can't be sent."""
        return self.data_dir / "outbox"

    @property
    def key_file(self) -> Path:
        """Where the first API key is written, readable by its owner only."""
        return self.data_dir / "api_key"

    @property
    def master_key_file(self) -> Path:
        """Where the master keys are unless the setting gives them, readable by their owner only."""
        return self.data_dir / "master_keys"


@cache
def settings() -> Settings:
    return Settings()
