"""Saves what a real device answers, so that its problem can be looked at on a desk. Reads, and never writes.

The device is got to know and polled once as the agent would do it, through a line that notes every word and every
refusal; then the registers of its controls, its identification and further ranges on request are read. The file is what
``shelter-profiles decode`` reads and ``shelter-sim replay`` serves.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from device_profiles.blocks import plan, split
from device_profiles.discover import static_map
from device_profiles.load import Profile
from device_profiles.model import Block, DeviceMap, DiscoveryError, Field, Table, ValueType
from device_profiles.signs import block_of, object_of
from edge_agent.io.bus import DeviceRefused, IllegalAddress, LinkDown, RegisterLine
from edge_agent.poll import Bus, monotonic_ms
from edge_agent.session import DeviceSession

TRIES: Final = 3
SWEEP_PAUSE_S: Final = 0.1
"""Between two requests of a sweep, beside what the device itself needs."""
SWEEP_REGISTERS_MAX: Final = 20_000
SWEEP_STEP: Final = 50
_SWEEP: Final = re.compile(r"(holding|input|coil|discrete):(\d{1,5})(?:-(\d{1,5}))?")
Progress = Callable[[Block, int], None]
"""Told of each block that was asked, and how many words are known by now."""


class SweepError(ValueError):
    """A range that can't be read. The text says what is wanted."""


@dataclass(slots=True)
class Notes:
    """Everything a device answered."""

    words: dict[tuple[Table, int], int] = field(default_factory=dict)
    exceptions: dict[tuple[Table, int], int] = field(default_factory=dict)
    identification: dict[int, str] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    """What was asked and not answered, in words."""

    def take(self, block: Block, words: Sequence[int]) -> None:
        """Note the words of a block; what is read was not refused after all."""
        for n, word in enumerate(words):
            key = (block.table, block.start + n)
            self.words[key] = word
            self.exceptions.pop(key, None)

    def refuse(self, block: Block, code: int) -> None:
        """Note a refusal of registers that never were read."""
        for address in range(block.start, block.end):
            if (block.table, address) not in self.words:
                self.exceptions.setdefault((block.table, address), code)


class NotingLine:
    """A line that notes what comes along it. It can't write."""

    def __init__(self, line: RegisterLine, notes: Notes, progress: Progress | None = None) -> None:
        self.requests = 0
        self._line, self._notes, self._progress = line, notes, progress

    async def connect(self) -> None:
        """Be ready to ask. Raises Unreachable."""
        await self._line.connect()

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        """The words of a block, noted. Raises BusError."""
        self.requests += 1
        try:
            words = await self._line.read(block, unit, timeout_s=timeout_s)
        except DeviceRefused as error:
            self._notes.refuse(block, error.code)
            raise
        except LinkDown as error:
            self._notes.silent.append(f"{block.table.value} {block.start}..{block.end - 1}: {error}")
            raise
        self._notes.take(block, words)
        if self._progress is not None:
            self._progress(block, len(self._notes.words))
        return words

    async def write(
        self,
        block: Block,  # noqa: ARG002
        words: Sequence[int],  # noqa: ARG002
        unit: int,  # noqa: ARG002
        *,
        timeout_s: float,  # noqa: ARG002
        multiple: bool = False,  # noqa: ARG002
    ) -> None:
        """Refused: a recording changes nothing."""
        raise PermissionError("a recording never writes")

    async def identify(self, unit: int, *, timeout_s: float) -> dict[int, str]:
        """Device identification, noted. Raises LinkDown."""
        texts = await self._line.identify(unit, timeout_s=timeout_s)
        self._notes.identification |= texts
        return texts

    def close(self) -> None:
        """Give the line back."""
        self._line.close()


def parse_sweep(text: str) -> Block:
    """A range as it is written: ``holding:30000-32000``. Raises SweepError."""
    match = _SWEEP.fullmatch(text.strip().lower())
    if match is None:
        raise SweepError(f"--sweep {text}: want TABLE:FROM-TO such as holding:30000-32000 (or input, coil, discrete)")
    first, last = int(match[2]), int(match[3] or match[2])
    if not first <= last <= 65_535:
        raise SweepError(f"--sweep {text}: addresses go from 0 to 65535, the smaller one first")
    if last - first >= SWEEP_REGISTERS_MAX:
        raise SweepError(f"--sweep {text}: at most {SWEEP_REGISTERS_MAX} registers at a time, to spare the device")
    return Block(Table(match[1]), first, last - first + 1)


