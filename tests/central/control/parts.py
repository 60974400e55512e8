"""The control loop over a real database, with a broker that is a list and a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from central.control import Control
from central.core.audit import Action
from central.core.incidents import Incident, Wish
from central.core.live import LiveView
from central.core.orders import Deadlines, ReceiptRecord
from central.core.scope import Scope, ScopeKind
from central.store.records import Batch, Records
from contract.signing import Signer, fingerprint
from contract.steering import Desired, Mode, Reason, Receipt, Reported, Stage, open_desired
from tests.central.fleet import register, site_ids
from tests.central.ingest.parts import NOW, Clock

CITY = Scope(ScopeKind.CITY)
BACKUP = Wish(mode=Mode.BACKUP)
STORM = Wish(mode=Mode.STORM_WATCH)
DRILL = Wish(mode=Mode.BACKUP, is_drill=True)
IDS = site_ids(6)
LIMITS = Deadlines(answered_s=60, verified_s=300, person_s=1_800)


def one(*sites: str) -> Scope:
    return Scope(ScopeKind.SITES, sites)


@dataclass
class House:
    """The loop, what it was given, and what it sent."""

    records: Records
    live: LiveView
    control: Control
    clock: Clock
    signer: Signer | None
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    is_connected: bool = True

    def retain(self, site: str, payload: bytes) -> bool:
        if self.is_connected:
            self.sent.append((site, payload))
        return self.is_connected

    def orders(self, site: str) -> list[Desired]:
        """What a shelter was sent, opened with the city's key."""
        assert self.signer is not None
        keys = {fingerprint(self.signer.public): self.signer.public}
        return [open_desired(payload, keys=keys, site=site) for to, payload in self.sent if to == site]

    async def active(self, wish: Wish = BACKUP, scope: Scope = CITY) -> Incident:
        made = await self.control.declare(wish, scope, by="田中", why="台風")
        return await self.control.confirm(made.id, by="佐藤", why="確認")

    async def tell(
        self,
        site: str,
        *stages: Stage,
        reason: Reason = Reason.NONE,
        revision: int = 1,
        detail: str = "",
        reported: dict[str, Reported] | None = None,
    ) -> None:
        """Receipts as the intake hands them over: kept first."""
        receipts = []
        for n, stage in enumerate(stages):
            why = reason if n == len(stages) - 1 else Reason.NONE
            told = Receipt(revision=revision, stage=stage, at_ms=self.clock.now_ms + n, reason=why, detail=detail)
            receipts.append(ReceiptRecord(site=site, receipt=told, received_ms=self.clock.now_ms))
        states = {each: (state, self.clock.now_ms) for each, state in (reported or {}).items()}
        await self.records.save_batch(Batch(receipts=receipts, reported=states))
        self.control.received(receipts, states)

    async def book(self) -> list[Action]:
        return [entry.decision.action for entry in await self.records.decisions.book()]


@asynccontextmanager
async def house(
    folder: Path,
    *,
    ids: list[str] = IDS,
    verified: Iterable[str] = tuple(IDS[1:]),
    signer: Signer | None = None,
    is_new: bool = True,
    run: bool = True,
    **more: Any,
) -> AsyncIterator[House]:
    """A city of some shelters; ``is_new`` false: what is in the folder already."""
    records = await Records.open(folder / "records.sqlite")
    try:
        if is_new:
            await register(records, ids, verified=verified)
        live, clock = LiveView(), Clock()
        live.set_sites(await records.sites())
        live.set_proofs(await records.proofs())
        here: House

        control = Control(
            records.decisions,
            live,
            retain=lambda site, payload: here.retain(site, payload),
            signer=lambda: here.signer,
            now=clock,
            deadlines=LIMITS,
            **more,
        )
        here = House(records, live, control, clock, signer)
        await control.load()
        running = asyncio.create_task(control.run()) if run else None
        try:
            yield here
        finally:
            if running is not None:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        await records.close()


__all__ = ["BACKUP", "CITY", "DRILL", "IDS", "LIMITS", "NOW", "STORM", "House", "house", "one"]
