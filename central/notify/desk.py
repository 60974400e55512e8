"""Takes news and acknowledgements, has decided who is told of what, writes it, and hands it to the post.

How far the news were taken, the cases, and the messages that follow are kept in one transaction: a restart tells
nothing twice and leaves nothing out.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from central.core.audit import Action, Decision
from central.core.city import CityNow, SiteNow
from central.core.news import News
from central.core.notify.cases import Ack, Case, acknowledged, take
from central.core.notify.delivery import Delivery
from central.core.notify.people import EMPTY, Person, RuleBook
from central.core.notify.telling import Notice, tell
from central.newsroom import Newsroom
from central.notify import tickets
from central.notify.messages import Links, written
from central.store.base import StoreError
from central.store.notices import NoticeRows

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
FORGET_EVERY_S: Final = 3_600.0
NEWS_AT_ONCE: Final = 1_000
HOUR_MS: Final = 3_600_000


@dataclass
class RuleFile:
    """The file of rules: read again when it changes; while it has faults, the rules that were read last hold."""

    path: Path | None
    read: Callable[[bytes], RuleBook]
    """Raises ``ValueError`` that names the faults."""
    book: RuleBook = EMPTY
    fault: str = ""
    """Why the file as it is now does not hold."""
    _seen: tuple[int, int] | None = None

    def look(self) -> None:
        """Read it if it has changed."""
        if self.path is None:
            return
        try:
            found = self.path.stat()
            mark = (found.st_mtime_ns, found.st_size)
            if mark == self._seen:
                return
            self._seen = mark
            self.book, self.fault = self.read(self.path.read_bytes()), ""
        except (OSError, ValueError) as error:
            if str(error) != self.fault:
                log.warning("notify_rules_not_read", path=str(self.path), error=str(error))
            self.fault = str(error)


class NoticeDesk:
    """Decides; ``load`` once, then ``run`` until cancelled."""

    def __init__(
        self,
        rows: NoticeRows,
        newsroom: Newsroom,
        rules: RuleFile,
        *,
        city: Callable[[], CityNow],
        key: bytes,
        public_url: str,
        ring: Callable[[], None],
        now: Callable[[], int],
    ) -> None:
        self.rows = rows
        self.rules = rules
        self._newsroom = newsroom
        self._city = city
        self._key = key
        self._public_url = public_url
        self._ring = ring
        self.now = now
        self._cases: dict[str, Case] = {}
        self._done_n = 0
        self._looking = asyncio.Lock()

    @property
    def has_links(self) -> bool:
        """Whether messages lead to pages: the service knows under which address people reach it."""
        return bool(self._public_url)

    async def load(self) -> None:
        """What was going on before. Without a before, news count from now on.

        Raises:
            StoreError: the records can't be read.
        """
        done_n = await self.rows.done_n()
        self._done_n = self._newsroom.latest if done_n is None else done_n
        if done_n is None:
            await self.rows.save(self._done_n, [], [])
        self._cases = {case.id: case for case in await self.rows.open_cases()}

    async def look(self) -> None:
        """Once: take what is new and tell what is due.

        Raises:
            StoreError: nothing was taken or told; the next look tries again.
        """
        async with self._looking:
            self.rules.look()
            while await self._take(await self._newsroom.after(self._done_n, NEWS_AT_ONCE)):
                pass

    async def _take(self, news: list[News]) -> bool:
        """Take some news; returns whether there may be more."""
        now_ms, book, cases = self.now(), self.rules.book, dict(self._cases)
        if cases:
            acks = await self.rows.acks()
            cases = {id_: acknowledged(case, acks.get(id_, ()), book) for id_, case in cases.items()}
        for one in news:
            cases |= {case.id: case for case in take(cases, one, book, now_ms)}
        done_n = news[-1].n if news else self._done_n
        more = len(news) == NEWS_AT_ONCE
        # While there are more, nothing is told: it would be told of a part.
        deliveries = [] if more or not cases else await self._told(cases, now_ms)
        changed = [case for id_, case in cases.items() if case != self._cases.get(id_)]
        if changed or done_n != self._done_n:
            await self.rows.save(done_n, changed, deliveries)
        self._done_n = done_n
        self._cases = {id_: case for id_, case in cases.items() if not case.ended_ms}
        if deliveries:
            log.info("notify", messages=len({one.message for one in deliveries}), cases=len(self._cases))
            self._ring()
        return more

    async def _told(self, cases: dict[str, Case], now_ms: int) -> list[Delivery]:
        """Tell what is due; ``cases`` are then as after that."""
        book = self.rules.book
        recent = Counter(await self.rows.recent(now_ms - HOUR_MS))
        sites = {now.site.id: now for now in self._city().sites}
        found = []
        for id_, case in list(cases.items()):
            after, notices = tell(case, book, now_ms, recent)
            cases[id_] = after
            for notice in notices:
                recent[notice.person] += 1
                found += self._deliveries(after, notice, book.people[notice.person], sites, now_ms)
        return found

    def _deliveries(
        self, case: Case, notice: Notice, person: Person, sites: Mapping[str, SiteNow], now_ms: int
    ) -> list[Delivery]:
        subject, text = written(case, notice, person, sites, self._links(case, person, now_ms))
        message = str(uuid.uuid4())
        channels = [channel for channel in notice.over if channel in person.addresses] or list(person.channels)
        return [
            Delivery(
                id=str(uuid.uuid4()),
                message=message,
                case=case.id,
                person=person.id,
                name=person.name,
                channel=channel,
                purpose=notice.purpose,
                severity=notice.severity,
                is_drill=case.is_drill,
                subject=subject,
                text=text,
                made_ms=now_ms,
                next_ms=now_ms,
            )
            for channel in channels
        ]

    def _links(self, case: Case, person: Person, now_ms: int) -> Links:
        if not self._public_url:
            return Links()
        lang = person.language.value
        ticket = tickets.stamped(self._key, case.id, person.id, now_ms)
        return Links(page=f"{self._public_url}/board?lang={lang}", ack=f"{self._public_url}/ack/{ticket}?lang={lang}")

    async def run(self) -> None:
        """Look whenever news come, and every second, until cancelled."""
        loop = asyncio.get_running_loop()
        forget_s = loop.time()
        while True:
            bell = self._newsroom.bell
            try:
                await self.look()
                if loop.time() >= forget_s:
                    forget_s = loop.time() + FORGET_EVERY_S
                    await self.rows.forget(self.now())
            except StoreError as error:
                log.warning("notify_not_kept", error=str(error))
            except Exception as error:  # noqa: BLE001 - one look that fails must not end the service
                log.warning("notify_look_failed", error=repr(error))
            await self._newsroom.wait(bell, LOOK_S)


async def acknowledge(rows: NoticeRows, case: Case, *, person: str, by: str, now_ms: int, how: str) -> None:
    """Keep that somebody has seen a case; a running service stops asking others.

    Args:
        rows: the records.
        case: which one.
        person: id in the file of people; empty: it counts for every rule.
        by: who, as the book says it.
        now_ms: the time.
        how: ``message``, ``page`` or ``command``.

    Raises:
        StoreError: it was not kept.
    """
    ack = Ack(case=case.id, person=person, by=by, at_ms=now_ms)
    detail = {"case": case.id, "how": how}
    decision = Decision(at_ms=now_ms, by=by, action=Action.ACKNOWLEDGED, incident=case.incident, detail=detail)
    await rows.acknowledge(ack, decision)
