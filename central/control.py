"""The control loop: incidents → signed orders → the broker's retained topics; receipts → what became of them.

Decisions and the orders that follow are kept in one transaction before anything is sent, and what is sent is byte for
byte what was kept: a service that dies in between sends the same again when it is back, and so it does at every new
connection to the broker. Nothing here knows whether an order has arrived; receipts say so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from central.core.audit import Action, Decision, first_fault
from central.core.incidents import (
    Act,
    Incident,
    Phase,
    Wish,
    confirm,
    declare,
    end,
    incidents_of,
    signed_by,
)
from central.core.live import LiveView
from central.core.orders import (
    SETTLED,
    Deadlines,
    Member,
    Order,
    ReceiptRecord,
    of_order,
    progress,
    standing,
)
from central.core.preview import NO_HOURS, Hours, Preview, preview
from central.core.scope import NAME_CHARS_MAX, Group, Scope, ScopeError, ScopeKind, groups_of, is_citywide, resolve
from central.core.switching import Hold, Policy, due
from central.core.unreached import escalations, written_off
from central.fleet import Fleet
from central.sending import Sender
from central.store.base import StoreError
from central.store.decisions import Decisions
from contract.shaving import PeakLimits
from contract.signing import Signer
from contract.steering import Desired, Reported, sign

log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
"""How often deadlines, proofs and waiting drills are looked at."""
NO_KEY: Final = "the city has no key to sign orders with: make one with shelter-central keys new"


class NoKeyError(Exception):
    """The city has no key, so nothing can be signed."""


class UnknownError(LookupError):
    """No incident has this id."""


class Control:
    """Holds incidents and orders; ``run`` until cancelled. ``retain`` gives a payload to the broker."""

    def __init__(
        self,
        decisions: Decisions,
        live: LiveView,
        *,
        retain: Callable[[str, bytes], bool],
        signer: Callable[[], Signer | None],
        now: Callable[[], int],
        policy: Policy | None = None,
        deadlines: Deadlines | None = None,
        hours: Callable[[str], Hours] = lambda _: NO_HOURS,
    ) -> None:
        self.decisions = decisions
        self._live = live
        self._signer = signer
        self.now = now
        self.policy = policy or Policy()
        self._hours = hours
        self.incidents: dict[str, Incident] = {}
        self.groups: dict[str, Group] = {}
        self.fleet = Fleet(deadlines or Deadlines())
        self._sender = Sender(lambda site: self.fleet.orders[site].payload, retain)
        self._holds: dict[str, Hold] = {}
        self._escalated: set[tuple[str, int, str]] = set()
        self._look = asyncio.Event()
        self._deciding = asyncio.Lock()
        self.trouble = ""
        self.is_ending = False
        self.bell = asyncio.Event()
        """Set, and replaced by a new one, when anything changed here."""
        live.steered_by(self.fleet.steering)

    async def load(self) -> None:
        """What was decided and received before.

        Raises:
            StoreError: the records can't be read.
        """
        entries = await self.decisions.book()
        if fault := first_fault(entries):
            log.error("book_changed", fault=fault, try_="shelter-central audit verify; compare with a copy")
        book = [entry.decision for entry in entries]
        self.incidents = incidents_of(book)
        self.groups = groups_of(book)
        self.fleet.written_off = written_off(book)
        self._escalated = {
            (d.site, int(d.detail["revision"]), str(d.detail["outcome"])) for d in book if d.action is Action.ESCALATED
        }
        self.fleet.load(await self.decisions.orders(), await self.decisions.receipts(), await self.decisions.reported())
        _, self._holds = self._due(self.incidents.values())
        self.send_all()

    # --- What comes in ------------------------------------------------------------------------------------------------

    def received(self, receipts: Sequence[ReceiptRecord], reported: Mapping[str, tuple[Reported, int]]) -> None:
        """Take what was kept of receipts and reported states. A repeat changes nothing."""
        self.fleet.received(receipts, reported)
        self._look.set()
        self._ring()

    def send_all(self) -> None:
        """The broker may have lost what it retained: give it every shelter's newest order again."""
        self._sender.add(self.fleet.orders)

    async def wait(self, bell: asyncio.Event, limit_s: float) -> None:
        """Until that bell rings, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await bell.wait()

    def end_streams(self) -> None:
        """Those who wait for news are told that there will be none."""
        self.is_ending = True
        self._ring()

    def shave(self, peaks: Mapping[str, PeakLimits], shaved: frozenset[str]) -> None:
        """From now on these shelters' batteries hold their demand in normal mode. ``shaved``: those that ever did."""
        self.policy = replace(self.policy, peaks=dict(peaks), shaved=shaved)
        self._look.set()

    # --- Questions ----------------------------------------------------------------------------------------------------

    def incident(self, incident_id: str) -> Incident:
        """One incident.

        Raises:
            UnknownError: there is none with this id.
        """
        found = self.incidents.get(incident_id)
        if found is None:
            raise UnknownError(incident_id)
        return found

    async def members(self, incident: Incident) -> list[Member]:
        """An incident's shelters and what became of them; of a closed one as it was when it was closed."""
        sites, now_ms = sorted(incident.sites), self.now()
        if incident.phase is Phase.DECLARED or incident.confirmed is None:
            return [Member(site=site, standing=None) for site in sites]
        if incident.end_ms is not None:
            orders = await self.decisions.orders(until_ms=incident.end_ms)
            receipts = await self.decisions.receipts(until_ms=incident.end_ms)
            then = {
                site: standing(
                    order, progress(of_order(order, receipts.get(site, ()))), self.fleet.deadlines, incident.end_ms
                )
                for site, order in orders.items()
            }
        else:
            then = {one.site: one for one in self.fleet.standings(now_ms)}
        holds = self.fleet.stuck(self.registered()) | (self._holds if incident.phase is Phase.ACTIVE else {})
        return [Member(site=site, standing=then.get(site), hold=str(holds.get(site, ""))) for site in sites]

    def registered(self) -> frozenset[str]:
        """Ids of the shelters that the registry knows."""
        return frozenset(site.id for site in self._live.sites())

    def out(self, incident: Incident) -> int:
        """How many of an incident's shelters nobody holds any more, and have not proven that they are back."""
        held = {site for one in self.incidents.values() if one.phase is Phase.ACTIVE for site in one.sites}
        return len(self.fleet.out(incident.sites - held, self.registered()))

    def is_switchable(self, site: str) -> bool:
        """Whether it is proven that a shelter can be switched."""
        return self._live.proof(site).is_switchable

    def preview(self, wish: Wish, scope: Scope) -> Preview:
        """What an incident would reach now.

        Raises:
            ScopeError: the scope names nothing, or something unknown.
        """
        sites, citywide = self._resolve(scope)
        return preview(
            sites,
            self._live.city(self.now()).sites,
            {site: told for site, (told, _) in self.fleet.reported.items()},
            is_citywide=citywide and wish.switches,
            hours=self._hours,
        )

    # --- Decisions ----------------------------------------------------------------------------------------------------

    async def declare(self, wish: Wish, scope: Scope, *, by: str, why: str) -> Incident:
        """Declare an incident. Nothing is sent.

        Raises:
            ScopeError, AskedWronglyError: the text says what to give.
            StoreError: it was not kept.
        """
        async with self._deciding:
            sites, _ = self._resolve(scope)
            made = declare(wish, scope, sites, by=by, why=why, at_ms=self.now(), known=self.incidents)
            await self._decide([made])
        return self.incidents[made.incident]

    async def confirm(self, incident_id: str, *, by: str, why: str, break_glass: bool = False) -> Incident:
        """Make an incident active: orders for its shelters are kept together with the decision, then sent.

        Raises:
            UnknownError, RefusedError, AskedWronglyError, ScopeError, NoKeyError: nothing was done.
            StoreError: it was not kept.
        """
        async with self._deciding:
            incident = self.incident(incident_id)
            self._key()
            sites, citywide = self._resolve(incident.scope)
            made = confirm(
                incident, sites, citywide=citywide, by=by, why=why, at_ms=self.now(), break_glass=break_glass
            )
            await self._decide(made)
        for decision in made:
            if decision.action is Action.BREAK_GLASS:
                log.error("break_glass", incident=incident_id, by=decision.by, why=decision.why, shelters=len(sites))
        return self.incidents[incident_id]

    async def end(self, incident_id: str, act: Act, *, by: str, why: str, anyway: bool = False) -> Incident:
        """Stand an incident down, or close it.

        Raises:
            UnknownError, RefusedError, AskedWronglyError, NoKeyError: nothing was done.
            StoreError: it was not kept.
        """
        async with self._deciding:
            incident = self.incident(incident_id)
            if incident.phase is Phase.ACTIVE:
                self._key()
            made = end(incident, act, by=by, why=why, at_ms=self.now(), out=self.out(incident), anyway=anyway)
            await self._decide([made])
        return self.incidents[incident_id]

    async def carry_out(self, make: Callable[[], tuple[Decision, Desired | None]]) -> None:
        """Keep a decision about one shelter, and send it what follows. ``make`` is asked when nothing else decides.

        Raises:
            NoKeyError, or what ``make`` raises: nothing was done.
            StoreError: it was not kept.
        """
        async with self._deciding:
            decision, desired = make()
            if desired is not None:
                self._key()
            await self._decide([decision], desired)

    async def save_group(self, name: str, scope: Scope, *, by: str, why: str) -> Group:
        """Save shelters under a name, instead of what had that name before.

        Raises:
            ScopeError, AskedWronglyError: the text says what to give.
            StoreError: it was not kept.
        """
        tidy = " ".join(name.split())
        if not tidy.isprintable() or not 0 < len(tidy) <= NAME_CHARS_MAX:
            raise ScopeError(f"name of the group: want 1 to {NAME_CHARS_MAX} characters")
        if scope.kind is ScopeKind.CITY:
            raise ScopeError("the whole city needs no group: use the scope city")
        person, reason = signed_by(by, why)
        async with self._deciding:
            sites, _ = self._resolve(scope)
            detail = {"name": tidy, "sites": list(sites)}
            saved = Decision(at_ms=self.now(), by=person, action=Action.GROUP_SAVED, why=reason, detail=detail)
            await self._decide([saved])
        return self.groups[tidy]

    def sites_in(self, scope: Scope) -> tuple[str, ...]:
        """Ids of the shelters that a scope means now.

        Raises:
            ScopeError: it names nothing, or something unknown.
        """
        return self._resolve(scope)[0]

    def _resolve(self, scope: Scope) -> tuple[tuple[str, ...], bool]:
        registered = self._live.sites()
        sites = resolve(scope, registered, self.groups)
        return sites, is_citywide(scope, sites, len(registered))

    # --- Orders -------------------------------------------------------------------------------------------------------

    async def _decide(self, decisions: Sequence[Decision], more: Desired | None = None) -> None:
        """Keep decisions and what follows from them, then let it hold. The lock is the caller's."""
        incidents = incidents_of(decisions, self.incidents.values())
        desired, holds = self._due(incidents.values())
        if more is not None and all(each.site != more.site for each in desired):
            desired.append(more)
        signer = self._signer()
        if desired and signer is None:
            self.trouble = NO_KEY
            desired = []
        else:
            self.trouble = ""
        orders = [Order(desired=each, payload=sign(each, signer)) for each in desired] if signer else []
        if decisions or orders:
            await self.decisions.decide(decisions, orders)
        self.incidents = incidents
        self.groups |= groups_of(decisions)
        self.fleet.written_off |= written_off(decisions)
        self._holds = holds
        self.fleet.issue(orders)
        if orders:
            log.info("orders", count=len(orders))
            self._sender.add(order.site for order in orders)
        if decisions or orders:
            self._ring()

    def _due(self, incidents: Iterable[Incident]) -> tuple[list[Desired], dict[str, Hold]]:
        fleet, now_ms = self.fleet, self.now()
        return due(
            incidents,
            fleet.orders,
            (site.id for site in self._live.sites()),
            is_switchable=self.is_switchable,
            is_settled=lambda site: fleet.outcome(site) in SETTLED,
            reported_revision=fleet.reported_revision,
            may_catch_up=lambda site: fleet.may_catch_up(site, now_ms),
            policy=self.policy,
            now_ms=now_ms,
        )

    def _key(self) -> Signer:
        signer = self._signer()
        if signer is None:
            raise NoKeyError(NO_KEY)
        return signer

    def _ring(self) -> None:
        self.bell.set()
        self.bell = asyncio.Event()

    # --- Loops --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send orders, and look after deadlines, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sender.run(), name="sending")
            tasks.create_task(self._looking(), name="looking")

    async def _looking(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    await self._look.wait()
                await asyncio.sleep(TICK_S / 10)  # Receipts come in flocks.
            except TimeoutError:
                pass
            self._look.clear()
            try:
                await self.look()
            except StoreError as error:
                log.warning("orders_not_kept", error=str(error))

    async def look(self) -> None:
        """Once: issue what is due by proofs, waiting drills or time, and note deadlines that have passed.

        Raises:
            StoreError: nothing was kept; the next look tries again.
        """
        async with self._deciding:
            now_ms, known = self.now(), self.registered()
            # Whoever is registered again is waited for again.
            self.fleet.written_off = {one for one in self.fleet.written_off if one[0] not in known}
            found = escalations(self.fleet.standings(now_ms), self._escalated, now_ms)
            await self._decide(found)
            for decision in found:
                told = decision.detail
                self._escalated.add((decision.site, told["revision"], told["outcome"]))
                log.warning("shelter_not_there", site=decision.site, why=decision.why, outcome=told["outcome"])
