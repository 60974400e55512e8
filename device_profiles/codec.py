"""Registers → readings. Pure, and quick enough for the edge's hot path: each field is compiled once.

Decoding never raises, whatever the registers hold: what cannot be a value is a reading without a number and with a
reason. Encoding (``encode``, from encode.py) raises ``CodecError`` for a value that the registers cannot hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from weakref import ref

from contract.points import POINTS
from contract.readings import Quality, Reading
from device_profiles.encode import encode
from device_profiles.model import Field, Image, Sum, ValueType
from device_profiles.raw import (
    CLOCKS,
    SCALE_FACTOR_MAX,
    SCALE_FACTOR_MISSING,
    CodecError,
    Words,
    direction_reader,
    keys_of,
    number_maker,
    power_reader,
    raw_reader,
    scaler,
)

__all__ = ["CodecError", "Words", "decode", "decode_text", "encode", "readings"]

_Decoder = Callable[[Image], "Reading | None"]
_WAYS = {1: -1, 2: 1}
_compiled: dict[int, tuple[ref[Field], _Decoder]] = {}
"""By the field's identity, for as long as the field lives: a process that hosts 182 SunSpec shelters has ten thousand
fields in use, so any bound would be either too small or none."""


def decode(field: Field, image: Image) -> Reading | None:
    """The field's reading, or None when one of its registers is not in the image."""
    return _decoder(field)(image)


def decode_text(field: Field, image: Image) -> str | None:
    """The text of a string field without padding, or None when one of its registers is not in the image."""
    words = [image.get(key) for key in keys_of(field, field.address)]
    if None in words:
        return None
    raw = b"".join((word & 0xFFFF).to_bytes(2, "big") for word in words if word is not None)
    text = raw.replace(b"\0", b"").decode("ascii", errors="replace")
    return "".join(c for c in text if c.isprintable() and c != "�").strip()


def readings(fields: Sequence[Field], image: Image, sums: Sequence[Sum] = ()) -> tuple[Reading, ...]:
    """Every reading that the image allows: fields in their order, then sums.

    A field whose registers are not in the image gives no reading. A sum counts the members that the device has (one
    that says "not available" counts as nothing); while any other member is bad or missing, so is the sum.
    """
    known = _compiled
    found: list[Reading] = []
    conditional: list[tuple[int, Field]] = []
    for field in fields:
        entry = known.get(id(field))
        reading = (entry[1] if entry is not None else _decoder(field))(image)
        if reading is not None:
            if field.absent_while is not None:
                conditional.append((len(found), field))
            found.append(reading)
    if conditional:
        states = {reading.point: reading.value for reading in found}
        for at, field in conditional:
            if field.absent_while is not None and states.get(field.absent_while[0]) == field.absent_while[1]:
                found[at] = Reading(field.point, None, Quality.NOT_AVAILABLE)
    if sums:
        by_point = {reading.point: reading for reading in found}
        found += [total for each in sums if (total := _total(each, by_point)) is not None]
    return tuple(found)


def _total(of_sum: Sum, by_point: dict[str, Reading]) -> Reading | None:
    members = [by_point[point] for point in of_sum.of if point in by_point]
    taken_off = [by_point[point] for point in of_sum.less if point in by_point]
    if not members:
        return None
    if len(members) < len(of_sum.of) or len(taken_off) < len(of_sum.less):
        return Reading(of_sum.point, None, Quality.MISSING_INPUT)
    total, counted = 0.0, False
    signed = ((1, member) for member in members), ((-1, member) for member in taken_off)
    for sign, member in chain.from_iterable(signed):
        if member.value is not None:
            total += sign * member.value
            counted = counted or sign > 0
        elif member.quality is not Quality.NOT_AVAILABLE:
            return Reading(of_sum.point, None, Quality.MISSING_INPUT)
    if not counted:
        return Reading(of_sum.point, None, Quality.NOT_AVAILABLE)
    return _judged(of_sum.point, total)


def _judged(point: str, value: float) -> Reading:
    known = POINTS.get(point)
    if known is None or known.low <= value <= known.high:
        return Reading(point, value)
    return Reading(point, None, Quality.OUT_OF_RANGE)


def _decoder(field: Field) -> _Decoder:
    key = id(field)
    entry = _compiled.get(key)
    if entry is None:
        # Decoders do not hold on to their field, so it can die; its entry goes before its id can be another's.
        entry = _compiled[key] = (ref(field, lambda _: _compiled.pop(key, None)), _compile(field))
    return entry[1]


def _compile(field: Field) -> _Decoder:
    if field.type is ValueType.STRING:
        malformed = Reading(field.point, None, Quality.MALFORMED)
        keys = keys_of(field, field.address)
        return lambda image: malformed if all(key in image for key in keys) else None
    if field.terms:
        return _compile_terms(field)
    if field.direction is not None:
        return _compile_directed(field)
    return _compile_number(field)


def _compile_number(field: Field) -> _Decoder:
    raw_of, number_of, scaled = raw_reader(field, field.address), number_maker(field), scaler(field)
    point, sentinels, absolute = field.point, field.sentinels, field.absolute
    known = POINTS.get(point)
    low, high = (known.low, known.high) if known else (-math.inf, math.inf)
    not_available = Reading(point, None, Quality.NOT_AVAILABLE)
    out_of_range = Reading(point, None, Quality.OUT_OF_RANGE)
    power_of, malformed = power_reader(field), Reading(point, None, Quality.MALFORMED)
    # A float that is no number says "nothing here"; a clock that shows no date is broken or was never set.
    no_number = malformed if field.type in CLOCKS else not_available

    def decode_number(image: Image) -> Reading | None:
        raw = raw_of(image)
        if raw is None:
            return None
        power = 0
        if power_of is not None:
            word = power_of(image)
            if word is None:
                return None
            power = word
        if raw in sentinels:
            return not_available
        number = number_of(raw)
        if number is None or power == SCALE_FACTOR_MISSING:
            return no_number
        if not -SCALE_FACTOR_MAX <= power <= SCALE_FACTOR_MAX:
            return malformed
        value = scaled(number, power)
        if absolute:
            value = abs(value)
        return Reading(point, value) if low <= value <= high else out_of_range

    return decode_number


def _compile_directed(field: Field) -> _Decoder:
    """A value whose way stands in bits beside it."""
    value_of, way_of = _compile_number(field), direction_reader(field)
    point, malformed = field.point, Reading(field.point, None, Quality.MALFORMED)
    positive = math.copysign(1.0, field.scale)

    def decode_directed(image: Image) -> Reading | None:
        reading, way = value_of(image), way_of(image)
        if reading is None or way is None:
            return None
        if reading.value is None or way == 0:
            return reading
        return malformed if way not in _WAYS else _judged(point, _WAYS[way] * positive * abs(reading.value))

    return decode_directed


def _compile_terms(field: Field) -> _Decoder:
    """A value kept in parts: each part is decoded like a field of its own, unbounded, then added with its sign."""
    one = replace(field, point="", terms=())
    places = ((field.address, 1), *field.terms)
    parts = [(sign, _compile_number(replace(one, address=address))) for address, sign in places]
    point = field.point

    def decode_terms(image: Image) -> Reading | None:
        total, counted = 0.0, False
        for sign, part in parts:
            reading = part(image)
            if reading is None:
                return None
            if reading.value is not None:
                total += sign * reading.value
                counted = True
            elif reading.quality is not Quality.NOT_AVAILABLE:
                return Reading(point, None, reading.quality)
        return _judged(point, total) if counted else Reading(point, None, Quality.NOT_AVAILABLE)

    return decode_terms
