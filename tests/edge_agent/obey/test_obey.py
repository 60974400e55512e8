"""Orders against a real Modbus server that obeys, refuses, ignores, scales, swaps, forgets or falls silent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from device_profiles.model import Block, Control, Table
from edge_agent.core.interlocks import Reason
from edge_agent.core.outcomes import Failure, Stage
from edge_agent.core.saved import Saved
from edge_agent.obey import CannotSave, Receipt
from edge_agent.words_orders import receipt_in_words
from simulator.unit import NoAnswerError, Refusal
from tests.edge_agent.obey.devices import (
    CHARGE_CONTROL,
    FLAGS_CONTROL,
    HIDDEN_CONTROL,
    MAP_WITH_HIDDEN,
    MODE,
    PASSWORD,
    PERCENT_AND_FLAGS,
    POWER,
    RESERVE,
    RESERVE_CONTROL,
    TIER,
    TIER_CONTROL,
    Device,
    H,
    obeyer,
    refusing,
    serving,
)


async def ordered(device: Device, control: Control, off: bool = False, **arguments: float) -> Receipt:
    async with serving(device) as (_, line):
        return await obeyer(line).order(control, arguments, off=off)


async def test_a_reserve_is_written_read_back_and_told() -> None:
    device = Device()
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=45.5)
    assert receipt.is_good
    assert device.words[H, RESERVE] == 455
    assert receipt.outcome is not None
    (step,) = receipt.outcome.steps
    assert (step.before, step.wanted, step.read_back, step.is_written) == (30.0, 45.5, 45.5, True)
    assert receipt.outcome.left == {"reserve": 45.5}


async def test_what_stands_there_already_is_not_written_again() -> None:
    device = Device()
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=30)
    assert receipt.is_good
    assert device.written == []


async def test_a_sequence_is_unlocked_and_written_in_its_order_with_the_device_s_word_order() -> None:
    device = Device()
    receipt = await ordered(device, CHARGE_CONTROL, power_w=70_000)
    assert receipt.is_good
    assert [block.start for block, _ in device.written] == [PASSWORD, MODE, POWER]
    assert (device.words[H, POWER], device.words[H, POWER + 1]) == (70_000 & 0xFFFF, 1)


async def test_other_bits_of_a_register_stay_as_they_are() -> None:
    device = Device()
    assert (await ordered(device, FLAGS_CONTROL)).is_good
    assert device.words[H, PERCENT_AND_FLAGS] == 0xA5


async def test_a_coil_is_closed_and_opened() -> None:
    device = Device()
    async with serving(device) as (_, line):
        tier = obeyer(line)
        assert (await tier.order(TIER_CONTROL, {})).is_good
        assert device.words[Table.COIL, TIER] == 1
        assert (await tier.order(TIER_CONTROL, {}, off=True)).is_good
        assert device.words[Table.COIL, TIER] == 0


async def test_the_least_interval_between_two_orders_is_kept_and_a_release_never_waits() -> None:
    device, now_ms = Device(), 0
    async with serving(device) as (_, line):
        charge = obeyer(line, lambda: now_ms)
        assert (await charge.order(CHARGE_CONTROL, {"power_w": 1_000})).is_good
        now_ms = 20_000
        soon = await charge.order(CHARGE_CONTROL, {"power_w": 2_000})
        assert (soon.stage, soon.reason, soon.facts) == (Stage.REFUSED, Reason.TOO_SOON, {"wait_s": 40.0})
        assert (await charge.order(CHARGE_CONTROL, {}, off=True)).is_good
        now_ms = 60_001
        assert (await charge.order(CHARGE_CONTROL, {"power_w": 2_000})).is_good


async def test_a_value_that_the_device_does_not_take_is_not_written() -> None:
    device = Device()
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=101)
    assert (receipt.stage, receipt.reason) == (Stage.REFUSED, Reason.OUT_OF_RANGE)
    assert "101 % " in receipt_in_words(receipt, "en").what
    assert device.written == []


async def test_a_device_that_nobody_can_see_is_not_written() -> None:
    device = Device(is_dark=True)
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=50)
    assert (receipt.stage, receipt.reason) == (Stage.REFUSED, Reason.BLIND)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 7, 8])
async def test_a_refused_write_says_the_code_and_what_to_try(code: int) -> None:
    device = Device(on_write=refusing(code))
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=50)
    assert receipt.outcome is not None
    assert (receipt.stage, receipt.outcome.failure) == (Stage.FAILED, Failure.DEVICE_REFUSED)
    assert receipt.outcome.steps[0].code == code
    assert receipt.outcome.left == {"reserve": 30.0}
    for lang in ("ja", "en"):
        said = receipt_in_words(receipt, lang)
        assert said.what.startswith("reserve: ")
        assert said.remedy


async def test_a_busy_device_is_asked_once_more() -> None:
    refusals = [6]

    def busy(_: Device, __: Block, words: list[int]) -> list[int]:
        if refusals:
            return refusing(refusals.pop())(device, Block(H, 0, 1), words)
        return words

    device = Device(on_write=busy)
    assert (await ordered(device, RESERVE_CONTROL, soc_pct=50)).is_good
    assert len(device.written) == 2


async def test_what_was_written_before_a_failure_is_taken_back() -> None:
    device = Device(on_write=refusing(3, POWER))
    receipt = await ordered(device, CHARGE_CONTROL, power_w=1_000)
    assert receipt.outcome is not None
    assert receipt.outcome.failure is Failure.DEVICE_REFUSED
    assert receipt.outcome.is_taken_back
    assert device.words[H, MODE] == 0
    assert receipt.outcome.left == {"mode": 0.0, "power": 0.0}


async def test_a_device_that_stays_locked_is_told_as_such() -> None:
    device = Device(on_write=refusing(4, PASSWORD))
    receipt = await ordered(device, CHARGE_CONTROL, power_w=1_000)
    assert receipt.outcome is not None
    assert receipt.outcome.failure is Failure.LOCKED
    assert device.words[H, MODE] == 0


def ignoring(_: Device, __: Block, ___: list[int]) -> None:
    return None


def scaled(_: Device, block: Block, words: list[int]) -> list[int]:
    return [words[0] * 10] if block.start == RESERVE else words


def swapped(_: Device, block: Block, words: list[int]) -> list[int]:
    return words[::-1] if block.start == POWER else words


def limited(_: Device, block: Block, words: list[int]) -> list[int]:
    return [min(words[0], 410)] if block.start == RESERVE else words


@pytest.mark.parametrize(
    ("on_write", "control", "arguments", "failure"),
    [
        (ignoring, RESERVE_CONTROL, {"soc_pct": 50}, Failure.WRITE_IGNORED),
        (scaled, RESERVE_CONTROL, {"soc_pct": 50}, Failure.WRITE_SCALED),
        (swapped, CHARGE_CONTROL, {"power_w": 70_000}, Failure.WORDS_SWAPPED),
        (limited, RESERVE_CONTROL, {"soc_pct": 50}, Failure.WRITE_ALTERED),
    ],
)
async def test_a_write_that_reads_back_otherwise_is_named(on_write, control, arguments, failure) -> None:  # type: ignore[no-untyped-def]
    device = Device(on_write=on_write)
    receipt = await ordered(device, control, **arguments)
    assert receipt.stage is Stage.FAILED
    assert receipt.outcome is not None
    assert receipt.outcome.failure is failure
    said = receipt_in_words(receipt, "ja")
    assert "書いた値" in said.what
    assert said.remedy


async def test_a_value_that_falls_back_is_reverted_not_read_back() -> None:
    def falls_back(device: Device, block: Block) -> None:
        if block.start == POWER and device.words[H, POWER]:
            device.words[H, MODE] = 0  # The device leaves the mode as soon as it is told the power.

    device = Device(on_read=falls_back)
    receipt = await ordered(device, CHARGE_CONTROL, power_w=1_000)
    assert receipt.outcome is not None
    assert (receipt.outcome.failure, receipt.outcome.detail) == (Failure.REVERTED, "mode")


async def test_one_bad_reading_back_is_no_verdict() -> None:
    stale = [300, 300]

    def late(device: Device, block: Block) -> None:
        if block.start == RESERVE and device.written and stale:
            device.words[H, RESERVE] = stale.pop()
        elif device.written:
            device.words[H, RESERVE] = 500

    device = Device(on_read=late)
    assert (await ordered(device, RESERVE_CONTROL, soc_pct=50)).is_good
    assert len(device.written) == 1


def answering_late(is_stored: bool, times: int) -> Device:
    left = [is_stored] * times

    def lose(device: Device, block: Block, words: list[int]) -> list[int]:
        if left:
            if left.pop():
                device.words |= {(block.table, block.start + n): word for n, word in enumerate(words)}
            raise NoAnswerError
        return words

    return Device(on_write=lose)


async def test_a_write_whose_answer_is_lost_but_which_arrived_is_not_repeated() -> None:
    device = answering_late(is_stored=True, times=1)
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=50)
    assert receipt.is_good
    assert len(device.written) == 1


async def test_a_write_that_did_not_arrive_is_repeated_once_and_only_after_reading() -> None:
    device = answering_late(is_stored=False, times=1)
    assert (await ordered(device, RESERVE_CONTROL, soc_pct=50)).is_good
    assert len(device.written) == 2
    device = answering_late(is_stored=False, times=5)
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=50)
    assert receipt.stage is Stage.FAILED
    assert len(device.written) == 2


async def test_a_cable_cut_in_the_middle_of_a_write_leaves_an_unknown_state_that_is_told() -> None:
    def cut(device: Device, _: Block, __: list[int]) -> None:
        device.is_dark = True
        raise NoAnswerError

    device = Device(on_write=cut)
    receipt = await ordered(device, RESERVE_CONTROL, soc_pct=50)
    assert receipt.outcome is not None
    assert receipt.outcome.failure is Failure.STATE_UNKNOWN
    assert receipt.outcome.left == {"reserve": None}
    assert len(device.written) == 1
    assert "check" in receipt_in_words(receipt, "ja").remedy


async def test_a_device_that_closes_its_port_in_the_middle_never_raises() -> None:
    device = Device()
    async with serving(device) as (port, line):
        reserve = obeyer(line)
        saved = await reserve.snapshot(RESERVE_CONTROL)
        await port.close()
        line.close()
        receipt = await reserve.restore(saved)
        assert receipt.outcome is not None
        assert receipt.outcome.failure is Failure.NO_ANSWER
        await port.open()
        assert (await reserve.restore(saved)).is_good


async def tried(device: Device, control: Control, **arguments: float) -> tuple[Saved, Receipt]:
    async with serving(device) as (_, line):
        it = obeyer(line)
        saved = await it.snapshot(control)
        assert (await it.order(control, arguments)).is_good
        return saved, await it.restore(saved)


@pytest.mark.parametrize(
    ("control", "arguments"),
    [(RESERVE_CONTROL, {"soc_pct": 77.7}), (CHARGE_CONTROL, {"power_w": 80_000}), (FLAGS_CONTROL, {})],
)
async def test_a_snapshot_brings_back_every_register(control: Control, arguments: dict[str, float]) -> None:
    device = Device()
    device.words |= {(H, POWER): 1234, (H, MODE): 3}
    before = dict(device.words)
    saved, receipt = await tried(device, control, **arguments)
    assert receipt.is_good
    before[H, PASSWORD] = device.words[H, PASSWORD]
    assert device.words == before
    assert saved.kind == control.kind


async def test_what_is_outside_of_the_range_for_orders_is_restored_all_the_same() -> None:
    device = Device()
    device.words[H, MODE] = 255
    _, receipt = await tried(device, CHARGE_CONTROL, power_w=500)
    assert receipt.is_good
    assert device.words[H, MODE] == 255


async def test_a_control_whose_registers_are_not_there_is_not_tried() -> None:
    device = Device()
    del device.words[H, MODE]
    async with serving(device) as (_, line):
        with pytest.raises(CannotSave, match="charge"):
            await obeyer(line).snapshot(CHARGE_CONTROL)
    receipt = await ordered(device, CHARGE_CONTROL, power_w=500)
    assert receipt.outcome is not None
    assert receipt.outcome.failure is Failure.NO_SUCH_REGISTER
    assert device.written == []


@dataclass
class Hiding(Device):
    """Its register 70 can't be read."""

    def read(self, table: Table, address: int, count: int) -> list[int]:
        if address <= 70 < address + count:
            raise Refusal(2)
        return super().read(table, address, count)


