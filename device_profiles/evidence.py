"""The conversation with an unknown device, and the signs of one family in it. Sans-IO."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from contract.points import POINTS
from device_profiles.codec import decode, decode_text
from device_profiles.load import Profile
from device_profiles.model import Block, Field, Table, ValueType
from device_profiles.proposals import Answer, Question, Reason, WhoAreYou, Words
from device_profiles.signs import NOT_SHOWN, Shown, block_of, in_texts, in_words, object_of
from device_profiles.sunspec_models import MARKER

T = TypeVar("T")
Conversing = Generator[Question, Answer, T]
"""Part of a conversation that ends in a T."""
LIKELY_BITS: Final = 12.0
"""From here on a family is taken to be met: what it forbids to read is not read any more."""
_COMMON: Final = 70
"""Registers from a SunSpec base in which marker and model 1 stand: signs in there move with the base."""


class Talk:
    """What was asked and answered so far."""

    def __init__(self) -> None:
        self.questions = 0
        self.answered = 0
        self.texts: Mapping[int, str] | None = None
        self.common: dict[str, str] = {}
        self.base: int | None = None
        """Where the SunSpec marker was found."""
        self._known: dict[Block, Words | None] = {}
        self._forbidden: tuple[Block, ...] = ()

    def forbid(self, blocks: Iterable[Block]) -> None:
        """Not to be asked from now on."""
        self._forbidden += tuple(blocks)

    def is_forbidden(self, block: Block) -> bool:
        """Whether a family whose signs were seen does not stand this question."""
        return any(overlap(block, each) for each in self._forbidden)

    def read(self, block: Block) -> Conversing[Words | None]:
        """The words of a block; None when the device refuses it, or when it may not be asked."""
        if block in self._known:
            return self._known[block]
        if self.is_forbidden(block):
            return None
        self.questions += 1
        answer = yield block
        words = answer if isinstance(answer, tuple) and len(answer) == block.count else None
        self.answered += words is not None
        self._known[block] = words
        return words

    def image_of(self, block: Block) -> dict[tuple[Table, int], int]:
        """What was read of a block."""
        return {(block.table, block.start + n): word for n, word in enumerate(self._known.get(block) or ())}

    def who(self) -> Conversing[Mapping[int, str]]:
        """The texts of device identification; empty when the device does not know the question."""
        if self.texts is None:
            self.questions += 1
            answer = yield WhoAreYou()
            self.texts = answer if isinstance(answer, Mapping) else {}
            self.answered += bool(self.texts)
        return self.texts

    def find_base(self, bases: Iterable[int]) -> Conversing[int | None]:
        """The first of these bases where the SunSpec marker stands; then the maker's texts are read too."""
        for base in bases:
            words = yield from self.read(Block(Table.HOLDING, base, len(MARKER)))
            if words == MARKER:
                self.base = base
                yield from self._read_common(base + len(MARKER))
                return base
        return None

    def _read_common(self, at: int) -> Conversing[None]:
        header = yield from self.read(Block(Table.HOLDING, at, 2))
        if header is None or header[0] != 1 or not 65 <= header[1] <= 66 or self.common:
            return
        words = yield from self.read(Block(Table.HOLDING, at, 2 + header[1]))
        image = {(Table.HOLDING, n): word for n, word in enumerate(words or ())}
        for name, start, length in (("maker", 2, 16), ("model", 18, 16), ("firmware", 42, 8), ("serial", 50, 16)):
            text = decode_text(_text_field(name, start, length), image)
            if text:
                self.common[name] = text


def _text_field(name: str, start: int, length: int) -> Field:
    return Field(point=name, table=Table.HOLDING, address=start, type=ValueType.STRING, length=length)


def overlap(one: Block, other: Block) -> bool:
    """Whether two stretches share a register."""
    return one.table is other.table and one.start < other.end and other.start < one.end


@dataclass(slots=True)
class Candidate:
    """A family, and what its signs say."""

    profile: Profile
    bits: float = 0.0
    reasons: list[Reason] = field(default_factory=list)
    fault: Reason | None = None
    seen: set[Block] = field(default_factory=set)

    @property
    def holds(self) -> bool:
        """Whether no sign failed."""
        return self.fault is None


def look(talk: Talk, profile: Profile, base: int | None) -> Conversing[Candidate]:
    """Ask for the signs of a family until one fails. ``base``: where its SunSpec map begins, None for the usual."""
    found = Candidate(profile)
    usual = profile.sunspec.bases[0] if profile.sunspec is not None else None
    # Registers first: many devices do not know function 43.
    for sign in sorted(profile.detect, key=lambda each: object_of(each) is not None):
        name = object_of(sign)
        if name is not None:
            shown, where = in_texts(sign, (yield from talk.who())), name
        else:
            is_common = usual is not None and usual <= (sign.address or 0) < usual + _COMMON
            shift = base - usual if base is not None and usual is not None and is_common else 0
            if is_common and base is None and usual is not None:
                yield from talk.find_base([usual])
            block = block_of(sign, shift)
            if talk.is_forbidden(block):
                found.fault = Reason("not_asked", {"where": _place(block)})
                return found
            shown, where = in_words(sign, (yield from talk.read(block))), _place(block)
            found.seen.add(block)
        if not shown.holds:
            found.fault = _failed(shown, where, name)
            return found
        found.bits += shown.bits
        if name is None and usual is not None and block.start == talk.base:
            continue  # The marker is told below, with maker and model.
        shows = shown.value if name is not None else _with_unit(profile, block, shown.value, talk)
        found.reasons.append(Reason("device_id" if name else "sign", {"where": where, "shows": shows}))
    if usual is not None and talk.base is not None:
        found.reasons.insert(0, Reason("marker", {"base": talk.base, **talk.common}))
    if found.bits >= LIKELY_BITS:
        talk.forbid(forbidden(profile))
    return found


def _with_unit(profile: Profile, block: Block, shown: str, talk: Talk) -> str:
    """A sign that is also one of the family's points, as that point; else as it stands in the register."""
    for each in profile.fields:
        if each.point in POINTS and Block(each.table, each.address, each.width) == block:
            reading = decode(each, talk.image_of(block))
            if reading is not None and reading.value is not None and POINTS[each.point].unit:
                return f"{reading.value:,.{POINTS[each.point].decimals}f} {POINTS[each.point].unit}"
    return shown


def _failed(shown: Shown, where: str, name: str | None) -> Reason:
    if shown == NOT_SHOWN:
        return Reason("no_device_id" if name else "refused", {"where": where})
    return Reason("other_device_id" if name else "other_value", {"where": where, "shows": shown.value})


def look_elsewhere(talk: Talk, found: Sequence[Candidate]) -> Conversing[list[Candidate]]:
    """Look for a SunSpec map at the less usual bases, and if it is there, at the signs once more from there on."""
    bases = dict.fromkeys(base for each in found if each.profile.sunspec for base in each.profile.sunspec.bases)
    base = yield from talk.find_base(bases)
    again: list[Candidate] = []
    for each in found:
        spec = each.profile.sunspec
        if base is not None and spec is not None and base in spec.bases:
            again.append((yield from look(talk, each.profile, base)))
        else:
            again.append(each)
    return again


def forbidden(profile: Profile) -> tuple[Block, ...]:
    """Stretches that a device of this family may not be asked for, at least not before more is known of it."""
    guarded = (span for each in profile.fields if each.guard is not None for span in each.spans)
    return (*profile.limits.holes, *guarded)


def _place(block: Block) -> str:
    last = f"..{block.end - 1}" if block.count > 1 else ""
    return f"{block.table.value} {block.start}{last}"
