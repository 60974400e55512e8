"""Ways in which a device takes a write and does something else: the silent failures that an edge must find out. Pure.

Each is planted by name (planted.py). Times are the plant's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from device_profiles.codec import encode
from device_profiles.controls import value_in
from device_profiles.model import Register, Table
from simulator.planted import INVERTER, Planted, scaled
from simulator.showing import keys_of
from simulator.unit import NoAnswerError

Words = dict[tuple[Table, int], int]

REVERTS_AFTER_S: Final[Mapping[Planted, float]] = {
    Planted.WRITE_REVERTS: 15.0,
    Planted.WRITE_REVERTS_77S: 77.0,
    Planted.WRITE_REVERTS_120S: 120.0,
}
HEARTBEAT_ENDS_S: Final = 90.0
"""A device that hears no heartbeat any more returns to its own ways so long after the first order."""
ECHO_S: Final = 20.0
"""For so long a gateway answers with what it was told to write."""


@dataclass(frozen=True, slots=True)
class _Later:
    at_ms: int
    words: Mapping[tuple[Table, int], int]


class Deceits:
    """What one device makes of what is written into it."""

    def __init__(self, planted: Iterable[Planted], instrument: str) -> None:
        self._planted = frozenset(planted) if instrument == INVERTER else frozenset[Planted]()
        self._instrument = instrument
        self._reverts: list[_Later] = []
        self._echoes: list[_Later] = []

    @property
    def hears_no_heartbeat(self) -> bool:
        """Whether an order ends although it is told again."""
        return Planted.HEARTBEAT_STOPS in self._planted

    def keep(self, before: Words, written: Words, touched: Iterable[Register], now_ms: int) -> Words:
        """The image after a write. ``written`` is what it would be on an honest device.

        Raises:
            NoAnswerError: the device refuses, and its gateway does not pass that on.
        """
        planted = self._planted
        registers = tuple(touched)
        if Planted.WRITE_SWALLOWED in planted:
            raise NoAnswerError
        if Planted.WRITE_IGNORED in planted:
            return before
        keys = {key for register in registers for key in keys_of(register.field)}
        if Planted.STALE_ECHO in planted:
            self._echoes.append(_Later(now_ms + round(ECHO_S * 1000), {key: written[key] for key in keys}))
            return before
        for fault, after_s in REVERTS_AFTER_S.items():
            if fault in planted:
                self._reverts.append(_Later(now_ms + round(after_s * 1000), {key: before[key] for key in keys}))
        image = written
        for register in registers:
            image = self._kept(before, image, register)
        return image

    def _kept(self, before: Words, image: Words, register: Register) -> Words:
        keys = keys_of(register.field)
        words = [image[key] for key in keys]
        if Planted.ZERO_IGNORED in self._planted and not any(words):
            return {**image, **{key: before[key] for key in keys}}
        if Planted.WRITE_HALF in self._planted and len(keys) > 1:
            return {**image, **{key: before[key] for key in keys[len(keys) // 2 :]}}
        if Planted.WRITE_SWAPPED in self._planted and len(keys) > 1:
            return {**image, **dict(zip(keys, reversed(words), strict=True))}
        value = value_in(register, image)
        if value is not None and (kept := scaled(self._planted, self._instrument, register, value)) != value:
            return {**image, **encode(register.field, kept, image)}
        return image

    def undone(self, now_ms: int) -> Words:
        """Registers that return to what they were by now."""
        due = [each for each in self._reverts if each.at_ms <= now_ms]
        self._reverts = [each for each in self._reverts if each.at_ms > now_ms]
        # What was written last was written onto what came before: the oldest words are what stood there.
        return {key: word for each in reversed(due) for key, word in each.words.items()}

    def shown(self, key: tuple[Table, int], word: int, now_ms: int) -> int:
        """What a master reads of a register."""
        for each in reversed(self._echoes):
            if each.at_ms > now_ms and key in each.words:
                return each.words[key]
        return word
