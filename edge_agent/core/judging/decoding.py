"""Reading the same registers otherwise: which mistake of a profile would make implausible values plausible.

A 32-bit value with its halves the wrong way round, swapped bytes, a map that is one address off, a sign that was not
read: each gives values that no building has. The reading under which they become plausible is the likely mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contract.points import POINTS, Kind
from contract.readings import Quality, Reading
from device_profiles.codec import readings
from device_profiles.model import DeviceMap, Field, Image, Table, ValueType, WordOrder
from edge_agent.core.judging.bounds import is_implausible
from edge_agent.core.judging.finding import Finding, found

_WIDE: Final = frozenset({ValueType.U32, ValueType.S32, ValueType.U64, ValueType.S64, ValueType.F32, ValueType.F64})
_SIGNED: Final = {ValueType.U16: ValueType.S16, ValueType.U32: ValueType.S32, ValueType.U64: ValueType.S64}
_SENTINELS: Final = {
    ValueType.U16: frozenset({0xFFFF}),
    ValueType.S16: frozenset({0x8000, 0x7FFF}),
    ValueType.U32: frozenset({0xFFFF_FFFF}),
    ValueType.S32: frozenset({0x8000_0000, 0x7FFF_FFFF}),
    ValueType.U64: frozenset({0xFFFF_FFFF_FFFF_FFFF}),
    ValueType.S64: frozenset({0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF}),
}
"""Raw values by which makers say "not available"."""
_MENDED_SHARE_MAX: Final = 0.34
_WRONG_MIN: Final = 2
_MISSING_SHARE_MAX: Final = 0.2
_SCALES: Final = ((10.0, "×10"), (0.1, "×0.1"), (100.0, "×100"), (0.01, "×0.01"), (1000.0, "×1000"), (0.001, "×0.001"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """One device: its map and the registers that were read of it."""

    device_map: DeviceMap
    image: Image
    """May hold registers beside those of the map, which a shifted reading needs."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another way to read a device."""

    kind: str
    how: str
    read: Callable[[Recorded], Sequence[Reading]]


def _words(recorded: Recorded) -> Sequence[Reading]:
    return _numbers([_other_order(f) for f in recorded.device_map.fields], recorded.image)


def _bytes(recorded: Recorded) -> Sequence[Reading]:
    return _numbers(recorded.device_map.fields, _swapped(recorded.image))


def _both(recorded: Recorded) -> Sequence[Reading]:
    return _numbers([_other_order(f) for f in recorded.device_map.fields], _swapped(recorded.image))


def _shift(by: int) -> Callable[[Recorded], Sequence[Reading]]:
    return lambda recorded: _numbers([shifted(f, by) for f in recorded.device_map.fields], recorded.image)


VARIANTS: Final = (
    Variant("swapped_words", "word_order", _words),
    Variant("off_by_one", "+1", _shift(1)),
    Variant("off_by_one", "-1", _shift(-1)),
    Variant("swapped_bytes", "bytes", _bytes),
    Variant("swapped_bytes", "bytes and words", _both),
)


def _other_order(field: Field) -> Field:
    if field.type not in _WIDE:
        return field
    other = WordOrder.LITTLE if field.word_order is WordOrder.BIG else WordOrder.BIG
    return replace(field, word_order=other)


def _swapped(image: Image) -> dict[tuple[Table, int], int]:
    is_bit = (Table.COIL, Table.DISCRETE)
    return {key: word if key[0] in is_bit else (word & 0xFF) << 8 | word >> 8 for key, word in image.items()}


def shifted(field: Field, by: int) -> Field:
    """The field as it would be, were the whole map ``by`` addresses later."""
    power = field.scale_factor_address
    return replace(
        field,
        address=field.address + by,
        terms=tuple((address + by, sign) for address, sign in field.terms),
        scale_factor_address=None if power is None else power + by,
    )


def _numbers(fields: Iterable[Field], image: Image) -> Sequence[Reading]:
    return readings([field for field in fields if field.point in POINTS], image)


def wrong_in(seen: Iterable[Reading]) -> list[str]:
    """Points that no building has; what is not available or was not read is none of them."""
    return [
        r.point
        for r in seen
        if r.quality is not Quality.ILLEGAL_ADDRESS and is_implausible(r.point, r.value, r.quality.value)
    ]


