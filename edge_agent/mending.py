"""Puts back what a control test that was cut short has left in a device, at the next start of what may write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from device_profiles.model import DiscoveryError
from edge_agent import plant
from edge_agent.config import SiteConfig
from edge_agent.core.saved import Saved
from edge_agent.io.bus import DeviceRefused, LinkDown, RegisterLine
from edge_agent.io.journal import Journal, JournalBusy, JournalError, journal_path
from edge_agent.obey import Obeyer, Receipt, monotonic_ms
from edge_agent.poll import Bus
from edge_agent.session import DeviceSession

log = structlog.get_logger()

LOOK_AGAIN_S: Final = 5.0
"""How often an agent looks whether a device that must be mended answers."""


@dataclass(frozen=True, slots=True)
class Mended:
    """One entry of the journal and what became of it; ``receipt`` is None when the device can't be reached."""

    saved: Saved
    receipt: Receipt | None
    why: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the device holds again what stood there."""
        return self.receipt is not None and self.receipt.is_done


def has_pending(config: SiteConfig) -> bool:
    """Whether something may have to be put back; does not open the journal, so it disturbs no running test."""
    with suppress(OSError):
        return journal_path(config.outbox.path).stat().st_size > 0
    return False


async def mend_site(config: SiteConfig, make_line: plant.MakeLine = plant.line_of) -> list[Mended]:
    """Put back everything that is pending, each device asked once. Raises JournalError, ConfigError."""
    with Journal.open(journal_path(config.outbox.path)) as journal:
        buses = plant.build(config, make_line)
        try:
            places = {session.id: (bus, session) for bus in buses for session in bus.sessions}
            done = []
            for saved in journal.pending():
                if saved.device in places:
                    bus, session = places[saved.device]
                    with suppress(LinkDown, DeviceRefused, DiscoveryError):  # Unanswered: said below.
                        if not session.last_answer_ms:
                            await session.poll(bus.line, slow=False, now_ms=monotonic_ms())
                            session.last_answer_ms = monotonic_ms()
                done.append(await _mend(journal, saved, places))
            return done
        finally:
            for bus in buses:
                bus.line.close()


async def keep_mending(config: SiteConfig, buses: Sequence[Bus], tell: Callable[[Mended], None]) -> None:
    """Put back what is pending as soon as each device answers; ends when nothing is left.

    A journal that another process has open is left to it, and looked at again later.
    """
    places: dict[str, tuple[Bus, DeviceSession]] = {s.id: (bus, s) for bus in buses for s in bus.sessions}
    failed: set[str] = set()
    while has_pending(config):
        try:
            with Journal.open(journal_path(config.outbox.path)) as journal:
                for saved in journal.pending():
                    if saved.id in failed or not _is_there(saved, places):
                        continue
                    mended = await _mend(journal, saved, places)
                    tell(mended)
                    if not mended.is_done:
                        failed.add(saved.id)  # Once is enough: it stays in the journal for a person.
                if not [saved for saved in journal.pending() if saved.id not in failed]:
                    return
        except JournalBusy:
            pass
        except JournalError as error:
            log.warning("what a control test left behind can't be looked up", why=str(error))
            return
        await asyncio.sleep(LOOK_AGAIN_S)


def _is_there(saved: Saved, places: Mapping[str, tuple[Bus, DeviceSession]]) -> bool:
    """Whether the device answers, or is not in the file any more so that waiting is in vain."""
    if saved.device not in places:
        return True
    session = places[saved.device][1]
    return bool(session.last_answer_ms) and not session.health.is_lost


def serial_of(session: DeviceSession) -> str:
    """The serial number that a device told, empty where it tells none."""
    return session.identity.get("serial", "")


async def _mend(journal: Journal, saved: Saved, places: Mapping[str, tuple[Bus, DeviceSession]]) -> Mended:
    if saved.device not in places:
        return Mended(saved, None, "no_such_device")
    bus, session = places[saved.device]
    if session.map is None or not session.last_answer_ms:
        return Mended(saved, None, "no_answer")
    line: RegisterLine = bus.line
    obeyer = Obeyer(line, session.unit, session.map, session.timeout_s, device=session.id, serial=serial_of(session))
    receipt = await obeyer.restore(saved)
    if receipt.is_done:
        journal.done(saved.id)
    return Mended(saved, receipt)
