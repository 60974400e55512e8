"""The watch: looks every minute, keeps what has changed, and tells of it. Alerts survive a restart.

What is kept is told, and noted as told afterwards: a crash in between tells it once more, and never loses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from central.core.audit import Action, Decision
from central.core.watch import memory
from central.core.watch.alerts import Alert, Change, acknowledged, resolved_by_hand
from central.core.watch.looking import Look, State, look, with_change
from central.core.watch.rules import Rule
from central.core.watch.telling import news_of
from central.newsroom import Newsroom
from central.store.base import StoreError
from central.store.watch import WatchRows
from central.watch.gather import Gatherer
from central.watch.rule_file import RuleFile

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
FIRST_S: Final = 10.0
"""After a start shelters have to be heard before anything is said of them."""
FORGET_EVERY_MS: Final = 6 * 3_600_000


class Watch:
    """Keeps alerts; ``load`` once, then ``run`` until cancelled."""

    def __init__(
        self,
        rules: RuleFile,
        rows: WatchRows,
        gatherer: Gatherer,
        newsroom: Newsroom,
        *,
        now: Callable[[], int],
    ) -> None:
        self.file = rules
        self.rows = rows
        self._gatherer = gatherer
        self._newsroom = newsroom
        self._now = now
        self._state = State()
        self._saved = ""
        self._forget_ms = 0
        self._working = asyncio.Lock()
        self.seen: Look | None = None
        """The newest look; ``None``: there was none yet."""
        self.trouble = ""
        """Why the newest look could not be kept; empty: it could."""

    @property
    def now(self) -> Callable[[], int]:
        """The clock, UTC milliseconds."""
        return self._now

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that hold, in the order of their file."""
        return self.file.rules

    @property
    def alerts(self) -> list[Alert]:
        """Those that go on, the oldest first."""
        return sorted(self._state.alerts.values(), key=lambda alert: alert.n)

    async def load(self) -> None:
        """What was before.

        Raises:
            StoreError: the records can't be read.
        """
        going_on = await self.rows.going_on()
        self._saved = await self.rows.memory()
        before = memory.read(self._saved) if self._saved else memory.Memory()
        lamps = {(rule, site): lamp for rule, site, lamp in before.lamps} if before else memory.lamps_of(going_on)
        if before is None:
            log.warning("watch_memory_unreadable", what="timers of alert rules begin anew")
            before = memory.Memory()
        self._gatherer.faults, self._gatherer.links = before.faults, before.links
        self._state = State(
            next_n=await self.rows.last_n() + 1,
            alerts={alert.key: alert for alert in going_on},
            lamps=lamps,
            muted={(family, about): at_ms for family, about, at_ms in before.muted},
        )

    async def look(self) -> list[Change]:
        """Once: look, keep, tell.

        Raises:
            StoreError: nothing was changed; the next look tries again.
        """
        async with self._working:
            await self.file.follow()
            seen = await self._gatherer.look(self._now())
            state, changes = look(self.rules, self._state, seen)
            self.seen = seen
            text = memory.written(memory.memory_of(state, self._gatherer.faults, self._gatherer.links))
            if changes or text != self._saved:
                await self.rows.save(changes, text)
                self._saved = text
            self._state = state
            await self._tell()
            if seen.at_ms >= self._forget_ms:
                self._forget_ms = seen.at_ms + FORGET_EVERY_MS
                await self.rows.forget(seen.at_ms)
        return changes

    async def acknowledge(self, n: int, *, by: str, until_ms: int, why: str = "") -> Alert:
        """Somebody takes care of it until then; 0: until it is over.

        Raises:
            LookupError: no such alert goes on.
            AlertError: this can't be done.
            StoreError: nothing was changed.
        """

        def change(alert: Alert) -> tuple[Change, Action]:
            made = acknowledged(alert, by=by, at_ms=self._now(), until_ms=until_ms, why=why)
            return made, Action.ALERT_ACKED

        return await self._decided(n, by, change)

    async def resolve(self, n: int, *, by: str, why: str) -> Alert:
        """Somebody says that it is settled. If it still holds, it is quiet until it was fine once, or a week has gone.

        Raises:
            LookupError: no such alert goes on.
            AlertError: this can't be done.
            StoreError: nothing was changed.
        """

        def change(alert: Alert) -> tuple[Change, Action]:
            return resolved_by_hand(alert, by=by, at_ms=self._now(), why=why), Action.ALERT_RESOLVED

        return await self._decided(n, by, change)

    async def try_look(self) -> None:
        """Look; what fails is logged and said in ``trouble``, and the next look tries again."""
        try:
            await self.look()
            self.trouble = ""
        except StoreError as error:
            self.trouble = str(error)
            log.warning("alerts_not_kept", error=str(error))
        except Exception as error:  # noqa: BLE001 - watching must never end the service
            self.trouble = repr(error)
            log.error("watch_failed", error=repr(error))

    async def run(self) -> None:
        """Look every minute until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.try_look()
            await asyncio.sleep(EVERY_S)

    async def _decided(self, n: int, by: str, change: Callable[[Alert], tuple[Change, Action]]) -> Alert:
        async with self._working:
            alert = next((one for one in self._state.alerts.values() if one.n == n), None)
            if alert is None:
                raise LookupError(f"A{n}")
            made, action = change(alert)
            detail = {
                "alert": alert.id,
                "family": alert.family.value,
                "about": alert.about.kind.value,
                "name": alert.about.name,
                "until_ms": made.alert.ack.until_ms if made.alert.ack and made.alert.is_open else 0,
            }
            decision = Decision(
                at_ms=made.step.at_ms,
                by=by,
                action=action,
                why=made.step.why,
                site=alert.sites[0] if len(alert.sites) == 1 else "",
                detail=detail,
            )
            state = with_change(self._state, made)
            text = memory.written(memory.memory_of(state, self._gatherer.faults, self._gatherer.links))
            await self.rows.save([made], text, decision)
            self._state, self._saved = state, text
            await self._tell()
        return made.alert

    async def _tell(self) -> None:
        """Tell of steps that were kept and not told yet."""
        while steps := await self.rows.untold():
            news = []
            for step in steps:
                alert = await self.rows.alert(step.alert)
                told = news_of(alert, step) if alert is not None else None
                if told is not None:
                    news.append(told)
            if news:
                await self._newsroom.tell(news)
            await self.rows.told(steps[-1].n)
