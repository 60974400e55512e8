"""A scan as steps that can be waited for and stopped, and what it found as plain values for the draft."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from device_profiles.identify import Identified, Proposal, Reason, Sureness
from edge_agent.commissioning.draft import Candidate, FoundUnit, Place, Said, Way
from edge_agent.commissioning.looking import library, lines_at
from edge_agent.commissioning.networks import Plan, insisted, parse_target, plan_of
from edge_agent.commissioning.ports import ports_of, questions, settings, strictest
from edge_agent.commissioning.progress import Progress, Tell
from edge_agent.commissioning.scan import Found, MakeLine, Pace, Scanner, UnitFound
from edge_agent.commissioning.show_scan import role_of
from edge_agent.commissioning.words_scan import reason_in_words
from edge_agent.io.bus import LineAddress, RtuAddress, RtuOverTcpAddress, TcpAddress

CANDIDATES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWish:
    """Where to look and how."""

    targets: tuple[str, ...]
    """Networks, hosts, HOST:PORT or serial ports, as people type them."""
    units: tuple[int, ...] = ()
    all_units: bool = False
    rate: float = 20.0
    timeout_s: float = 0.8
    baudrate: int | None = None
    parity: str | None = None
    try_serial: bool = False
    is_rtu_over_tcp: bool = False
    is_insisted: bool = False
    """Look at a large network or one that is not private all the same."""


@dataclass(slots=True)
class Scanning:
    """A scan; what it found so far is there at any moment, also after a cancellation."""

    scanner: Scanner
    plan: Plan
    settings: tuple[tuple[int, str], ...]

    async def run(self) -> None:
        """Look at everything."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.scanner.network(self.plan.hosts))
            for port in self.plan.serial:
                tasks.create_task(self.scanner.serial(port, self.settings))

    @property
    def found(self) -> tuple[FoundUnit, ...]:
        """What was found so far."""
        return found_units(self.scanner.found)


def scanning(wish: ScanWish, tell: Tell, make_line: MakeLine | None = None) -> Scanning:
    """A scan that is ready to run.

    Raises:
        TargetError: a target is not understood, or too much would be looked at.
    """
    profiles = library()
    parsed = [parse_target(text) for text in wish.targets]
    ports = ports_of(profiles)
    plan = plan_of(parsed, ports)
    if plan.doubts:
        if not wish.is_insisted:
            raise plan.doubts[0]
        plan = insisted(parsed, ports)

    def told(found: Found, place: str) -> None:
        tell(Progress("scanning", {"units": found.units, "place": place}, found.done, found.total))

    scanner = Scanner(
        profiles,
        questions(profiles, units=wish.units, all_units=wish.all_units),
        make_line or lines_at(strictest(profiles)),
        pace=Pace(wish.rate),
        timeout_s=wish.timeout_s,
        network_address=RtuOverTcpAddress if wish.is_rtu_over_tcp else TcpAddress,
        tell=told,
    )
    return Scanning(scanner, plan, settings(baudrate=wish.baudrate, parity=wish.parity, try_all=wish.try_serial))


def found_units(found: Found) -> tuple[FoundUnit, ...]:
    """The units of a scan, in the order of their places."""
    units = [_unit(place_of(port.address), unit) for port in found.ports for unit in port.units]
    return tuple(sorted(units, key=lambda unit: (unit.place, unit.unit)))


def _unit(place: Place, unit: UnitFound) -> FoundUnit:
    identified = unit.identified
    best = identified.best if identified is not None else None
    return FoundUnit(
        place=place,
        unit=unit.unit,
        candidates=candidates(identified) if identified is not None else (),
        is_decided=best is not None and best.sureness is not Sureness.POSSIBLE,
        same_as=unit.same_as,
        error=unit.error[:200],
    )


def candidates(identified: Identified) -> tuple[Candidate, ...]:
    """What a unit may be, best first."""
    return tuple(_candidate(each) for each in identified.proposals[:CANDIDATES_MAX])


def _candidate(proposal: Proposal) -> Candidate:
    return Candidate(
        profile=proposal.profile,
        sureness=proposal.sureness.value,
        role=role_of(proposal),
        reasons=_said(proposal.reasons),
        against=_said(proposal.against),
        identity={name: text[:200] for name, text in proposal.identity.items() if text},
    )


def _said(reasons: Iterable[Reason]) -> tuple[Said, ...]:
    return tuple(Said(ja=reason_in_words(r, "ja"), en=reason_in_words(r, "en")) for r in reasons)


def place_of(address: LineAddress) -> Place:
    """An address as the draft keeps it."""
    if isinstance(address, RtuAddress):
        return Place(way=Way.RTU, host=address.port, baudrate=address.baudrate, parity=address.parity)
    way = Way.RTU_OVER_TCP if isinstance(address, RtuOverTcpAddress) else Way.TCP
    return Place(way=way, host=address.host, port=address.port)


def address_of(place: Place) -> LineAddress:
    """The address of a place."""
    if place.way is Way.RTU:
        return RtuAddress(port=place.host, baudrate=place.baudrate, parity=place.parity)
    kind = RtuOverTcpAddress if place.way is Way.RTU_OVER_TCP else TcpAddress
    return kind(host=place.host, port=place.port)
