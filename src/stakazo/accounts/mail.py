"""E-mail: by SMTP where it is configured, else into a folder where whoever runs this can read it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from stakazo.accounts.letters import Letter
from stakazo.core.actor import new_id
from stakazo.core.errors import Unavailable
from stakazo.core.private import write_private
from stakazo.core.settings import Settings

log = structlog.get_logger("stakazo.mail")

TIMEOUT = 20.0
MOMENT = 5.0
"""Seconds that letters under way get when the process ends."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """A server that takes our e-mail."""

    host: str
    port: int
    security: str
    """`starttls`, `tls` or `plain`."""
    user: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Smtp:
        """Of `smtp://`, `smtps://` or `smtp+plain://`. Raises Unavailable."""
        kinds = {"smtp": ("starttls", 587), "smtps": ("tls", 465), "smtp+plain": ("plain", 25)}
        try:
            parts = urlsplit(url)
            given = parts.port
        except ValueError:
            parts, given = urlsplit(""), None
        if parts.scheme not in kinds or not parts.hostname:
            raise Unavailable("STAKAZO_SMTP_URL is none: smtp://user:password@host:587, smtps:// or smtp+plain://.")
        security, port = kinds[parts.scheme]
        user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        return cls(parts.hostname, given or port, security, user, password)


class Post:
    """Takes letters and sends them in the background, so that nobody can tell from an answer whether one went out."""

    def __init__(
        self, settings: Settings, *, trust: ssl.SSLContext | None = None, pauses: tuple[float, ...] = (2.0, 8.0)
    ) -> None:
        self._smtp = Smtp.parse(settings.smtp_url.get_secret_value()) if settings.smtp_url else None
        self._outbox, self._sender = settings.outbox_dir, settings.mail_from
        self._trust, self._pauses = trust, pauses
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, letter: Letter) -> None:
        """Have it sent soon; nobody waits for that. What can't be sent ends in the outbox, and the log says so."""
        task = asyncio.create_task(self._send(letter))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self, moment: float = MOMENT) -> None:
        """Give what is under way so many seconds; the rest ends in the outbox."""
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=moment)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _send(self, letter: Letter) -> None:
        message = self._written(letter)
        if self._smtp is None:
            file = await asyncio.to_thread(self._keep, message)
            log.info("mail_in_outbox", subject=letter.subject, file=str(file))
            return
        try:
            await self._try(self._smtp, message)
        except (OSError, smtplib.SMTPException, asyncio.CancelledError) as error:
            file = self._keep(message)
            why = type(error).__name__  # not its words: they could quote the letter
            log.error("mail_not_sent", subject=letter.subject, file=str(file), error=why)  # noqa: TRY400 - likewise
        else:
            log.info("mail_sent", subject=letter.subject)

    async def _try(self, smtp: Smtp, message: EmailMessage) -> None:
        for pause in self._pauses:
            try:
                return await asyncio.to_thread(self._hand_over, smtp, message)
            except (OSError, smtplib.SMTPException):
                await asyncio.sleep(pause)
        return await asyncio.to_thread(self._hand_over, smtp, message)

    def _written(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, letter.to, letter.subject
        message["Date"], message["Message-ID"] = format_datetime(datetime.now(UTC)), make_msgid(domain="stakazo")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text + "\n", cte="8bit")  # links stay whole
        return message

    def _keep(self, message: EmailMessage) -> Path:
        file = self._outbox / f"{new_id()}.eml"
        write_private(file, message.as_bytes().decode())
        return file

    def _hand_over(self, smtp: Smtp, message: EmailMessage) -> None:
        trust = self._trust or ssl.create_default_context()
        if smtp.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT, context=trust)
        else:
            server = smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT)
        with server:
            if smtp.security == "starttls":
                server.starttls(context=trust)
            if smtp.user is not None:
                server.login(smtp.user, smtp.password or "")
            server.send_message(message)
