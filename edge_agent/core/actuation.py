"""One order as a conversation with a device, without I/O: what is read, written and waited for, and how it ended.

    read what is there → unlock → write what differs → settle → read back, again if need be → read all once more

The generators yield ``Look``, ``Put`` or ``Pause`` and are sent what came of it. A register that already holds the
value is not written: stored registers wear out. A write whose answer did not come is never simply repeated: the
register is read first, and what it holds decides. When a step fails, what was written before it is taken back, and the
outcome says what stands in every register afterwards: a device is never left in a state that nobody reported. A
register that can't be read is written whatever it holds, and never claimed to hold it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from device_profiles.controls import PlannedWrite, blocks_of, value_in, words_to_write
from device_profiles.model import Block, Register, Table
from device_profiles.raw import CodecError
from edge_agent.core.outcomes import Failure, Outcome, Stage, Step, discrepancy

READ_TRIES: Final = 3
"""One bad read-back is no verdict."""
READ_AGAIN_S: Final = 0.5
BUSY: Final = 6
STILL_WORKING: Final = 5

Image = dict[tuple[Table, int], int]
NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Look:
    """Read a block."""

    block: Block


@dataclass(frozen=True, slots=True)
class Put:
    """Write a block."""

    register: str
    block: Block
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


class Fate(StrEnum):
    """What became of a request."""

    DONE = "done"
    REFUSED = "refused"
    """The device said no."""
    NOT_SENT = "not_sent"
    """There was no connection."""
    UNKNOWN = "unknown"
    """No answer, or none that fits: it may have been done or not."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an effect."""

    fate: Fate = Fate.DONE
    words: tuple[int, ...] = ()
    code: int = 0
    """Of a refusal."""
    text: str = ""


Effect = Look | Put | Pause
Reading = Generator[Effect, Came, "Came"]
Acting = Generator[Effect, Came, Outcome]


