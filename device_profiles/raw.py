"""How a number stands in registers: words, signs, bits, scale factors. The ground under decoding and encoding."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from typing import Final

from device_profiles.model import Field, Image, Table, ValueType, WordOrder

Key = tuple[Table, int]
Words = dict[Key, int]
Raw = Callable[[Image], "int | None"]

SCALE_FACTOR_MISSING: Final = 0x8000
SCALE_FACTOR_MAX: Final = 10
FLOATS: Final = {ValueType.F32: ("f", "I"), ValueType.F64: ("d", "Q")}
CLOCKS: Final = frozenset({ValueType.CLOCK3, ValueType.CLOCK6})
TOKYO: Final = timezone(timedelta(hours=9), "Asia/Tokyo")
"""Wall clocks of devices are taken as Tokyo time, which has had no summer time since 1951."""
STATES_WITH_UNKNOWN: Final = frozenset({"inverter.state", "battery.state"})
SIGNED: Final = frozenset({ValueType.S16, ValueType.S32, ValueType.S64})


class CodecError(ValueError):
    """A value that a field's registers cannot hold. The text says which and why."""


def keys_of(field: Field, address: int) -> tuple[Key, ...]:
    """Registers of a value, the one with its highest word first."""
    addresses: Iterable[int] = range(address, address + field.width)
    if field.word_order is WordOrder.LITTLE and field.type is not ValueType.STRING:
        addresses = reversed(range(address, address + field.width))
    return tuple((field.table, each) for each in addresses)


def raw_reader(field: Field, address: int) -> Raw:
    """Reads the unsigned raw value; None when a register is not there."""
    keys = keys_of(field, address)
    if len(keys) == 1:
        (only,) = keys
        return lambda image: image.get(only)
    if len(keys) == 2:
        first, second = keys

        def read_two(image: Image) -> int | None:
            high, low = image.get(first), image.get(second)
            return None if high is None or low is None else high << 16 | low

        return read_two

    def read_many(image: Image) -> int | None:
        raw = 0
        for key in keys:
            word = image.get(key)
            if word is None:
                return None
            raw = raw << 16 | word
        return raw

    return read_many


def power_reader(field: Field) -> Raw | None:
    """Reads the scale factor as a signed number; 0x8000 stays as it is."""
    if field.scale_factor_address is None:
        return None
    key = (field.table, field.scale_factor_address)

    def read_power(image: Image) -> int | None:
        word = image.get(key)
        return word if word is None or word <= SCALE_FACTOR_MISSING else word - 0x1_0000

    return read_power


def direction_reader(field: Field) -> Raw:
    """Reads which way the value flows: 0 = as its own sign says, 1 = minus, 2 = plus, 3 = both, which is nonsense."""
    assert field.direction is not None
    key, minus, plus = (field.table, field.direction.address), field.direction.minus, field.direction.plus

    def read_direction(image: Image) -> int | None:
        word = image.get(key)
        return None if word is None else (word & minus != 0) | (word & plus != 0) << 1

    return read_direction


def number_maker(field: Field) -> Callable[[int], float | None]:
    """Raw unsigned → the number that it stands for, before scaling; None for NaN."""
    if field.type in FLOATS:
        number, word = FLOATS[field.type]
        pack, unpack = struct.Struct(f">{word}").pack, struct.Struct(f">{number}").unpack

        def to_float(raw: int) -> float | None:
            value: float = unpack(pack(raw))[0]
            return None if value != value else value  # noqa: PLR0124  NaN

        return to_float
    if field.type in CLOCKS:
        return _clock_number if field.type is ValueType.CLOCK6 else _clock_number_of_bytes
    # 0 is "unknown" only where states have names; of a switch it would claim "no".
    unknown = 0 if field.point in STATES_WITH_UNKNOWN else None
    if field.mask is not None:
        return _bits_maker(field.mask, field.states, unknown)
    if field.states is not None:
        state_of = field.states.get
        return lambda raw: state_of(raw, unknown)
    if field.type in SIGNED:
        half, whole = 1 << (16 * field.width - 1), 1 << (16 * field.width)
        return lambda raw: raw - whole if raw >= half else raw
    return lambda raw: raw


def _bits_maker(mask: int, states: Mapping[int, int] | None, unknown: int | None) -> Callable[[int], float | None]:
    shift = shift_of(mask)
    if states is not None:
        return lambda raw: states.get((raw & mask) >> shift, unknown)
    return lambda raw: (raw & mask) >> shift


def _clock_number(raw: int) -> float | None:
    """Unix seconds of a clock in six words; None when it shows no date."""
    year, *rest = (raw >> 16 * n & 0xFFFF for n in (5, 4, 3, 2, 1, 0))
    return _seconds(year + 2000 if year < 100 else year, rest)


def _clock_number_of_bytes(raw: int) -> float | None:
    """Unix seconds of a clock in six bytes; None when it shows no date."""
    year, *rest = (raw >> 8 * n & 0xFF for n in (5, 4, 3, 2, 1, 0))
    return _seconds(year + 2000, rest)


def _seconds(year: int, rest: list[int]) -> float | None:
    month, day, hour, minute, second = rest
    try:
        return float(round(datetime(year, month, day, hour, minute, second, tzinfo=TOKYO).timestamp()))
    except ValueError:
        return None


def clock_raw(type_: ValueType, seconds: float) -> int:
    """The raw value of a wall clock. Raises ``ValueError`` or ``OverflowError`` for a time that it cannot show."""
    at = datetime.fromtimestamp(seconds, TOKYO)
    bits = 16 if type_ is ValueType.CLOCK6 else 8
    year = at.year if type_ is ValueType.CLOCK6 else at.year - 2000
    if not 2000 <= at.year < 2000 + 256:
        raise ValueError("the year is not one from 2000 to 2255")
    raw = 0
    for part in (year, at.month, at.day, at.hour, at.minute, at.second):
        raw = raw << bits | part
    return raw


def shift_of(mask: int) -> int:
    """How far the lowest bit of a mask stands from bit 0."""
    return (mask & -mask).bit_length() - 1


@lru_cache(maxsize=512)
def ratio_of(scale: float) -> tuple[int, int] | None:
    """The scale as a ratio of whole numbers, so that 3326 × 0.1 is 332.6; None when it is no short decimal."""
    ratio = Fraction(repr(scale))
    return (ratio.numerator, ratio.denominator) if ratio.denominator <= 10**9 else None


def scaler(field: Field) -> Callable[[float, int], float]:
    """Makes ``number * scale * 10**power + offset``, rounded once where whole numbers allow it."""
    offset, scale = field.offset, field.scale
    ratio = None if field.type in FLOATS else ratio_of(scale)
    if ratio is None:
        return lambda number, power: number * scale * float(10**power) + offset
    up, down = ratio
    if field.scale_factor_address is None:
        if offset:
            return lambda number, _: number * up / down + offset
        return lambda number, _: number * up / down

    def scaled(number: float, power: int) -> float:
        if power >= 0:
            return number * (up * int(10**power)) / down + offset
        return number * up / (down * int(10**-power)) + offset

    return scaled
