"""A shelter's day in half hours as a value, and as the text that is kept. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from central.core.accounting.counters import LETTERS, Ints, Mark, Readings
from central.core.accounting.flows import Counter, Evidence, Flow, Flows, LoadBasis, PvBasis, Rated, Sources, flows_of
from central.core.accounting.halfhours import HALF_HOUR_MS, SLOTS, start_of_day

HALF_HOUR_S: Final = HALF_HOUR_MS // 1_000
WELL_KNOWN: Final = frozenset("mri")
"""Letters of half hours whose energy counts as one of that half hour."""
_UNKNOWN_DAY: Final = "-" * SLOTS
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Beside:
    """What a day's half hours are told besides energy, by number of the half hour; only what is not nothing."""

    islanded_s: Mapping[int, int] = field(default_factory=dict)
    """Seconds without the grid."""
    limited: frozenset[int] = frozenset()
    """The inverter held PV back: its limit was reached, or nobody could take more."""
    faults: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Device → half hours in which it reported a fault."""


NOTHING_BESIDE: Final = Beside()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDay:
    """One shelter's Tokyo day. Energies in Wh, one for each of 48 half hours; ``marks`` says how well each is known.

    Where a mark is ``s`` or ``l`` the energy is a share of a sum over a longer gap: days and months may add it, but it
    is not that half hour's own. Where it is ``-`` the energy is 0 and means nothing.
    """

    site: str
    day: int
    wh: Mapping[Flow, Sequence[int]]
    marks: Mapping[Flow, str]
    odd: frozenset[int] = frozenset()
    """Half hours whose flows do not add up."""
    beside: Beside = NOTHING_BESIDE
    pv_basis: PvBasis = PvBasis.NONE
    load_basis: LoadBasis = LoadBasis.REST

    def own_wh(self, flow: Flow, slot: int) -> int | None:
        """Energy of one half hour; ``None`` where it is not known for that half hour."""
        if flow not in self.wh or self.marks[flow][slot] not in WELL_KNOWN:
            return None
        return self.wh[flow][slot]

    def total_wh(self, flow: Flow) -> int:
        """Energy of the day, shares of longer gaps included."""
        return sum(self.wh.get(flow, ()))

    def worst(self) -> str:
        """For each half hour the letter of the flow that is known worst."""
        found = list(self.marks.values())
        if not found:
            return _UNKNOWN_DAY
        if all(each == found[0] for each in found):
            return found[0]
        return "".join(max(letters, key=LETTERS.index) for letters in zip(*found, strict=True))

    @property
    def peak(self) -> tuple[int, int] | None:
        """Highest import of a half hour in Wh, and its number; ``None``: no import is known."""
        known = [(wh, -slot) for slot in range(SLOTS) if (wh := self.own_wh(Flow.IMPORT, slot)) is not None]
        if not known:
            return None
        wh, slot = max(known)
        return wh, -slot


class _Kept(msgspec.Struct, omit_defaults=True):
    """A day as it is kept; keys are stable."""

    v: int
    wh: dict[str, list[int]]
    marks: dict[str, str]
    pv: str
    load: str
    odd: list[int] = []
    limited: list[int] = []
    islanded: list[tuple[int, int]] = []
    faults: dict[str, list[int]] = {}


_decoder = msgspec.json.Decoder(_Kept)
_encoder = msgspec.json.Encoder(order="sorted")


class DayError(ValueError):
    """A stored day that this version can't read."""


def encode_day(one: SiteDay) -> str:
    """The text that is kept; equal days have equal texts."""
    kept = _Kept(
        v=_VERSION,
        wh={flow.value: list(values) for flow, values in one.wh.items()},
        marks={flow.value: letters for flow, letters in one.marks.items()},
        pv=one.pv_basis.value,
        load=one.load_basis.value,
        odd=sorted(one.odd),
        limited=sorted(one.beside.limited),
        islanded=sorted(one.beside.islanded_s.items()),
        faults={device: sorted(slots) for device, slots in one.beside.faults.items()},
    )
    return _encoder.encode(kept).decode()


