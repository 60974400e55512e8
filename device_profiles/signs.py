"""Signs by which a family is known, and how much each of them proves.

What a sign proves is told in bits: a sign that one device in 1024 would show by chance is worth 10. So a text of many
letters outweighs a number that merely lies in a range, and nobody has to rank signs by hand. Registers hold small
numbers far more often than large ones: "0 or 1" proves next to nothing, 8009 a lot.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from device_profiles.codec import decode_text
from device_profiles.model import Block, Field, Table, ValueType
from device_profiles.raw import FLOATS, SIGNED, number_maker, raw_reader
from device_profiles.schema import Detect

OBJECTS: Final[Mapping[str, tuple[int, ...]]] = {"vendor": (0,), "product": (1, 4), "revision": (2,), "model": (5,)}
"""Objects of device identification (function 43/14) by the names that profiles give them."""
_LETTER_BITS: Final = 1.4
"""What a printable letter proves against any byte: 95 of 256 are printable."""
_TEXT_BITS_MAX: Final = 40.0


@dataclass(frozen=True, slots=True)
class Shown:
    """How a sign stands on a device."""

    holds: bool
    bits: float
    """What it proves when it holds, else 0."""
    value: str
    """What stands there, for people; empty when the device did not say."""


NOT_SHOWN: Final = Shown(False, 0.0, "")


def block_of(sign: Detect, shift: int = 0) -> Block:
    """The registers of a sign that stands in registers, moved by ``shift``."""
    field = _field(sign, shift)
    return Block(field.table, field.address, field.width)


def in_words(sign: Detect, words: Sequence[int] | None) -> Shown:
    """How a sign of registers stands in the words of its block (None: the device refused them)."""
    if words is None:
        return NOT_SHOWN
    field = _field(sign)
    image = {(field.table, field.address + n): word for n, word in enumerate(words)}
    if field.type is ValueType.STRING:
        text = decode_text(field, image) or ""
        return _text(sign, text, text_bits(words))
    raw = raw_reader(field, field.address)(image)
    number = None if raw is None else number_maker(field)(raw)
    return NOT_SHOWN if number is None or raw is None else _number(sign, field, raw, number)


def in_texts(sign: Detect, texts: Mapping[int, str]) -> Shown:
    """How a sign of device identification stands in the texts that the device gave."""
    given = [texts[at] for at in OBJECTS[object_of(sign) or "vendor"] if texts.get(at)]
    found = [_text(sign, text, _LETTER_BITS * len(text)) for text in given]
    return next((each for each in found if each.holds), found[0] if found else NOT_SHOWN)


def object_of(sign: Detect) -> str | None:
    """The object of device identification that a sign looks at; None for a sign in registers."""
    return sign.device_id


def text_bits(words: Sequence[int]) -> float:
    """What the mere cleanness of a text proves: printable letters, then nothing but padding. 0 for junk and filling."""
    raw = b"".join((word & 0xFFFF).to_bytes(2, "big") for word in words).rstrip(b"\0 ")
    is_filling = len(set(raw)) == 1 or (len(words) > 1 and len(set(words)) == 1)
    is_text = len(raw) > 1 and not is_filling and all(0x20 <= byte < 0x7F for byte in raw)
    return min(_TEXT_BITS_MAX, _LETTER_BITS * len(raw)) if is_text else 0.0


def _field(sign: Detect, shift: int = 0) -> Field:
    kind = ValueType(sign.type)
    length = sign.length if kind is ValueType.STRING else 1
    return Field(
        point="", table=sign.table or Table.HOLDING, address=(sign.address or 0) + shift, type=kind, length=length
    )


def _text(sign: Detect, text: str, clean_bits: float) -> Shown:
    starts, parts = sign.starts_with or [], sign.contains or []
    hits = [each for each in starts if text.startswith(each)] + [each for each in parts if each in text]
    if not hits:
        return Shown(False, 0.0, text)
    places = len(starts) + len(parts) * max(1, len(text))
    chance_bits = 8.0 * max(map(len, hits)) - math.log2(places)
    return Shown(True, max(0.0, min(_TEXT_BITS_MAX, chance_bits) + clean_bits), text)


def _number(sign: Detect, field: Field, raw: int, number: float) -> Shown:
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    if sign.equals is not None:
        wanted = {each % (1 << _size(field.type)) for each in sign.equals}
        if raw not in wanted:
            return Shown(False, 0.0, shown)
        chance = max(len(wanted) / 2 ** _size(field.type), sum(_small(each, each) for each in wanted))
        return Shown(True, -math.log2(min(1.0, chance)), shown)
    low, high = sign.between or (0.0, 0.0)
    if not low <= number <= high:
        return Shown(False, 0.0, shown)
    return Shown(True, between_bits(field.type, low, high), shown)


def between_bits(kind: ValueType, low: float, high: float) -> float:
    """What it proves that a raw number lies between two others."""
    chance = _how_many(kind, low, high) / 2 ** _size(kind)
    if kind not in FLOATS:
        chance = max(chance, _small(max(0.0, low), high) if high >= 0 else 1.0)
    return -math.log2(min(1.0, max(chance, 2.0**-64)))


def _small(low: float, high: float) -> float:
    """How often a register that counts or chooses something holds a number from ``low`` to ``high``.

    The number n is taken to occur in one of (n + 1) (n + 2) registers: 0 in half of them, 1 in a sixth, and so on.
    """
    return 1 / (low + 1) - 1 / (high + 2)


def _size(kind: ValueType) -> int:
    """Bits of a number of this type."""
    return 1 if kind is ValueType.BIT else 16 * Field(point="", table=Table.HOLDING, address=0, type=kind).width


def _how_many(kind: ValueType, low: float, high: float) -> float:
    """How many raw values lie between two numbers."""
    if kind in FLOATS:
        form, word = ("f", "i") if kind is ValueType.F32 else ("d", "q")
        return _rank(high, form, word) - _rank(low, form, word) + 1.0
    if kind not in SIGNED:
        low = max(0.0, low)
    return high - low + 1.0


def _rank(number: float, form: str, word: str) -> int:
    """Where a float stands in the order of all floats of its size."""
    (rank,) = struct.unpack(f">{word}", struct.pack(f">{form}", number))
    return int(rank) if rank >= 0 else -(int(rank) & (1 << (8 * struct.calcsize(word) - 1)) - 1)