async def test_a_register_that_can_not_be_read_is_written_and_never_claimed_to_be_read_back() -> None:
    device = Hiding()
    async with serving(device) as (_, line):
        it = obeyer(line, device_map=MAP_WITH_HIDDEN)
        saved = await it.snapshot(HIDDEN_CONTROL)
        receipt = await it.order(HIDDEN_CONTROL, {"power_w": 700})
        assert (receipt.stage, receipt.is_good, receipt.is_done) == (Stage.WRITTEN, False, True)
        assert device.words[H, 70] == 700
        assert "読み返せない" in receipt_in_words(receipt, "ja").what
        assert (await it.restore(saved)).is_done
        assert (device.words[H, 70], device.words[H, MODE]) == (0, 0), "what a release leaves there"


async def test_a_lost_answer_of_a_register_that_can_not_be_read_is_an_unknown_state_and_is_released() -> None:
    lost = [True]

    def lose(_: Device, block: Block, words: list[int]) -> list[int] | None:
        if block.start == 70 and lost:
            lost.pop()
            raise NoAnswerError
        return words

    device = Hiding(on_write=lose)
    async with serving(device) as (_, line):
        receipt = await obeyer(line, device_map=MAP_WITH_HIDDEN).order(HIDDEN_CONTROL, {"power_w": 700})
    assert receipt.outcome is not None
    assert receipt.outcome.failure is Failure.STATE_UNKNOWN
    assert [words for block, words in device.written if block.start == 70] == [(700,), (0,)]
    assert (receipt.outcome.is_taken_back, device.words[H, MODE]) == (True, 0)