def decode_day(site: str, day: int, text: str) -> SiteDay:
    """A day from its text.

    Raises:
        DayError: another version wrote it.
    """
    try:
        kept = _decoder.decode(text)
        if kept.v != _VERSION:
            raise DayError(f"day {day} of {site}: version {kept.v}, this program reads {_VERSION}")
        return SiteDay(
            site=site,
            day=day,
            wh={Flow(name): values for name, values in kept.wh.items()},
            marks={Flow(name): letters for name, letters in kept.marks.items()},
            odd=frozenset(kept.odd),
            beside=_beside(kept),
            pv_basis=PvBasis(kept.pv),
            load_basis=LoadBasis(kept.load),
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise DayError(f"day {day} of {site}: {error}") from None


def _beside(kept: _Kept) -> Beside:
    if not (kept.islanded or kept.limited or kept.faults):
        return NOTHING_BESIDE
    faults = {device: frozenset(slots) for device, slots in kept.faults.items()}
    return Beside(dict(kept.islanded), frozenset(kept.limited), faults)


def ends_of_days(first_day: int, days: int) -> Ints:
    """Ends of all half hours of some days, the first midnight and the last one included."""
    return start_of_day(first_day) + HALF_HOUR_MS * np.arange(days * SLOTS + 1, dtype=np.int64)


def count_days(
    site: str,
    evidence: Evidence,
    sources: Sources,
    rated: Rated,
    *,
    first_day: int,
    days: int,
    beside: Mapping[int, Beside] | None = None,
) -> list[SiteDay]:
    """Count a stretch of days. A gap at either end is seen as far as the evidence reaches beyond."""
    flows = flows_of(evidence, sources, rated, ends_of_days(first_day, days))
    return _days(site, flows, first_day, days, beside or {})


def _days(site: str, flows: Flows, first_day: int, days: int, beside: Mapping[int, Beside]) -> list[SiteDay]:
    wh = {flow: each.wh.reshape(days, SLOTS).tolist() for flow, each in flows.counted.items()}
    letters = np.frombuffer(LETTERS.encode(), dtype=np.uint8)
    marks = {flow: letters[each.marks].tobytes().decode() for flow, each in flows.counted.items()}
    odd: dict[int, list[int]] = {}
    for place in np.flatnonzero(flows.odd).tolist():
        odd.setdefault(place // SLOTS, []).append(place % SLOTS)
    return [
        SiteDay(
            site=site,
            day=first_day + n,
            wh={flow: values[n] for flow, values in wh.items()},
            marks={flow: text[n * SLOTS : (n + 1) * SLOTS] for flow, text in marks.items()},
            odd=frozenset(odd.get(n, ())),
            beside=beside.get(first_day + n, NOTHING_BESIDE),
            pv_basis=flows.pv_basis,
            load_basis=flows.load_basis,
        )
        for n in range(days)
    ]


def is_whole(one: SiteDay, passed: int = SLOTS) -> bool:
    """Whether the first ``passed`` half hours of every flow were measured: nothing that comes late says more."""
    wanted = LETTERS[Mark.MEASURED] * passed
    return bool(one.marks) and all(letters.startswith(wanted) for letters in one.marks.values())


# --- Readings that a day rests on ------------------------------------------------------------------------------------


def pack_readings(readings: Mapping[Counter, Readings]) -> bytes:
    """Readings of one day as they are kept beside it: the evidence of its figures."""
    parts = [
        [device, point, np.diff(each.at_ms, prepend=0).tolist(), np.diff(each.wh, prepend=0).tolist()]
        for (device, point), each in sorted(readings.items())
        if len(each)
    ]
    return zlib.compress(msgspec.msgpack.encode(parts), level=1)


def unpack_readings(packed: bytes) -> dict[Counter, Readings]:
    """The readings again.

    Raises:
        DayError: it is not what ``pack_readings`` made.
    """
    try:
        parts = msgspec.msgpack.decode(zlib.decompress(packed), type=list[tuple[str, str, list[int], list[int]]])
    except (zlib.error, msgspec.MsgspecError) as error:
        raise DayError(f"readings of a day: {error}") from None
    return {
        (device, point): Readings(np.cumsum(np.array(at_ms, np.int64)), np.cumsum(np.array(wh, np.int64)))
        for device, point, at_ms, wh in parts
    }


def joined(parts: Iterable[Mapping[Counter, Readings]]) -> dict[Counter, Readings]:
    """Readings of several days as one set by counter."""
    found: dict[Counter, list[Readings]] = {}
    for part in parts:
        for counter, readings in part.items():
            found.setdefault(counter, []).append(readings)
    return {counter: each[0].merged(*each[1:]) for counter, each in found.items()}
