"""Values → registers: for the simulator's images, and for what is written to a device."""

from __future__ import annotations

import itertools
import math
import struct
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from contract.points import BatteryState, InverterState
from device_profiles.model import Direction, Field, Image, ValueType
from device_profiles.raw import (
    CLOCKS,
    FLOATS,
    SCALE_FACTOR_MAX,
    SCALE_FACTOR_MISSING,
    SIGNED,
    CodecError,
    Words,
    clock_raw,
    keys_of,
    ratio_of,
    raw_reader,
    shift_of,
)

_EXACT: Final = 2**50
_EMPTY: Final[Image] = MappingProxyType({})
_NEXT_BEST: Final[dict[str, dict[int, int]]] = {
    "inverter.state": {
        InverterState.ISLANDED: InverterState.OPERATING,
        InverterState.LIMITED: InverterState.OPERATING,
        InverterState.STARTING: InverterState.STANDBY,
        InverterState.MAINTENANCE: InverterState.OFF,
    },
    "battery.state": {BatteryState.FULL: BatteryState.STANDBY, BatteryState.EMPTY: BatteryState.STANDBY},
}
"""What a device shows that has no word for a state."""


def encode(field: Field, value: float | str, image: Image = _EMPTY) -> Words:
    """The registers that hold a value. ``image`` holds what is there now: scale factors, and the other bits of a mask.

    NaN is written as the device's own "not available". A state that the device has no word for is written as the
    nearest that it has, or as one that it reads as unknown. Raises ``CodecError`` when the registers cannot hold the
    value.
    """
    if field.type is ValueType.STRING:
        return _encode_text(field, str(value))
    if isinstance(value, str):
        raise CodecError(f"{field.point}: a number is wanted, got {value!r}")
    if not field.terms:
        words = _spread(field, field.address, _raw_of(field, value, image))
        return words if field.direction is None else words | _directed(field, field.direction, value, image)
    # Kept in parts: the part of the fitting sign takes all, the others nothing.
    signs = [(field.address, 1), *field.terms]
    taker = next((address for address, sign in signs if sign * value >= 0), field.address)
    words = {}
    for address, sign in signs:
        raw = _raw_of(field, sign * value if address == taker or math.isnan(value) else 0, image)
        words |= _spread(field, address, raw)
    return words


def _directed(field: Field, direction: Direction, value: float, image: Image) -> Words:
    """The register that tells the direction; its other bits stay."""
    key = field.table, direction.address
    flow = 0 if math.isnan(value) else value * field.scale
    shown = direction.plus if flow > 0 else direction.minus if flow < 0 else 0
    return {key: image.get(key, 0) & ~(direction.plus | direction.minus) | shown}


def _spread(field: Field, address: int, raw: int) -> Words:
    keys = keys_of(field, address)
    return {key: raw >> 16 * (len(keys) - 1 - n) & 0xFFFF for n, key in enumerate(keys)}


def _encode_text(field: Field, text: str) -> Words:
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise CodecError(f"{field.point}: only ASCII fits into registers, got {text!r}") from error
    if len(raw) > 2 * field.length:
        raise CodecError(f"{field.point}: {text!r} is longer than {2 * field.length} characters")
    raw = raw.ljust(2 * field.length, b"\0")
    return {
        (field.table, field.address + n): int.from_bytes(raw[2 * n : 2 * n + 2], "big") for n in range(field.length)
    }