@dataclass(slots=True)
class _Desk:
    """What is known of the device while an order runs."""

    registers: Mapping[str, Register]
    image: Image = field(default_factory=dict)

    def take(self, block: Block, words: Sequence[int]) -> None:
        self.image |= {(block.table, block.start + n): word for n, word in enumerate(words)}

    def forget(self, name: str) -> None:
        block = self.registers[name].block
        for address in range(block.start, block.end):
            self.image.pop((block.table, address), None)

    def words(self, name: str) -> tuple[int, ...] | None:
        block = self.registers[name].block
        keys = [(block.table, at) for at in range(block.start, block.end)]
        return tuple(self.image[key] for key in keys) if all(key in self.image for key in keys) else None

    def value(self, name: str) -> float | None:
        return value_in(self.registers[name], self.image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a register is to hold: a value in its unit, or, where a value can't say it, the words themselves."""

    register: str
    value: float | None
    words: tuple[int, ...] | None = None
    settle_s: float = 0.0


def targets_of(writes: Sequence[PlannedWrite]) -> tuple[Target, ...]:
    """The steps of a planned sequence."""
    return tuple(Target(register=w.register.name, value=w.value, settle_s=w.settle_s) for w in writes)


def actuate(
    targets: Sequence[Target],
    registers: Mapping[str, Register],
    *,
    unlock: Sequence[PlannedWrite] = (),
    always_write: bool = False,
    take_back: bool = True,
    released: Mapping[str, float] = NOTHING,
) -> Acting:
    """Bring registers to what is wanted.

    Args:
        targets: the steps in their order.
        registers: of the device, by name.
        unlock: written first, when anything is to be written at all; not read back.
        always_write: also write a volatile register that holds the value already (the device wants to hear it again).
        take_back: on a failure write back what stood in the registers that were written before it.
        released: what a release leaves in a register; written in taking back where nobody can read what stood there.
    """
    desk = _Desk(registers)
    names = tuple(dict.fromkeys(target.register for target in targets))
    for block in blocks_of(names, registers):
        came = yield from _read(desk, block)
        if came.fate is not Fate.DONE:
            failure = Failure.NO_SUCH_REGISTER if came.fate is Fate.REFUSED else Failure.NO_ANSWER
            return Outcome(stage=Stage.FAILED, failure=failure, detail=came.text, left=_left(desk, names))
    before = {name: Target(register=name, value=desk.value(name), words=desk.words(name)) for name in names}
    before |= {
        name: Target(register=name, value=released.get(name)) for name in names if not registers[name].is_readable
    }
    steps: list[Step] = []
    is_unlocked = not unlock
    for target in targets:
        if _holds(desk, target) and not (always_write and not registers[target.register].is_stored):
            steps.append(_step(desk, target, before=desk.value(target.register), is_written=False))
            continue
        if not is_unlocked:
            failed = yield from _unlock(desk, unlock)
            if failed is not None:
                return replace(failed, steps=tuple(steps), left=_left(desk, names))
            is_unlocked = True
        is_readable = registers[target.register].is_readable
        step = yield from _bring(desk, target) if is_readable else _send(desk, target)
        steps.append(step)
        if step.failure is not None:
            undone = False
            if take_back:
                undone = yield from _take_back(desk, steps, before)
            return Outcome(
                stage=Stage.FAILED,
                failure=step.failure,
                detail=step.detail,
                steps=tuple(steps),
                left=(yield from _see(desk, names)),
                is_taken_back=undone,
            )
    return (yield from _last_look(desk, targets, steps, names))


def _last_look(desk: _Desk, targets: Sequence[Target], steps: Sequence[Step], names: Sequence[str]) -> Acting:
    """What was right at once may have fallen back by the end of the sequence."""
    done = tuple(steps)
    if not any(step.is_written for step in done):
        return Outcome(stage=Stage.READ_BACK, steps=done, left=_left(desk, names))
    left = yield from _see(desk, names)
    last = {target.register: target for target in targets}
    readable = [name for name in names if desk.registers[name].is_readable]
    for name in readable:
        if desk.words(name) is None:
            return Outcome(stage=Stage.WRITTEN, failure=Failure.NO_ANSWER, detail=name, steps=done, left=left)
        if not _holds(desk, last[name]):
            return Outcome(stage=Stage.FAILED, failure=Failure.REVERTED, detail=name, steps=done, left=left)
    return Outcome(stage=Stage.READ_BACK if len(readable) == len(names) else Stage.WRITTEN, steps=done, left=left)


def observe(names: Sequence[str], registers: Mapping[str, Register]) -> Generator[Effect, Came, Image | None]:
    """Read registers as they are; None when one can't be read."""
    desk = _Desk(registers)
    for block in blocks_of(names, registers):
        came = yield from _read(desk, block)
        if came.fate is not Fate.DONE:
            return None
    return desk.image


def _read(desk: _Desk, block: Block) -> Reading:
    """Read a block, again when no answer came."""
    for tries in range(READ_TRIES):
        if tries:
            yield Pause(READ_AGAIN_S * tries)
        came = yield Look(block)
        if came.fate is Fate.DONE:
            desk.take(block, came.words)
        if came.fate is Fate.DONE or (came.fate is Fate.REFUSED and came.code not in (STILL_WORKING, BUSY)):
            return came
    return came


def _unlock(desk: _Desk, unlock: Sequence[PlannedWrite]) -> Generator[Effect, Came, Outcome | None]:
    for write in unlock:
        try:
            block, words = words_to_write(write.register, write.value, desk.image)
        except CodecError as error:
            return Outcome(stage=Stage.FAILED, failure=Failure.UNFIT, detail=str(error))
        came = yield Put(write.register.name, block, words)
        if came.fate is not Fate.DONE:
            return Outcome(stage=Stage.FAILED, failure=Failure.LOCKED, detail=came.text)
        if write.settle_s:
            yield Pause(write.settle_s)
    return None


def _send(desk: _Desk, target: Target) -> Generator[Effect, Came, Step]:
    """Write a register that can't be read: the device's confirmation is all that there will be."""
    step = _step(desk, target, before=None, is_written=False)
    if target.value is None:
        return replace(step, failure=Failure.UNFIT, detail=f"{target.register}: what stood there can't be known")
    try:
        block, words = _words_of(desk, target)
    except CodecError as error:
        return replace(step, failure=Failure.UNFIT, detail=str(error))
    came = yield Put(target.register, block, words)
    yield Pause(target.settle_s)
    failures = {
        Fate.NOT_SENT: Failure.NO_CONNECTION,
        Fate.REFUSED: Failure.DEVICE_REFUSED,
        Fate.UNKNOWN: Failure.STATE_UNKNOWN,
    }
    is_taken = came.fate is Fate.DONE or (came.fate is Fate.REFUSED and came.code == STILL_WORKING)
    if is_taken:
        return replace(step, is_written=True)
    is_lost = came.fate is Fate.UNKNOWN
    return replace(step, is_written=is_lost, failure=failures[came.fate], code=came.code, detail=came.text)


def _bring(desk: _Desk, target: Target) -> Generator[Effect, Came, Step]:
    """Write one register and read it back."""
    register = desk.registers[target.register]
    before, words_before = desk.value(register.name), desk.words(register.name)
    assert words_before is not None
    step = _step(desk, target, before=before, is_written=False)
    try:
        block, words = _words_of(desk, target)
    except CodecError as error:
        return replace(step, failure=Failure.UNFIT, detail=str(error))
    is_asked_again = False
    while True:
        came = yield Put(register.name, block, words)
        if came.fate is Fate.NOT_SENT:
            return replace(step, failure=Failure.NO_CONNECTION, detail=came.text, is_written=is_asked_again)
        if came.fate is Fate.REFUSED and came.code != STILL_WORKING:
            if came.code == BUSY and not is_asked_again:
                is_asked_again = True
                yield Pause(READ_AGAIN_S)
                continue
            return replace(step, failure=Failure.DEVICE_REFUSED, code=came.code, detail=came.text)
        desk.forget(register.name)
        yield Pause(target.settle_s)
        is_right = yield from _read_back(desk, target)
        step = replace(step, is_written=True, read_back=desk.value(register.name), words_back=desk.words(register.name))
        if is_right:
            return step
        if step.words_back is None:
            return replace(step, failure=Failure.STATE_UNKNOWN, detail=came.text)
        # Only now is it known that the first one did not arrive.
        if came.fate is Fate.UNKNOWN and step.words_back == words_before and not is_asked_again:
            is_asked_again = True
            continue
        found = discrepancy(
            wanted=target.value,
            before=before,
            read_back=step.read_back,
            words_written=words,
            words_before=words_before,
            words_back=step.words_back,
        )
        is_lost = came.fate is Fate.UNKNOWN and step.words_back == words_before
        return replace(step, failure=Failure.WRITE_LOST if is_lost else found, detail=came.text)


def _read_back(desk: _Desk, target: Target) -> Generator[Effect, Came, bool]:
    """Whether the register comes to hold what was written, within a few readings."""
    blocks = blocks_of((target.register,), desk.registers)
    for tries in range(READ_TRIES):
        if tries:
            yield Pause(READ_AGAIN_S * tries)
        for block in blocks:
            came = yield Look(block)
            if came.fate is Fate.DONE:
                desk.take(block, came.words)
        if _holds(desk, target):
            return True
    return False


def _take_back(desk: _Desk, steps: Sequence[Step], before: Mapping[str, Target]) -> Generator[Effect, Came, bool]:
    """Write back what stood there, newest first; whether all of it stands there again."""
    touched = tuple(dict.fromkeys(step.register for step in reversed(steps) if step.is_written))
    is_back = True
    for name in touched:
        if not desk.registers[name].is_readable:
            sent = yield from _send(desk, before[name])
            is_back = is_back and sent.failure is None
            continue
        came = yield from _read(desk, desk.registers[name].block)
        if came.fate is not Fate.DONE:
            return False
        if not _holds(desk, before[name]):
            again = yield from _bring(desk, before[name])
            is_back = is_back and again.failure is None
    return is_back


def _see(desk: _Desk, names: Sequence[str]) -> Generator[Effect, Came, dict[str, float | None]]:
    """Read everything once more, however it went."""
    for name in names:
        desk.forget(name)
    for block in blocks_of(names, desk.registers):
        came = yield Look(block)
        if came.fate is not Fate.DONE:
            came = yield Look(block)
        if came.fate is Fate.DONE:
            desk.take(block, came.words)
    return _left(desk, names)


def _left(desk: _Desk, names: Sequence[str]) -> dict[str, float | None]:
    return {name: desk.value(name) for name in names}


def _holds(desk: _Desk, target: Target) -> bool:
    if not desk.registers[target.register].is_readable:
        return False
    if target.value is None:
        return desk.words(target.register) == target.words
    value = desk.value(target.register)
    return value is not None and abs(value - target.value) <= desk.registers[target.register].tolerance


def _words_of(desk: _Desk, target: Target) -> tuple[Block, tuple[int, ...]]:
    register = desk.registers[target.register]
    if target.value is None:
        if target.words is None:
            raise CodecError(f"{register.name}: what stood there is not known")
        return register.block, target.words
    return words_to_write(register, target.value, desk.image)


def _step(desk: _Desk, target: Target, *, before: float | None, is_written: bool) -> Step:
    register = desk.registers[target.register]
    return Step(
        register=register.name,
        unit=register.unit,
        wanted=target.value,
        before=before,
        is_written=is_written,
        read_back=before,
        words_back=desk.words(register.name),
    )
