"""The ways to a person: mail, LINE, webhook, and whatever else Apprise reaches.

Mail and LINE are done here and not through Apprise, which tells no reason of a failure and knows neither LINE's retry
key nor a Message-ID of one's own: without these a repeat would be a second message. Secrets are read from their files
at every attempt, so a new one holds at once, and none is in a result.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog

from central.core.hooks import signature
from central.core.news import Severity
from central.core.notify.delivery import Delivery, Outcome, Result
from central.core.notify.people import Channel
from central.outgoing import OutgoingError, post
from central.settings import MailSecurity, MailSettings, NotifySettings, SettingsError, read_secret

log = structlog.get_logger(__name__)

MAIL_WAIT_S: Final = 10.0
POST_WAIT_S: Final = 10.0
LINE_CHARS_MAX: Final = 5_000
USED_UP: Final = "monthly limit"
"""LINE's answer 429 says this when the month's messages are used up, and something else when they come too fast."""


class Sender(Protocol):
    """One channel."""

    async def send(self, delivery: Delivery, address: str) -> Result:
        """Try once. Raises nothing that is foreseen."""
        ...


def senders_of(
    settings: NotifySettings, *, allow_hosts: Collection[str], now: Callable[[], int]
) -> dict[Channel, Sender]:
    """The channels that are set up."""
    found: dict[Channel, Sender] = {}
    if settings.line_token_file:
        found[Channel.LINE] = LineSender(settings)
    if settings.mail.host:
        found[Channel.MAIL] = MailSender(settings.mail)
    if settings.webhook_secret_file:
        found[Channel.WEBHOOK] = WebhookSender(settings, allow_hosts, now)
    if settings.apprise:
        found[Channel.APPRISE] = AppriseSender(settings)
    return found


class LineSender:
    """LINE Messaging API, push. The delivery's id is the retry key, by which LINE shows one message only."""

    def __init__(self, settings: NotifySettings) -> None:
        self._token_file = settings.line_token_file
        self._url = f"{settings.line_url}/v2/bot/message/push"

    async def send(self, delivery: Delivery, address: str) -> Result:
        """Push once."""
        try:
            token = read_secret(self._token_file) or ""
        except SettingsError as error:
            return Result(outcome=Outcome.LATER, said=f"LINE token: {error}")
        text = f"{delivery.subject}\n{delivery.text}"[:LINE_CHARS_MAX]
        body = json.dumps({"to": address, "messages": [{"type": "text", "text": text}]}, ensure_ascii=False).encode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Line-Retry-Key": delivery.id,
        }
        try:
            # Its address is the settings', so nobody else chose it.
            host = urlsplit(self._url).hostname or ""
            answer = await post(self._url, body, headers, allow=[host], whole_s=POST_WAIT_S)
        except OutgoingError as error:
            return Result(outcome=Outcome.LATER, said=str(error))
        return line_result(answer.status, answer.body)


def line_result(status: int, body: bytes) -> Result:
    """What an answer of LINE's means."""
    try:
        told = json.loads(body)
        message = str(told.get("message", "")) if isinstance(told, dict) else ""
    except ValueError:
        message = ""
    said = f"LINE {status}" + (f": {message}" if message else "")
    if status == 409:
        return Result(outcome=Outcome.TAKEN, said="LINE 409: was taken before")
    if status == 429:
        is_used_up = USED_UP in message.lower()
        return Result(outcome=Outcome.REFUSED if is_used_up else Outcome.LATER, said=said)
    if 200 <= status < 300:
        return Result(outcome=Outcome.TAKEN, said=said)
    # A token that is refused can be mended; a person or a message that is unknown to LINE will stay so.
    return Result(outcome=Outcome.REFUSED if status in {400, 404, 413} else Outcome.LATER, said=said)


