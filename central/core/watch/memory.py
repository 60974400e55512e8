"""What lies between two looks, as one text: a restart forgets no timer and counts no fault twice. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from central.core.watch.alerts import About, Alert
from central.core.watch.episodes import Episodes
from central.core.watch.lamps import Lamp
from central.core.watch.looking import State
from central.core.watch.readings import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Lamps that are not idle, what was resolved by hand, and beginnings of the last day."""

    lamps: tuple[tuple[str, str, Lamp], ...] = ()
    """Rule, shelter, lamp."""
    muted: tuple[tuple[Family, About, int], ...] = ()
    faults: Episodes = field(default_factory=Episodes)
    links: Episodes = field(default_factory=Episodes)


_decoder: Final = msgspec.json.Decoder(Memory)


def memory_of(state: State, faults: Episodes, links: Episodes) -> Memory:
    """What has to be remembered."""
    return Memory(
        lamps=tuple((rule, site, lamp) for (rule, site), lamp in sorted(state.lamps.items())),
        muted=tuple((family, about, at_ms) for (family, about), at_ms in sorted(state.muted.items())),
        faults=faults,
        links=links,
    )


def lamps_of(alerts: Iterable[Alert]) -> dict[tuple[str, str], Lamp]:
    """Lamps that alerts were made of, where nothing else is remembered."""
    return {
        (evidence.rule, site): Lamp(is_lit=True, since_ms=alert.raised_ms)
        for alert in alerts
        for evidence in alert.evidence
        for site in alert.sites or ("",)
    }


def written(memory: Memory) -> str:
    """As text; the same for the same memory."""
    return msgspec.json.encode(memory, order="deterministic").decode()


def read(text: str) -> Memory | None:
    """From text; ``None``: it can't be read, so timers begin anew."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None