async def record(
    bus: Bus,
    session: DeviceSession,
    profile: Profile,
    *,
    sweeps: Sequence[Block] = (),
    sweep_pause_s: float = SWEEP_PAUSE_S,
    progress: Progress | None = None,
) -> Notes:
    """Everything that a device says. A device that is not what the profile describes is noted as far as it answers.

    Raises:
        LinkDown: nobody answers at all.
    """
    notes = Notes()
    line = NotingLine(bus.line, notes, progress)
    for tries in range(1, TRIES + 1):
        try:
            await session.poll(line, slow=True, now_ms=monotonic_ms())
        except (DiscoveryError, DeviceRefused) as error:
            notes.silent.append(str(error))
        except LinkDown:
            if tries < TRIES:
                continue
            if not notes.words and not notes.exceptions:
                raise
        break
    device = session.map or static_map(profile)
    asker = _Asker(line, session.unit, session.timeout_s)
    fields = [*(register.field for register in device.registers), *device.identity]
    await asker.ask(plan([f for f in fields if f.guard is None], device.limits), fields)
    # What the family is known by, so that a replay of the file is recognised as the device was.
    await asker.ask([block_of(sign) for sign in profile.detect if object_of(sign) is None], fields)
    try:
        await line.identify(session.unit, timeout_s=session.timeout_s)
    except LinkDown as error:
        notes.silent.append(f"identification (43/14): {error}")
    for sweep in sweeps:
        await _sweep(asker, sweep, device, sweep_pause_s)
    return notes


class _Asker:
    def __init__(self, line: NotingLine, unit: int, timeout_s: float) -> None:
        self._line, self._unit, self._timeout_s = line, unit, timeout_s

    async def ask(self, blocks: Iterable[Block], fields: Sequence[Field]) -> None:
        """Read blocks; what is refused is split between fields, what is not answered is left."""
        waiting = list(blocks)
        while waiting:
            block = waiting.pop(0)
            try:
                await self._line.read(block, self._unit, timeout_s=self._timeout_s)
            except IllegalAddress:
                waiting += split(block, fields)
            except (DeviceRefused, LinkDown):
                continue

    async def tell(self, block: Block) -> bool:
        """Read one block of a sweep; False when the device has nothing there. Raises LinkDown."""
        try:
            await self._line.read(block, self._unit, timeout_s=self._timeout_s)
        except DeviceRefused:
            return False
        return True


async def _sweep(asker: _Asker, sweep: Block, device: DeviceMap, pause_s: float) -> None:
    """Read a range in steps, then a refused step in halves; slowly, and given up when the device falls silent twice."""
    limits = device.limits
    is_bits = sweep.table in (Table.COIL, Table.DISCRETE)
    step = max(1, min(SWEEP_STEP, limits.bits_max if is_bits else limits.registers_max))
    starts = range(sweep.start, sweep.end, step)
    waiting = [Block(sweep.table, start, min(step, sweep.end - start)) for start in starts]
    silences = 0
    while waiting and silences < 2:
        block = waiting.pop(0)
        if any(
            hole.table is block.table and hole.start < block.end and block.start < hole.end for hole in limits.holes
        ):
            continue  # It makes the device fail.
        await asyncio.sleep(pause_s)
        try:
            is_there = await asker.tell(block)
        except LinkDown:
            silences += 1
            continue
        silences = 0
        if not is_there and block.count > 1:
            half = block.count // 2
            waiting[:0] = [
                Block(block.table, block.start, half),
                Block(block.table, block.start + half, block.count - half),
            ]


def as_file(notes: Notes, session: DeviceSession, *, at_ms: int, software: str, with_serial: bool) -> dict[str, Any]:
    """The content of a recording file."""
    device = session.map
    words = dict(notes.words)
    hidden: tuple[str, ...] = ()
    if device is not None and not with_serial:
        hidden = _mask(words, device.identity)
    made: dict[str, Any] = {
        "what": "registers of a device as it answered; addresses count from 0",
        "profile": session.profile_id,
        "device": session.id,
        "unit_id": session.unit,
        "recorded_at": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds"),
        "software": software,
        "masked": list(hidden),
        "identification": {str(number): text for number, text in sorted(notes.identification.items())},
        "unanswered": notes.silent,
    }
    for table in Table:
        made[table.value] = {str(at): word for (t, at), word in sorted(words.items()) if t is table}
    refused: dict[str, dict[str, int]] = {}
    for (table, at), code in sorted(notes.exceptions.items()):
        refused.setdefault(table.value, {})[str(at)] = code
    return made | {"exceptions": refused}


def _mask(words: dict[tuple[Table, int], int], identity: Iterable[Field]) -> tuple[str, ...]:
    """Put noughts in place of the digits of serial numbers. Letters stay: some families tell their series by them."""
    hidden = []
    for each in identity:
        keys = [(each.table, each.address + n) for n in range(each.width)]
        if each.point != "serial" or each.type is not ValueType.STRING or not all(key in words for key in keys):
            continue
        text = b"".join(words[key].to_bytes(2, "big") for key in keys)
        is_hex = re.fullmatch(rb"[0-9a-fA-F\0 ]*", text) is not None
        masked = re.sub(rb"[0-9a-fA-F]" if is_hex else rb"[0-9]", b"0", text)
        if masked == text:
            continue
        for n, key in enumerate(keys):
            words[key] = int.from_bytes(masked[2 * n : 2 * n + 2], "big")
        hidden.append(each.point)
    return tuple(hidden)