def otherwise(recorded: Recorded) -> tuple[Variant, int, int] | None:
    """The reading under which the device becomes plausible, and how many points were and are wrong. None: no need,
    or no such reading."""
    as_read = _numbers(recorded.device_map.fields, recorded.image)
    wrong = len(wrong_in(as_read))
    if wrong < _WRONG_MIN:
        return None
    best: tuple[int, int, Variant] | None = None
    for n, variant in enumerate(VARIANTS):
        seen = variant.read(recorded)
        if len(seen) < (1 - _MISSING_SHARE_MAX) * len(as_read) or not any(r.value for r in seen):
            continue
        left = len(wrong_in(seen))
        if best is None or left < best[0]:
            best = (left, n, variant)
    if best is None or best[0] > _MENDED_SHARE_MAX * wrong:
        return None
    return best[2], wrong, best[0]


def judge_decoding(device: str, profile: str, recorded: Recorded) -> list[Finding]:
    """What the registers give away of the profile's mistakes."""
    whole = otherwise(recorded)
    if whole is not None:
        variant, wrong, left = whole
        return [found(variant.kind, device, profile=profile, how=variant.how, wrong=wrong, left=left)]
    return [*_sentinels(device, recorded), *_single(device, recorded)]


def _single(device: str, recorded: Recorded) -> list[Finding]:
    """Points that are wrong one by one, each with the reading that would be plausible."""
    by_point = {field.point: field for field in recorded.device_map.fields}
    result: list[Finding] = []
    for reading in _numbers(recorded.device_map.fields, recorded.image):
        if reading.quality is Quality.ILLEGAL_ADDRESS or not is_implausible(
            reading.point, reading.value, reading.quality.value
        ):
            continue
        field = by_point[reading.point]
        raw = _unbounded(field, recorded.image)
        facts: dict[str, str | float] = {"point": reading.point, "shown": f"{raw:,.6g}" if raw is not None else "-"}
        result.append(_explained(device, field, recorded.image, raw, facts))
    return result


def _explained(device: str, field: Field, image: Image, raw: float | None, facts: Mapping[str, str | float]) -> Finding:
    other: list[tuple[str, str, Field]] = []
    if field.type in _SIGNED:
        other.append(("signedness", "signed", replace(field, type=_SIGNED[field.type])))
    if field.type in _WIDE:
        other.append(("swapped_words", "word_order", _other_order(field)))
    for kind, how, variant in other:
        value = _plausible(variant, image)
        if value is not None:
            return found("implausible", device, **facts, seen=kind, how=how, likely=value)
    if raw is not None:
        for factor, how in _SCALES:
            if not is_implausible(field.point, raw / factor, "good") and POINTS[field.point].is_plausible(raw / factor):
                return found("implausible", device, **facts, seen="scale", how=how, likely=round(raw / factor, 3))
    return found("implausible", device, **facts, seen="bare")


def _plausible(field: Field, image: Image) -> float | None:
    for reading in _numbers([field], image):
        if reading.value and not is_implausible(reading.point, reading.value, reading.quality.value):
            return reading.value
    return None


def _unbounded(field: Field, image: Image) -> float | None:
    return next((reading.value for reading in readings([replace(field, point="")], image)), None)


def _sentinels(device: str, recorded: Recorded) -> list[Finding]:
    """Values that look like a maker's "not available" and are read as numbers."""
    hit = [f.point for f in recorded.device_map.fields if _is_sentinel(f, recorded.image)]
    if not hit:
        return []
    return [found("sentinel", device, points=", ".join(hit[:4]) + (" …" if len(hit) > 4 else ""), count=len(hit))]


def _is_sentinel(field: Field, image: Image) -> bool:
    suspects = _SENTINELS.get(field.type)
    known = POINTS.get(field.point)
    if suspects is None or known is None or known.kind is Kind.STATE or field.terms or field.mask is not None:
        return False
    if not suspects - field.sentinels:
        return False
    words = [image.get((field.table, field.address + n)) for n in range(field.width)]
    if None in words:
        return False
    ordered = words if field.word_order is WordOrder.BIG else words[::-1]
    raw = 0
    for word in ordered:
        raw = raw << 16 | (word or 0)
    return raw in suspects and raw not in field.sentinels
