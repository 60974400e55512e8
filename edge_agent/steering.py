"""From a site file to the steerer of its shelter, and the tap by which it sees what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from contract.messages import EventKind, Severity
from contract.readings import DeviceReadings
from device_profiles.model import ControlKind, DeviceMap, Group
from edge_agent.config import ConfigError, SiteConfig
from edge_agent.core.clock import SiteClock
from edge_agent.core.conditions import AGE_MS_MAX
from edge_agent.core.damping import Detail
from edge_agent.core.standing import Position, Switch
from edge_agent.core.tiers import Tiers
from edge_agent.core.tracking import Timing
from edge_agent.io.city_keys import CityKeyError, read_keys
from edge_agent.io.journal import is_busy, journal_path
from edge_agent.io.state_file import SiteMemory, StateError, load, read_switch, save, state_path, switch_path
from edge_agent.poll import Bus, Records
from edge_agent.session import DeviceSession
from edge_agent.steer import Steerer
from edge_agent.steer_device import SteeredDevice
from edge_agent.steer_site import Site
from edge_agent.steer_tiers import TierSteer

log = structlog.get_logger()

BATTERY_KINDS: Final = frozenset(
    {ControlKind.RESERVE, ControlKind.CHARGE, ControlKind.DISCHARGE_BLOCK, ControlKind.BACKUP}
)


def build(
    config: SiteConfig, buses: Sequence[Bus], records: Records, clock: SiteClock, *, timing: Timing | None = None
) -> Steerer | None:
    """The steerer of a site; None when the site file has no ``steering``.

    Raises:
        ConfigError: a key file cannot be used.
    """
    steering = config.steering
    if steering is None:
        return None
    try:
        keys = read_keys(config.city_keys)
    except CityKeyError as error:
        raise ConfigError(str(error)) from None
    sessions = {session.id: (session, bus) for bus in buses for session in bus.sessions}

    def steered(named: Sequence[str], has: Callable[[DeviceSession], bool]) -> list[SteeredDevice]:
        found = [pair for name, pair in sessions.items() if name in named or (not named and has(pair[0]))]
        return [SteeredDevice(session, bus.line, now_ms=clock.boot_ms) for session, bus in found]

    by_hand = steering.by_hand if steering.stand_alone == "by_hand" else None
    site = Site(
        own=steering.own(config.site),
        keys=keys,
        by_hand=None if by_hand is None else (by_hand.ja, by_hand.en),
        timing=timing or Timing(),
        lasts_ms=_lasts(config, sessions),
    )
    return Steerer(
        site,
        steered(steering.battery, lambda session: not session.control_kinds.isdisjoint(BATTERY_KINDS)),
        TierSteer(
            steered(steering.tiers, lambda session: any(kind.startswith("tier") for kind in session.control_kinds)),
            tiers=Tiers(entered_w=steering.tier_loads_w),
            rated_w=steering.backup_rated_w,
        ),
        records,
        clock,
        memory=_memory(config),
        save=_saver(config),
        switch=_switch(config, clock.boot_ms),
    )


def _lasts(config: SiteConfig, sessions: Mapping[str, tuple[DeviceSession, Bus]]) -> Callable[[str, str], int]:
    fast_ms = max(AGE_MS_MAX, round(3 * config.interval_s * 1000))
    slow_ms = max(fast_ms, round(3 * config.slow_interval_s * 1000))
    by_group = {Group.FAST: fast_ms, Group.SLOW: slow_ms, Group.ONCE: 86_400_000}
    known: dict[str, tuple[DeviceMap, dict[str, int]]] = {}

    def lasts_ms(device: str, point: str) -> int:
        device_map = sessions[device][0].map if device in sessions else None
        if device_map is None:
            return fast_ms
        if device not in known or known[device][0] is not device_map:
            known[device] = (device_map, {field.point: by_group[field.group] for field in device_map.fields})
        return known[device][1].get(point, fast_ms)

    return lasts_ms


def _memory(config: SiteConfig) -> SiteMemory | None:
    try:
        return load(state_path(config.outbox.path))
    except StateError as error:
        log.error("the mode of the shelter can't be read", why=str(error))
        return None


def _saver(config: SiteConfig) -> Callable[[SiteMemory], None]:
    path = state_path(config.outbox.path)
    last: SiteMemory | None = None

    def keep(memory: SiteMemory) -> None:
        nonlocal last
        if memory == last:
            return
        try:
            save(path, memory)
            last = memory
        except StateError as error:  # A full disk must not stop a shelter from obeying.
            log.error("the mode of the shelter is not on disk", why=str(error))

    return keep


def _switch(config: SiteConfig, now_ms: Callable[[], int]) -> Callable[[], Switch]:
    """The switch on site, looked at once a second. While somebody tests controls nobody else writes."""
    path, journal = switch_path(config.outbox.path), journal_path(config.outbox.path)
    looked_ms, last, told = -1_000, Switch(), ""

    def look() -> Switch:
        nonlocal looked_ms, last, told
        if now_ms() - looked_ms < 1_000:
            return last
        looked_ms = now_ms()
        try:
            last, told = read_switch(path) or Switch(), ""
        except StateError as error:
            if told != str(error):
                told = str(error)
                log.error("the switch on site can't be read; it stays as it was", why=told)
        if is_busy(journal):  # What somebody said of the water stays said.
            last = replace(last, position=Position.MAINTENANCE, by="control test")
        return last

    return look


class Watched:
    """What is recorded, seen by the steerer on its way."""

    def __init__(self, records: Records, steerer: Steerer) -> None:
        self._records, self._steerer = records, steerer

    def record(self, taken: Sequence[DeviceReadings]) -> object:
        """Record, then let the steerer see."""
        recorded = self._records.record(taken)
        self._steerer.see(taken)
        return recorded

    def look(self) -> object:
        """Once a tick."""
        return self._records.look()

    def tell(
        self,
        kind: EventKind,
        *,
        at_ms: int,
        severity: Severity = Severity.INFO,
        device: str = "",
        detail: Detail | None = None,
    ) -> object:
        """An event."""
        return self._records.tell(kind, at_ms=at_ms, severity=severity, device=device, detail=detail)