def _raw_of(field: Field, value: float, image: Image) -> int:
    if math.isnan(value):
        return _not_available(field)
    if field.type in FLOATS:
        return _raw_float(field, (value - field.offset) / field.scale / 10.0 ** _power(field, image))
    if field.type in CLOCKS:
        return _raw_clock(field, value)
    if field.states is not None:
        return _raw_state(field, round(value), image)
    number = _unscaled(field, abs(value) if field.absolute else value, image)
    if field.mask is not None:
        return _masked(field, number, image)
    bits = 1 if field.type is ValueType.BIT else 16 * field.width
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if field.type in SIGNED else (0, (1 << bits) - 1)
    if not low <= number <= high:
        raise CodecError(f"{field.point}: {value} needs the raw number {number}, {field.type} holds {low}..{high}")
    raw = number & ((1 << bits) - 1)
    # A counter that has not begun stands at 0, also where 0 means "not implemented".
    if raw in field.sentinels and raw:
        raise CodecError(f"{field.point}: {value} would be written as {raw:#x}, which means 'not available'")
    return raw


def _raw_clock(field: Field, value: float) -> int:
    try:
        return clock_raw(field.type, value)
    except (ValueError, OverflowError, OSError) as error:
        raise CodecError(f"{field.point}: {value} is no time that {field.type} can show: {error}") from error


def _unscaled(field: Field, value: float, image: Image) -> int:
    power = _power(field, image)
    ratio = ratio_of(field.scale)
    if math.isinf(value):
        raise CodecError(f"{field.point}: infinity does not fit into registers")
    if ratio is None or field.offset:
        number = (value - field.offset) / field.scale / 10.0**power
        if math.isinf(number):
            raise CodecError(f"{field.point}: {value} is too large for any register")
        return round(number)
    up, down = ratio
    if power > 0:
        up *= 10**power
    elif power < 0:
        down *= 10**-power
    quick = value * down / up
    # A double is exact enough up to here; counters of 64 bits are not.
    return round(quick) if -_EXACT < quick < _EXACT else round(Fraction(value) * down / up)


def _power(field: Field, image: Image) -> int:
    if field.scale_factor_address is None:
        return 0
    word = image.get((field.table, field.scale_factor_address))
    power = word if word is None or word <= SCALE_FACTOR_MISSING else word - 0x1_0000
    if power is None or not -SCALE_FACTOR_MAX <= power <= SCALE_FACTOR_MAX:
        raise CodecError(f"{field.point}: no usable scale factor in register {field.scale_factor_address}, got {word}")
    return power


def _not_available(field: Field) -> int:
    if field.type in FLOATS:
        return 0x7FC0_0000 if field.type is ValueType.F32 else 0x7FF8_0000_0000_0000
    if not field.sentinels:
        raise CodecError(f"{field.point}: the device has no word for 'not available'")
    return max(field.sentinels)


def _raw_float(field: Field, number: float) -> int:
    as_float, as_word = FLOATS[field.type]
    try:
        raw: int = struct.unpack(f">{as_word}", struct.pack(f">{as_float}", number))[0]
    except OverflowError as error:
        raise CodecError(f"{field.point}: {number} is too large for {field.type}") from error
    return raw


def _raw_state(field: Field, state: int, image: Image) -> int:
    """A raw word that reads as the state; the present one if it does already (several words may mean the same)."""
    assert field.states is not None
    present = raw_reader(field, field.address)(image)
    mask = field.mask
    shown = None if present is None else present if mask is None else (present & mask) >> shift_of(mask)
    raw = shown
    if shown is None or field.states.get(shown) != state:
        by_state = {code: word for word, code in reversed(list(field.states.items()))}
        next_best = _NEXT_BEST.get(field.point, {}).get(state, state)
        raw = by_state.get(state, by_state.get(next_best, by_state.get(0)))
    if raw is None:  # Any word without a meaning reads as unknown.
        raw = next(word for word in itertools.count() if word not in field.states and word not in field.sentinels)
    return raw if mask is None else _masked(field, raw, image)


def _masked(field: Field, number: int, image: Image) -> int:
    mask = field.mask or 0
    shift = shift_of(mask)
    raw = number << shift
    if number < 0 or raw & ~mask:
        raise CodecError(f"{field.point}: {number} does not fit into the bits {mask:#x}")
    present = raw_reader(field, field.address)(image) or 0
    return present & ~mask | raw
