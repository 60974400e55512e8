"""One order over any device whatever: the outcome tells the truth, and nothing is repeated blindly."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from device_profiles.controls import by_name, planned, value_in
from device_profiles.model import Block, Control
from edge_agent.core.actuation import Acting, Came, Fate, Look, Pause, Put, actuate, targets_of
from edge_agent.core.outcomes import Failure, Outcome, Stage
from tests.edge_agent.obey.devices import (
    CHARGE_CONTROL,
    FLAGS_CONTROL,
    REGISTERS,
    RESERVE_CONTROL,
    Place,
    words_at_first,
)

BY_NAME = by_name(REGISTERS)
READS = ["done", "done", "done", "refused", "unknown", "not_sent", "busy"]
WRITES = ["done", "done", "refused", "busy", "lost_after", "lost_before", "not_sent", "ignored", "altered", "scaled"]


class Whim:
    """A device that does what a list of whims says, and afterwards behaves."""

    def __init__(self, reads: Sequence[str], writes: Sequence[str]) -> None:
        self.words: dict[Place, int] = words_at_first()
        self.reads, self.writes = list(reads), list(writes)
        self.log: list[tuple[str, Block, str]] = []

    def look(self, block: Block) -> Came:
        whim = self.reads.pop(0) if self.reads else "done"
        self.log.append(("read", block, whim))
        if whim == "done":
            return Came(words=tuple(self.words[block.table, at] for at in range(block.start, block.end)))
        return Came(_fate(whim), code=6 if whim == "busy" else 2, text=whim)

    def put(self, block: Block, words: Sequence[int]) -> Came:
        whim = self.writes.pop(0) if self.writes else "done"
        self.log.append(("write", block, whim))
        if whim in ("done", "lost_after"):
            self.store(block, words)
        elif whim == "altered":
            self.store(block, [word ^ 0x11 for word in words])
        elif whim == "scaled":
            self.store(block, [word * 10 & 0xFFFF for word in words])
        return Came(_fate(whim), code=6 if whim == "busy" else 3, text=whim)

    def store(self, block: Block, words: Sequence[int]) -> None:
        self.words |= {(block.table, block.start + n): word for n, word in enumerate(words)}


def _fate(whim: str) -> Fate:
    fates = {"refused": Fate.REFUSED, "busy": Fate.REFUSED, "not_sent": Fate.NOT_SENT}
    lost = dict.fromkeys(("unknown", "lost_after", "lost_before"), Fate.UNKNOWN)
    return (fates | lost).get(whim, Fate.DONE)


def played(acting: Acting, device: Whim) -> Outcome:
    try:
        effect = next(acting)
        while True:
            match effect:
                case Look(block):
                    came = device.look(block)
                case Put(_, block, words):
                    came = device.put(block, words)
                case Pause():
                    came = Came()
            effect = acting.send(came)
    except StopIteration as done:
        outcome: Outcome = done.value
        return outcome


def order(control: Control, given_values: dict[str, float], device: Whim, *, off: bool = False) -> Outcome:
    writes = planned(control.off if off else control.on, BY_NAME, given_values)
    unlock = planned(control.unlock, BY_NAME, {})
    return played(actuate(targets_of(writes), BY_NAME, unlock=unlock), device)


orders = st.sampled_from(
    [(RESERVE_CONTROL, {"soc_pct": 62.5}), (CHARGE_CONTROL, {"power_w": 71_234.0}), (FLAGS_CONTROL, {})]
)


@given(orders, st.lists(st.sampled_from(READS), max_size=25), st.lists(st.sampled_from(WRITES), max_size=8))
def test_whatever_a_device_does_the_outcome_is_true(
    wanted: tuple[Control, dict[str, float]], reads: list[str], writes: list[str]
) -> None:
    control, values = wanted
    device = Whim(reads, writes)
    outcome = order(control, values, device)
    for name, told in outcome.left.items():
        assert told is None or told == value_in(BY_NAME[name], device.words)
    if outcome.is_good:
        for write in planned(control.on, BY_NAME, values):
            held = value_in(write.register, device.words)
            assert held is not None
            assert abs(held - write.value) <= write.register.tolerance
    assert outcome.is_good or outcome.failure is not None
    if outcome.is_taken_back and outcome.failure not in {Failure.REVERTED, Failure.STATE_UNKNOWN}:
        fresh = words_at_first()
        for name in outcome.left:
            touched = any(step.register == name and step.is_written for step in outcome.steps)
            assert not touched or value_in(BY_NAME[name], device.words) == value_in(BY_NAME[name], fresh)


@given(orders, st.lists(st.sampled_from(READS), max_size=25), st.lists(st.sampled_from(WRITES), max_size=8))
def test_no_write_of_unknown_fate_is_followed_by_another_before_the_register_was_read(
    wanted: tuple[Control, dict[str, float]], reads: list[str], writes: list[str]
) -> None:
    control, values = wanted
    device = Whim(reads, writes)
    order(control, values, device)
    unlocking = {BY_NAME[write.register].block for write in control.unlock}
    unknown: Block | None = None
    for what, block, whim in device.log:
        if what == "write":
            assert unknown is None or block in unlocking
            unknown = block if whim in ("lost_after", "lost_before") and block not in unlocking else None
        elif whim == "done" and block == unknown:
            unknown = None


@given(orders, st.lists(st.sampled_from(READS), max_size=40), st.lists(st.sampled_from(WRITES), max_size=20))
def test_every_order_ends_after_a_bounded_number_of_requests(
    wanted: tuple[Control, dict[str, float]], reads: list[str], writes: list[str]
) -> None:
    control, values = wanted
    device = Whim(reads, writes)
    order(control, values, device)
    assert len(device.log) <= 60
    assert sum(what == "write" for what, _, __ in device.log) <= 10


@given(orders)
def test_an_order_and_the_same_order_again_writes_once(wanted: tuple[Control, dict[str, float]]) -> None:
    control, values = wanted
    device = Whim([], [])
    assert order(control, values, device).is_good
    device.log.clear()
    again = order(control, values, device)
    assert again.is_good
    assert not [what for what, _, __ in device.log if what == "write"]


def test_a_volatile_register_that_wants_refreshing_is_written_although_it_holds_the_value() -> None:
    device = Whim([], [])
    writes = planned(CHARGE_CONTROL.on, BY_NAME, {"power_w": 5_000})
    for expected in (2, 1):
        device.log.clear()
        outcome = played(actuate(targets_of(writes), BY_NAME, always_write=True), device)
        assert outcome.stage is Stage.READ_BACK
        assert outcome.writes == expected
