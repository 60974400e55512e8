"""What is asked of a unit as bytes, and what an answer must be to be one. No I/O.

A write is answered by an echo: function 5 and 6 repeat address and value, 15 and 16 address and count. An echo that
says anything else is no answer: the device may have written something else, or it answers another question.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from device_profiles.model import Block, Table

BIT_TABLES: Final = frozenset({Table.COIL, Table.DISCRETE})
_READS: Final = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
REGISTERS_WRITTEN_MAX: Final = 123
BITS_WRITTEN_MAX: Final = 1968
IDENTIFICATION: Final = 43
_READ_DEVICE_ID: Final = 14
BASIC: Final = 1
REGULAR: Final = 2


@dataclass(frozen=True, slots=True)
class Question:
    """One request: its function, the bytes behind it, and what it is about."""

    function: int
    body: bytes
    block: Block
    echo: bytes | None = None
    """What the answer must repeat, when it is a write."""

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.echo is not None


def reading(block: Block) -> Question:
    """The question that reads a block."""
    return Question(_READS[block.table], struct.pack(">HH", block.start, block.count), block)


def writing(block: Block, words: Sequence[int], *, multiple: bool) -> Question:
    """The question that writes a block: function 5 or 6 for one, 15 or 16 for several, or when ``multiple`` says so.

    Raises:
        ValueError: the table can't be written, or the words do not fill the block, or it is too long for one request.
    """
    is_bits = block.table is Table.COIL
    most = BITS_WRITTEN_MAX if is_bits else REGISTERS_WRITTEN_MAX
    if block.table not in (Table.COIL, Table.HOLDING):
        raise ValueError(f"{block.table.value} {block.start}: this table can only be read")
    if len(words) != block.count or not 1 <= block.count <= most:
        raise ValueError(f"{block.table.value} {block.start}: {len(words)} words for {block.count}, at most {most}")
    if block.count == 1 and not multiple:
        body = struct.pack(">HH", block.start, (0xFF00 if words[0] else 0) if is_bits else words[0])
        return Question(5 if is_bits else 6, body, block, body)
    data = _packed(words) if is_bits else struct.pack(f">{len(words)}H", *words)
    head = struct.pack(">HH", block.start, block.count)
    return Question(15 if is_bits else 16, head + bytes((len(data),)) + data, block, head)


def identifying(level: int, first: int) -> Question:
    """The question for the texts of a device (function 43/14), from object ``first`` on."""
    return Question(IDENTIFICATION, bytes((_READ_DEVICE_ID, level, first)), Block(Table.HOLDING, 0, 0))


def answer_fits(question: Question, payload: bytes | None) -> bool:
    """Whether bytes are an answer to the question."""
    if payload is None:
        return False
    if question.echo is not None:
        return payload == question.echo
    if question.function == IDENTIFICATION:
        return len(payload) >= 6 and payload[:2] == question.body[:2]
    return len(payload) == reply_bytes(question.block)


def values_of(block: Block, payload: bytes) -> tuple[int, ...]:
    """The words (or bits) of a block out of an answer that fits."""
    if block.table in BIT_TABLES:
        return tuple(payload[n >> 3] >> (n & 7) & 1 for n in range(block.count))
    return struct.unpack(f">{block.count}H", payload)


@dataclass(frozen=True, slots=True)
class IdentityPart:
    """What one answer to "who are you" holds."""

    texts: dict[int, str]
    next_object: int | None
    """Ask again from here; None: this was all."""
    conformity: int
    """1 basic, 2 regular, 3 extended."""


def identity_of(payload: bytes) -> IdentityPart:
    """The texts in an answer that fits. Raises ``ValueError`` when it is shorter than it says."""
    conformity, more, after, count = payload[2:6]
    texts: dict[int, str] = {}
    at = 6
    for _ in range(count):
        if len(payload) < at + 2 or len(payload) < at + 2 + payload[at + 1]:
            raise ValueError("cut short")
        name, length = payload[at], payload[at + 1]
        at += 2 + length
        texts[name] = payload[at - length : at].decode("utf-8", "replace").strip("\0 \r\n\t")
    return IdentityPart(texts, after if more == 0xFF else None, conformity & 0x7F)


def reply_bytes(block: Block) -> int:
    """Bytes of data in the answer to a read."""
    return (block.count + 7) // 8 if block.table in BIT_TABLES else block.count * 2


def decoy(block: Block, owed: Collection[int]) -> Block:
    """A question whose answer is as long as none that may still come, nor as that to the question behind it."""
    per_byte = 8 if block.table in BIT_TABLES else 1
    counts = (1 + n * per_byte for n in itertools.count())
    made = (Block(block.table, block.start, count) for count in counts)
    return next(each for each in made if reply_bytes(each) not in {*owed, reply_bytes(block)})


def _packed(bits: Sequence[int]) -> bytes:
    packed = bytearray((len(bits) + 7) // 8)
    for n, bit in enumerate(bits):
        packed[n >> 3] |= bool(bit) << (n & 7)
    return bytes(packed)
