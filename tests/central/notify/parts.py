"""A mail server and a stand-in for LINE's API, both real servers on loopback, and the room over a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from central.core.news import News, NewsKind, Severity
from central.core.newsmaking import Look
from central.core.notify.people import Channel
from central.newsroom import Newsroom
from central.notify.room import NotifyRoom, open_room
from central.settings import Settings, load
from central.store.records import Records
from tests.central.fake import NOW_MS, FakeQueries

HOST = "127.0.0.1"
TOKEN = "line-token-of-a-test"
MINUTE_MS = 60_000


@dataclass
class Clock:
    at_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.at_ms

    def minutes(self, n: float) -> None:
        self.at_ms += round(n * MINUTE_MS)


# --- A mail server ----------------------------------------------------------------------------------------------------


@dataclass
class Mailbox:
    """What came in; ``answers`` are given in turn to whole messages, then they are taken."""

    got: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    port: int = 0

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Envelope, address: str, _o: Any) -> str:
        if address in self.unknown:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _s: Any, _session: Any, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.got.append(mail)
        return "250 taken"

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.got]

    def texts(self) -> list[str]:
        return [mail.get_content().replace("\r\n", "\n") for mail in self.got]


@asynccontextmanager
async def mail_server(**more: Any) -> AsyncIterator[Mailbox]:
    """A mail server that listens."""
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box, **more), HOST, 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


# --- LINE -------------------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """Takes pushes as LINE does: right token, one message for a retry key. ``answers``: given first, in turn."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    """To whom, and the text, as people see them."""
    asked: int = 0
    answers: list[tuple[int, str] | None] = field(default_factory=list)
    """Status and message; ``None``: no answer at all."""
    loses_answer: bool = False
    """The next push is taken, and its answer does not arrive."""
    url: str = ""
    keys: set[str] = field(default_factory=set)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.asked += 1
            answer = self.answers.pop(0) if self.answers else self.judge(first, headers, json.loads(body))
            if answer is None:
                await self.ended.wait()
                return
            said = json.dumps({"message": answer[1]}).encode()
            writer.write(f"HTTP/1.1 {answer[0]} X\r\nContent-Length: {len(said)}\r\n\r\n".encode() + said)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def judge(self, first: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, str] | None:
        if first != "POST /v2/bot/message/push HTTP/1.1":
            return 404, "Not found"
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, "Authentication failed"
        text = body["messages"][0]["text"]
        if not body["to"].startswith("U") or not 0 < len(text) <= 5_000 or body["messages"][0]["type"] != "text":
            return 400, "The request body has 1 error(s)"
        key = headers["x-line-retry-key"]
        if key in self.keys:
            return 409, "The retry key is already accepted"
        self.keys.add(key)
        self.shown.append((body["to"], text))
        if self.loses_answer:
            self.loses_answer = False
            return None
        return 200, ""


@asynccontextmanager
async def line_server() -> AsyncIterator[Line]:
    """A stand-in that listens."""
    line = Line()
    server = await asyncio.start_server(line.serve, HOST, 0)
    line.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        line.ended.set()
        server.close()
        await server.wait_closed()


# --- The room ---------------------------------------------------------------------------------------------------------

RULES = """
people:
  duty: {name: 当直, line: U00000000000000000000000000000001, mail: duty@city.example, channels: [line],
         fallback: [mail], drills: true}
  chief: {name: 係長, mail: chief@city.example}
  pat: {name: Pat, language: en, mail: pat@city.example}
rules:
  outage:
    kinds: [islanded, hours_low]
    to: [duty, pat]
    escalate:
      - {after_min: 10, to: [chief]}
"""


def settings_of(folder: Path, rules: str, *, mail: Mailbox | None = None, line: Line | None = None) -> Settings:
    """Settings of a service in that folder, with its files."""
    given: dict[str, object] = {"notify.rules": folder / "rules.yaml", "http.public_url": "https://shelters.example"}
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    if mail:
        given |= {"notify.mail.host": HOST, "notify.mail.port": mail.port, "notify.mail.security": "none"}
        given |= {"notify.mail.sender": "shelters@city.example"}
    if line:
        (folder / "line-token").write_text(TOKEN + "\n", encoding="utf-8")
        given |= {"notify.line_token_file": folder / "line-token", "notify.line_url": line.url}
    return load(None, {}, given, data=folder)


@dataclass
class House:
    """The room, its records, and time that a test moves."""

    records: Records
    newsroom: Newsroom
    room: NotifyRoom
    clock: Clock
    queries: FakeQueries

    async def step(self, minutes: float = 0) -> None:
        """Time passes; the desk looks, and everything that is due is tried once."""
        self.clock.minutes(minutes)
        await self.room.desk.look()
        for channel in Channel:
            while await self.room.post.send_due(channel):
                pass

    def news(self, kind: NewsKind, *sites: str, severity: Severity = Severity.CRITICAL, **more: Any) -> list[News]:
        wards = {now.site.id: now.site.ward for now in self.queries.now().sites}
        at_ms = self.clock.at_ms
        return [
            News(at_ms=at_ms, kind=kind, severity=severity, site=site, ward=wards.get(site, ""), group="g", **more)
            for site in sites
        ]

    def site_ids(self) -> list[str]:
        return [now.site.id for now in self.queries.now().sites]

    async def happened(self, kind: NewsKind, *sites: str, **more: Any) -> None:
        """Tell news; the desk looks at once, as it does when the bell rings."""
        await self.newsroom.tell(self.news(kind, *sites, **more))
        await self.room.desk.look()


def _never() -> Look:
    raise AssertionError("nobody looks here")


@asynccontextmanager
async def opened(
    folder: Path,
    rules: str = RULES,
    *,
    mail: Mailbox | None = None,
    line: Line | None = None,
    clock: Clock | None = None,
    sites: int = 182,
) -> AsyncIterator[House]:
    """The room over a database in that folder; opening it again is a restart."""
    records = await Records.open(folder / "records.sqlite")
    try:
        clock = clock or Clock()
        queries = FakeQueries.of_city(sites)
        newsroom = Newsroom(records.news, _never, now=clock)
        await newsroom.load()
        settings = settings_of(folder, rules, mail=mail, line=line)
        room = await open_room(settings, records.notices, newsroom, city=queries.now, now=clock)
        yield House(records, newsroom, room, clock, queries)
    finally:
        await records.close()
