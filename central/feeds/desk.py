"""The desk: takes alerts from every source, keeps them, and makes incidents of what the rules ask for.

An alert is on disk before anything follows from it. What follows is worked out anew each time from all that holds and
from the incidents that there are (core/proposals.py), so a crash in between, a repeat or a restart does nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
import structlog

from central.core.alerts.gridwatch import NOBODY, Told, Watch, changes, hear
from central.core.alerts.held import CHANGES, KEPT_MS, NOTHING, Held, Verdict, take
from central.core.alerts.places import Places
from central.core.alerts.rules import Rule, Then
from central.core.alerts.telegram import Lane, Origin, Telegram
from central.core.city import EventRecord, Site
from central.core.incidents import Act, Incident, Wish
from central.core.proposals import BY, Advise, Confirm, Declare, Step, Withdraw, by, plan, why
from central.core.scope import Group, Scope, ScopeError, resolve
from central.core.triggers import Onsets, Proposal, judge, within
from central.feeds import hooked, jma
from central.feeds import xml as bounded
from central.store.base import StoreError
from central.store.telegrams import GridEvent, TelegramRow, Telegrams

log = structlog.get_logger(__name__)

TICK_S: Final = 5.0
"""How often ends of proposals and the watch over the grid are looked at."""
ROWS_MAX: Final = 5_000
HEARD_MAX: Final = 100_000
DAY_MS: Final = 86_400_000
_meaning: Final = msgspec.json.Decoder(Telegram)


class Incidents(Protocol):
    """What the desk needs of the control loop (central/control.py)."""

    incidents: dict[str, Incident]
    groups: dict[str, Group]

    async def declare(self, wish: Wish, scope: Scope, *, by: str, why: str) -> Incident:
        """Declare an incident."""
        ...

    async def confirm(self, incident_id: str, *, by: str, why: str, break_glass: bool = False) -> Incident:
        """Make it active."""
        ...

    async def end(self, incident_id: str, act: Act, *, by: str, why: str, anyway: bool = False) -> Incident:
        """Withdraw what was only declared."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of something that came: a word for machines and a text for people."""

    word: str
    text: str
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where alerts come from, and whether it is well."""

    name: str
    trouble: str = ""
    """What it lacks; empty: nothing."""
    whole_ms: int = 0
    """When it was last read as a whole, UTC; 0: not yet, or it is not one that is read at times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the desk works with."""

    rules: tuple[Rule, ...]
    places: Places
    drills: bool = True
    """Whether a training alert leads to a drill."""


class AlertDesk:
    """Takes alerts; ``run`` until cancelled. ``sites``: the registered shelters as they are now."""

    def __init__(
        self,
        settled: Settled,
        store: Telegrams,
        incidents: Incidents,
        *,
        sites: Callable[[], Sequence[Site]],
        now: Callable[[], int],
    ) -> None:
        self.settled = settled
        self._store = store
        self._incidents = incidents
        self._sites = sites
        self._now = now
        self._held: Held = NOTHING
        self._onsets: Onsets = {}
        self._watch: Watch = NOBODY
        self._heard: list[tuple[str, Told]] = []
        self._wake = asyncio.Event()
        self._taking = asyncio.Lock()
        self._advised: set[str] = set()
        self._forgot_ms = 0
        self.proposals: list[Proposal] = []
        self.counts: Counter[str] = Counter()
        self.trouble = ""
        self.sources: Callable[[], Sequence[Source]] = tuple
        """How the sources are; ``Feeds`` knows it."""

    async def load(self) -> None:
        """What came before: replayed in its order, as if it came now.

        Raises:
            StoreError: the records can't be read.
        """
        for rule in self.settled.rules:
            if rule.then is Then.ACT:
                log.warning("rule_acts_by_itself", rule=rule.name, approved_by=" and ".join(rule.approved_by))
        since_ms = self._now() - KEPT_MS
        for row in await self._store.since(since_ms, limit=ROWS_MAX):
            try:
                telegram = _meaning.decode(row.meaning)
            except msgspec.MsgspecError as error:
                log.warning("kept_alert_not_readable", source=row.source, error=str(error))
                continue
            self._held, _ = take(self._held, telegram, now_ms=row.received_ms)
            if row.verdict != Verdict.NOT_OURS:
                self._judge(row.received_ms)
        told = await self._store.grid_events(since_ms, limit=HEARD_MAX)
        self._watch = hear(NOBODY, [(one.site, Told(one.is_lost, one.at_ms)) for one in told])

    # --- What comes in ------------------------------------------------------------------------------------------------

    async def take(self, data: bytes, *, source: str, origin: Origin) -> Taken:
        """Take one alert from a feed, a folder or a webhook (``source``: the hook's name), whatever is in it.

        Raises:
            StoreError: it was not kept, and nothing follows from it: give it again.
        """
        digest = hashlib.sha256(data).hexdigest()
        try:
            telegram = await asyncio.to_thread(_read, data, source, origin)
            self._check(telegram)
        except bounded.RefusedError as error:
            self.counts[error.why.value] += 1
            if error.why is not bounded.Why.NOT_A_TELEGRAM:
                log.warning("alert_refused", source=source, why=error.why.value, error=str(error))
            await self._keep(source, origin, digest, error.why.value)
            return Taken(error.why.value, str(error), is_refused=True)
        except Exception:
            # A fault of this program. One telegram must not keep the others from coming in.
            fault = bounded.Why.FAULT.value
            self.counts[fault] += 1
            log.exception("alert_not_read", source=source)
            await self._keep(source, origin, digest, fault, payload=data[: bounded.BYTES_MAX])
            return Taken(fault, "this program failed over it; its log says how", is_refused=True)
        return await self._take(telegram, origin, data)

    def heard(self, events: Sequence[EventRecord]) -> None:
        """Take what shelters told of their grid, after it was kept. Does next to nothing here."""
        found = [
            GridEvent(e.site, e.kind == "grid_lost", e.at_ms) for e in events if e.kind in {"grid_lost", "grid_back"}
        ]
        if found and len(self._heard) < HEARD_MAX:
            self._heard += [(one.site, Told(one.is_lost, one.at_ms)) for one in found]
            self._wake.set()

    def _check(self, telegram: Telegram) -> None:
        unknown = hooked.unknown_wards(telegram, self.settled.places.names)
        if unknown:
            raise bounded.RefusedError(bounded.Why.INCOMPLETE, f"no ward is called {unknown[0][:60]!r}")

    async def _take(self, telegram: Telegram, origin: Origin, data: bytes = b"") -> Taken:
        async with self._taking:
            now_ms = self._now()
            held, verdict = take(self._held, telegram, now_ms=now_ms)
            is_change = verdict in CHANGES
            is_ours = self._concerns(telegram)
            word = verdict.value if is_ours or not is_change else Verdict.NOT_OURS.value
            self.counts[word] += 1
            if verdict is not Verdict.REPEATED:
                meaning = msgspec.json.encode(telegram).decode() if is_change else ""
                payload = data if is_change and is_ours else b""
                await self._keep(telegram.source, origin, telegram.digest, word, meaning, payload)
            if is_change:
                self._held = held
                told = {"type": telegram.type, "lane": telegram.lane.value, "about": telegram.event}
                log.info("alert", verdict=word, source=telegram.source, **told)
                if is_ours:
                    await self._act(now_ms)
        return Taken(word, f"{telegram.type} {telegram.lane.value}: {word}")

    def _concerns(self, telegram: Telegram) -> bool:
        """Whether it names a place of the city, or replaces what does."""
        if telegram.called is not None or not telegram.type.startswith("V"):
            return True
        wards = self.settled.places.wards
        ours = {code for ward in wards for code in (ward.town, ward.quake_area, *ward.warnings, *ward.coasts) if code}
        before = self._held.get(telegram.key)
        named = telegram.codes | (before.codes if before else frozenset())
        return bool(ours & named)

    async def _keep(
        self, source: str, origin: Origin, digest: str, word: str, meaning: str = "", payload: bytes = b""
    ) -> None:
        row = TelegramRow(
            source=source[:500],
            origin=origin.value,
            received_ms=self._now(),
            digest=digest,
            verdict=word,
            meaning=meaning,
            payload=payload,
        )
        await self._store.add([row])

    # --- What follows -------------------------------------------------------------------------------------------------

    def _judge(self, now_ms: int) -> None:
        settled = self.settled
        proposals, self._onsets = judge(settled.rules, settled.places, self._held, self._onsets, now_ms=now_ms)
        wards = {site.ward for site in self._sites()}
        self.proposals = [within(one, wards) for one in proposals if settled.drills or not one.is_training]

    async def _act(self, now_ms: int) -> None:
        """Bring the incidents to what is asked for. The lock is the caller's."""
        self._judge(now_ms)
        before, self.trouble = self.trouble, ""
        # A declared incident of a rule that acts is confirmed by the second look.
        for _ in range(2):
            steps = plan(self.proposals, self._incidents.incidents.values(), self._sites_of)
            self._advise(steps)
            for step in steps:
                if not isinstance(step, Advise):
                    await self._do(step)
        if self.trouble and self.trouble != before:
            log.error("rules_held_up", error=self.trouble)

    async def _do(self, step: Declare | Confirm | Withdraw) -> None:
        try:
            if isinstance(step, Declare):
                proposal = step.proposal
                made = await self._incidents.declare(proposal.wish, proposal.scope, by=by(proposal), why=why(proposal))
                log.warning("rule_declared", rule=proposal.rule, incident=made.id, kind=proposal.kind.value)
            elif isinstance(step, Withdraw):
                person = f"{BY}{step.rule}"
                await self._incidents.end(step.incident, Act.STAND_DOWN, by=person, why=step.why)
                log.warning("rule_withdrew", rule=step.rule, incident=step.incident, why=step.why)
            else:
                second = by(step.proposal, 1)
                await self._incidents.confirm(step.incident, by=second, why=why(step.proposal))
                log.warning("rule_confirmed", rule=step.proposal.rule, incident=step.incident)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - no key, or a fault: the next look tries again, other rules go on
            self.trouble = f"{type(step).__name__}: {error}"

    def _advise(self, steps: Sequence[Step]) -> None:
        now = {step.incident: step for step in steps if isinstance(step, Advise)}
        for incident in now.keys() - self._advised:
            log.warning("alert_does_not_stand_any_more", incident=incident, rule=now[incident].rule)
        self._advised = set(now)

    @property
    def advised(self) -> Sequence[str]:
        """Active incidents whose alert does not stand any more: staff may stand them down."""
        return sorted(self._advised)

    def _sites_of(self, scope: Scope) -> frozenset[str]:
        try:
            return frozenset(resolve(scope, self._sites(), self._incidents.groups))
        except ScopeError as error:
            self.trouble = str(error)
            return frozenset()

    # --- Loop ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after ends of proposals and the watch over the grid, until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                self.trouble = str(error)
                log.warning("alerts_not_kept", error=str(error))
            except Exception as error:
                # A fault of this program: the shelters' readings and people's own orders must go on.
                self.trouble = repr(error)
                log.exception("alerts_not_looked_at")
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def look(self) -> None:
        """Once: what the grid's watch found, what has lapsed, what waits to be done.

        Raises:
            StoreError: it was not kept; the next look tries again.
        """
        self._wake.clear()
        heard, self._heard = self._heard, []
        self._watch = hear(self._watch, heard)
        now_ms = self._now()
        wards = {site.id: site.ward for site in self._sites()}
        for telegram in list(changes(self._watch, wards, self.settled.rules, self._held, now_ms=now_ms)):
            await self._take(telegram, Origin.GRID)
        async with self._taking:
            await self._act(now_ms)
        if now_ms - self._forgot_ms > DAY_MS:
            self._forgot_ms = now_ms
            await self._store.forget(now_ms)

    def held(self) -> Mapping[Lane, int]:
        """How many alerts hold, by lane."""
        found = Counter(key.lane for key in self._held)
        return {lane: found.get(lane, 0) for lane in Lane}


def _read(data: bytes, source: str, origin: Origin) -> Telegram:
    if origin is Origin.HOOK:
        return hooked.read(source, data)
    return jma.read(data, source=source)