class MailSender:
    """A mail server. The delivery's id is in the Message-ID, by which mail programs know a repeat."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    async def send(self, delivery: Delivery, address: str) -> Result:
        """Send once, in a thread: the standard library's client waits."""
        return await asyncio.to_thread(self._send, delivery, address)

    def _send(self, delivery: Delivery, address: str) -> Result:
        mail = self._settings
        try:
            with self._connected() as server:
                if mail.user:
                    server.login(mail.user, read_secret(mail.password_file) or "")
                server.send_message(mail_of(delivery, mail.sender or "", address), mail.sender, [address])
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()), (0, b""))
            return _refused(code, text)
        except smtplib.SMTPAuthenticationError as error:
            return Result(outcome=Outcome.LATER, said=f"mail: user or password is refused ({error.smtp_code})")
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError, SettingsError, UnicodeError) as error:
            return Result(outcome=Outcome.LATER, said=f"mail: {error}")
        return Result(outcome=Outcome.TAKEN, said=f"mail: taken by {mail.host}")

    def _connected(self) -> smtplib.SMTP:
        mail, host = self._settings, self._settings.host or ""
        if mail.security is MailSecurity.NONE:
            return smtplib.SMTP(host, mail.port, timeout=MAIL_WAIT_S)
        context = ssl.create_default_context(cafile=str(mail.ca_file) if mail.ca_file else None)
        if mail.security is MailSecurity.TLS:
            return smtplib.SMTP_SSL(host, mail.port, timeout=MAIL_WAIT_S, context=context)
        server = smtplib.SMTP(host, mail.port, timeout=MAIL_WAIT_S)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


def _refused(code: int, text: bytes | str) -> Result:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    outcome = Outcome.REFUSED if 500 <= code < 600 else Outcome.LATER
    return Result(outcome=outcome, said=f"mail {code}: {' '.join(said.split())}")


def mail_of(delivery: Delivery, sender: str, address: str) -> EmailMessage:
    """The message as mail."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = " ".join(delivery.subject.split())
    mail["From"], mail["To"] = sender, address
    mail["Date"] = format_datetime(datetime.fromtimestamp(delivery.made_ms / 1_000, UTC))
    mail["Message-ID"] = f"<{delivery.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if delivery.severity is Severity.CRITICAL and not delivery.is_drill:
        mail["Importance"] = "high"
    mail.set_content(f"{delivery.subject}\n\n{delivery.text}\n", cte="base64")
    return mail


class WebhookSender:
    """A signed POST to a system of a person's own, such as one that rings a telephone."""

    def __init__(self, settings: NotifySettings, allow_hosts: Collection[str], now: Callable[[], int]) -> None:
        self._secret_file = settings.webhook_secret_file
        self._allow = tuple(allow_hosts)
        self._now = now

    async def send(self, delivery: Delivery, address: str) -> Result:
        """POST once."""
        try:
            secret = read_secret(self._secret_file) or ""
        except SettingsError as error:
            return Result(outcome=Outcome.LATER, said=f"webhook secret: {error}")
        body = json.dumps(webhook_body(delivery), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "shelter-central",
            "X-Shelter-Id": delivery.id,
            "X-Shelter-Signature": signature(secret, self._now() // 1_000, body),
        }
        try:
            answer = await post(address, body, headers, allow=self._allow, whole_s=POST_WAIT_S)
        except OutgoingError as error:
            return Result(outcome=Outcome.LATER, said=str(error))
        outcome = Outcome.TAKEN if answer.is_success else Outcome.REFUSED if answer.status == 410 else Outcome.LATER
        return Result(outcome=outcome, said=f"HTTP {answer.status}")


def webhook_body(delivery: Delivery) -> dict[str, object]:
    """What is sent to a webhook."""
    return {
        "id": delivery.id,
        "case": delivery.case,
        "person": delivery.person,
        "purpose": delivery.purpose.value,
        "severity": delivery.severity.value,
        "is_drill": delivery.is_drill,
        "subject": delivery.subject,
        "text": delivery.text,
    }


class AppriseSender:
    """Any service of the Apprise library. It says only whether it was taken, and a repeat may arrive twice."""

    def __init__(self, settings: NotifySettings) -> None:
        self._files = dict(settings.apprise)

    async def send(self, delivery: Delivery, address: str) -> Result:
        """Send once, in a thread."""
        return await asyncio.to_thread(self._send, delivery, address)

    def _send(self, delivery: Delivery, address: str) -> Result:
        import logging

        import apprise

        # It would write addresses with their secrets into the log.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        try:
            url = read_secret(self._files.get(address)) or ""
        except SettingsError as error:
            return Result(outcome=Outcome.LATER, said=f"apprise {address}: {error}")
        service: Any = apprise.Apprise()
        if not service.add(url):
            return Result(
                outcome=Outcome.LATER, said=f"apprise {address}: its file holds no address that Apprise knows"
            )
        if service.notify(title=delivery.subject, body=delivery.text):
            return Result(outcome=Outcome.TAKEN, said=f"apprise {address}: taken")
        return Result(outcome=Outcome.LATER, said=f"apprise {address}: not taken (is the address in its file right?)")
