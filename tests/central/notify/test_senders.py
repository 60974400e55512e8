"""The channels against real servers: what is taken, what is tried again, what is refused, and no secret in a word."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from central.core.news import Severity
from central.core.notify.delivery import Delivery, Outcome
from central.core.notify.people import Channel
from central.core.notify.telling import Purpose
from central.notify.senders import AppriseSender, LineSender, MailSender, WebhookSender, line_result
from central.settings import MailSettings, NotifySettings, Settings, SettingsError, load
from tests.central.fake import NOW_MS
from tests.central.news.parts import receiver, says
from tests.central.notify.parts import HOST, TOKEN, Line, line_server, mail_server

USER = "U" + "0" * 32
DELIVERY = Delivery(
    id="6f0f5e3a-3c1e-4a0b-9d0f-1f2e3d4c5b6a",
    message="m",
    case="grid-1",
    person="ann",
    name="Ann",
    channel=Channel.LINE,
    purpose=Purpose.FIRST,
    severity=Severity.CRITICAL,
    subject="【緊急】停電・自立運転：182か所（6区） 11月24日 12:10から",
    text="急ぐ順：\n・第一小学校",
    made_ms=NOW_MS,
)


def line_settings(folder: Path, line: Line, token: str = TOKEN) -> NotifySettings:
    (folder / "token").write_text(token + "\n")
    return NotifySettings(line_token_file=folder / "token", line_url=line.url)


async def test_line_shows_a_message_once_although_its_answer_was_lost(tmp_path: Path) -> None:
    async with line_server() as line:
        line.loses_answer = True
        sender = LineSender(line_settings(tmp_path, line))
        text = f"{DELIVERY.subject}\n{DELIVERY.text}"
        # The stand-in closes without an answer when it ends; a hanging one is met in test_post.
        line.ended.set()
        first = await sender.send(DELIVERY, USER)
        assert (first.outcome, line.shown) == (Outcome.LATER, [(USER, text)])
        second = await sender.send(DELIVERY, USER)
        assert (second.outcome, second.said) == (Outcome.TAKEN, "LINE 409: was taken before")
        assert line.shown == [(USER, text)]


async def test_a_token_that_line_refuses_may_be_mended_without_a_restart(tmp_path: Path) -> None:
    async with line_server() as line:
        sender = LineSender(line_settings(tmp_path, line, "old-secret"))
        refused = await sender.send(DELIVERY, USER)
        assert (refused.outcome, refused.said) == (Outcome.LATER, "LINE 401: Authentication failed")
        (tmp_path / "token").write_text(TOKEN)
        assert (await sender.send(DELIVERY, USER)).outcome is Outcome.TAKEN
        (tmp_path / "token").unlink()
        gone = await sender.send(DELIVERY, USER)
        assert gone.outcome is Outcome.LATER
        assert "token" in gone.said


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"{}", Outcome.TAKEN),
        (409, b'{"message": "The retry key is already accepted"}', Outcome.TAKEN),
        (429, b'{"message": "You have reached your monthly limit."}', Outcome.REFUSED),
        (429, b'{"message": "The API rate limit has been exceeded."}', Outcome.LATER),
        (429, b"<html>", Outcome.LATER),
        (400, b'{"message": "bad"}', Outcome.REFUSED),
        (404, b"", Outcome.REFUSED),
        (500, b"[]", Outcome.LATER),
        (302, b"", Outcome.LATER),
    ],
)
def test_what_line_answers_is_understood(status: int, body: bytes, outcome: Outcome) -> None:
    result = line_result(status, body)
    assert result.outcome is outcome
    assert str(status) in result.said


def plain(port: int) -> MailSettings:
    return MailSettings.model_validate({"host": HOST, "port": port, "security": "none", "sender": "ems@city.example"})


async def test_mail_carries_japanese_and_marks_by_which_a_repeat_is_known() -> None:
    async with mail_server() as box:
        result = await MailSender(plain(box.port)).send(DELIVERY, "ann@b.example")
        assert (result.outcome, result.said) == (Outcome.TAKEN, f"mail: taken by {HOST}")
        (mail,) = box.got
        assert mail["Subject"] == DELIVERY.subject
        assert mail.get_content().splitlines() == [DELIVERY.subject, "", *DELIVERY.text.splitlines()]
        assert mail["Message-ID"] == f"<{DELIVERY.id}@city.example>"
        assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")
        assert mail["Date"].datetime == datetime.fromtimestamp(NOW_MS // 1_000, UTC)


async def test_a_subject_of_many_lines_adds_no_header() -> None:
    async with mail_server() as box:
        sly = replace(DELIVERY, subject="a\r\nBcc: everybody@b.example\r\n\r\nb")
        assert (await MailSender(plain(box.port)).send(sly, "ann@b.example")).outcome is Outcome.TAKEN
        assert box.got[0]["Bcc"] is None
        assert box.got[0]["Subject"] == "a Bcc: everybody@b.example b"


async def test_what_a_mail_server_says_decides_whether_it_is_tried_again() -> None:
    async with mail_server() as box:
        sender = MailSender(plain(box.port))
        box.unknown.add("gone@b.example")
        gone = await sender.send(DELIVERY, "gone@b.example")
        assert (gone.outcome, gone.said) == (Outcome.REFUSED, "mail 550: 5.1.1 no such user here")
        box.answers = ["451 4.3.0 try later", "554 5.7.1 looks like spam"]
        assert (await sender.send(DELIVERY, "ann@b.example")).outcome is Outcome.LATER
        assert (await sender.send(DELIVERY, "ann@b.example")).outcome is Outcome.REFUSED
        assert box.got == []
    away = await sender.send(DELIVERY, "ann@b.example")
    assert away.outcome is Outcome.LATER
    assert away.said.startswith("mail: ")


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's certificate for loopback, signed by itself, in ``folder/ca.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    day = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day - timedelta(days=1))
        .not_valid_after(day + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def test_mail_is_encrypted_signed_in_and_goes_to_no_server_that_it_does_not_know(tmp_path: Path) -> None:
    def knows(_server: object, _session: object, _envelope: object, _how: str, given: object) -> AuthResult:
        known = given.login == b"ems" and given.password == b"mail-secret"  # type: ignore[attr-defined]
        return AuthResult(success=known, handled=False)

    (tmp_path / "password").write_text("mail-secret\n")
    context = certificate(tmp_path)
    async with mail_server(tls_context=context, require_starttls=True, authenticator=knows, auth_required=True) as box:
        given = {
            "host": "localhost",
            "port": box.port,
            "sender": "ems@city.example",
            "user": "ems",
            "password_file": tmp_path / "password",
        }
        unknown = await MailSender(MailSettings.model_validate(given)).send(DELIVERY, "ann@b.example")
        assert unknown.outcome is Outcome.LATER
        assert "certificate" in unknown.said.lower()
        trusted = MailSettings.model_validate({**given, "ca_file": tmp_path / "ca.pem"})
        assert (await MailSender(trusted).send(DELIVERY, "ann@b.example")).outcome is Outcome.TAKEN
        (tmp_path / "password").write_text("wrong-secret")
        wrong = await MailSender(trusted).send(DELIVERY, "ann@b.example")
        assert wrong.outcome is Outcome.LATER
        assert "password" in wrong.said
        assert "wrong-secret" not in wrong.said
        assert len(box.got) == 1
        clear = MailSettings.model_validate({"host": HOST, "port": box.port, "security": "none", "sender": "a@b.c"})
        assert (await MailSender(clear).send(DELIVERY, "ann@b.example")).outcome is Outcome.REFUSED


async def test_a_webhook_is_signed_and_guarded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hook-secret")
    settings = NotifySettings(webhook_secret_file=tmp_path / "secret")
    async with receiver(says("503 X"), says("410 Gone"), says("204 No Content")) as there:
        sender = WebhookSender(settings, [HOST], lambda: NOW_MS + 5_000)
        outcomes = [(await sender.send(DELIVERY, there.url)).outcome for _ in range(3)]
        assert outcomes == [Outcome.LATER, Outcome.REFUSED, Outcome.TAKEN]
        headers, body = there.got[-1]
        at_s = NOW_MS // 1_000 + 5
        mark = hmac.new(b"hook-secret", b"%d.%b" % (at_s, body), hashlib.sha256).hexdigest()
        assert headers["x-shelter-signature"] == f"t={at_s},v1={mark}"
        assert {one["x-shelter-id"] for one, _ in there.got} == {DELIVERY.id}
        assert json.loads(body)["subject"] == DELIVERY.subject
        guarded = await WebhookSender(settings, [], lambda: NOW_MS).send(DELIVERY, there.url)
        assert guarded.outcome is Outcome.LATER
        assert "outgoing.allow_hosts" in guarded.said


async def test_another_service_is_reached_through_apprise_and_its_address_is_in_no_word(tmp_path: Path) -> None:
    async with receiver(says("200 OK"), says("500 X")) as there:
        (tmp_path / "service").write_text(f"{there.url.replace('http', 'json')}?secret=abc")
        (tmp_path / "junk").write_text("not-an-address-secret")
        sender = AppriseSender(NotifySettings(apprise={"pager": tmp_path / "service", "junk": tmp_path / "junk"}))
        taken = await sender.send(DELIVERY, "pager")
        assert taken.outcome is Outcome.TAKEN
        assert json.loads(there.got[0][1])["title"] == DELIVERY.subject
        assert (await sender.send(DELIVERY, "pager")).outcome is Outcome.LATER
        junk = await sender.send(DELIVERY, "junk")
        assert junk.outcome is Outcome.LATER
        assert "secret" not in junk.said


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"notify.mail.host": "h"}, "notify.mail.sender is missing"),
        ({"notify.mail.user": "u"}, "belong together"),
        (
            {"notify.mail.user": "u", "notify.mail.password_file": "p", "notify.mail.security": "none"},
            "in clear",
        ),
        ({"notify.line_url": "https://u:p@x"}, "notify.line_url"),
    ],
)
def test_settings_that_would_not_work_or_leak_are_refused(tmp_path: Path, given: dict[str, object], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault.replace(".", r"\.")):
        load(None, {}, given, data=tmp_path)
    assert isinstance(load(None, {}, {}, data=tmp_path), Settings)
