"""Orders as values: sequences with their arguments, words to be written, what is in force, faults in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_profiles.codec import CodecError
from device_profiles.controls import (
    ControlError,
    blocks_of,
    by_name,
    faults_in,
    in_force,
    planned,
    registers_of,
    value_in,
    words_to_write,
)
from device_profiles.model import Argument, Block, Control, FaultText, Register, Table, ValueType, Write
from tests.device_profiles.helpers import field, image_of

MODE = Register(field=field("mode", 10), low=0, high=8)
POWER = Register(field=field("power", 11, ValueType.U32, scale=10.0), low=0, high=5_000, unit="W")
SWITCH = Register(field=field("switch", 13, mask=0b0110), low=0, high=3)
COMMAND = Register(field=field("command", 14), low=0, high=0xFF)
REGISTERS = by_name([MODE, POWER, SWITCH, COMMAND])
CHARGE = Control(
    kind="charge",
    on=(
        Write(register="mode", to=2),
        Write(register="power", to=Argument.POWER_W),
        Write(register="command", to=0xAA, settle_s=0.5),
    ),
    off=(Write(register="command", to=0xCC), Write(register="mode", to=0)),
)


def test_a_sequence_keeps_its_order_and_takes_its_arguments() -> None:
    steps = planned(CHARGE.on, REGISTERS, {Argument.POWER_W: 3_000})
    assert [(step.register.name, step.value, step.settle_s) for step in steps] == [
        ("mode", 2, 0),
        ("power", 3_000, 0),
        ("command", 0xAA, 0.5),
    ]


def test_a_step_whose_argument_is_not_given_is_left_out() -> None:
    assert [step.register.name for step in planned(CHARGE.on, REGISTERS, {})] == ["mode", "command"]


@pytest.mark.parametrize("power_w", [-1, 5_001, float("nan"), float("inf")])
def test_a_value_outside_of_the_register_s_range_is_no_order(power_w: float) -> None:
    with pytest.raises(ControlError, match=r"power: .* W is outside of 0 to 5000"):
        planned(CHARGE.on, REGISTERS, {Argument.POWER_W: power_w})


def test_words_are_those_of_the_register() -> None:
    assert words_to_write(POWER, 3_000, {}) == (Block(Table.HOLDING, 11, 2), (0, 300))
    assert words_to_write(MODE, 2, {}) == (Block(Table.HOLDING, 10, 1), (2,))


def test_of_a_register_with_other_people_s_bits_only_ours_change() -> None:
    assert words_to_write(SWITCH, 2, image_of(13, [0xF0FF])) == (Block(Table.HOLDING, 13, 1), (0xF0FD,))
    assert value_in(SWITCH, image_of(13, [0xF0FD])) == 2
    with pytest.raises(CodecError):
        words_to_write(SWITCH, 4, {})


def test_a_coil_is_written_as_a_bit() -> None:
    coil = Register(field=field("tier1", 3, ValueType.BIT, table=Table.COIL), low=0, high=1)
    assert words_to_write(coil, 1, {}) == (Block(Table.COIL, 3, 1), (1,))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([2, 0, 300, 0, 0xAA], {"power_w": 3_000}),
        ([2, 0, 300, 0, 0xCC], None),
        ([0, 0, 300, 0, 0xAA], None),
        ([2, 0, 300, 0], None),
        ([2, 0, 0, 0, 0xAA], None),
    ],
    ids=["on", "released", "other mode", "not read", "a charge of nothing"],
)
def test_it_is_in_force_when_every_register_holds_what_was_ordered(
    words: list[int], found: dict[str, float] | None
) -> None:
    assert in_force(CHARGE, REGISTERS, image_of(10, words)) == found


def test_of_a_register_that_is_written_twice_the_last_counts() -> None:
    stop_first = Control(kind="charge", on=(Write(register="command", to=0xCC), *CHARGE.on), off=CHARGE.off)
    assert in_force(stop_first, REGISTERS, image_of(10, [2, 0, 300, 0, 0xAA])) == {"power_w": 3_000}


def test_a_register_that_cannot_be_read_is_neither_asked_for_nor_believed() -> None:
    blind = by_name([MODE, POWER, replace(COMMAND, is_readable=False)])
    assert in_force(CHARGE, blind, image_of(10, [2, 0, 300])) == {"power_w": 3_000}
    assert Block(Table.HOLDING, 14, 1) not in blocks_of(registers_of(CHARGE), blind)
    all_blind = by_name(replace(each, is_readable=False) for each in REGISTERS.values())
    assert in_force(CHARGE, all_blind, image_of(10, [2, 0, 300, 0, 0xAA])) is None
    assert blocks_of(registers_of(CHARGE), all_blind) == ()


def test_what_must_be_read_is_each_register_once() -> None:
    assert registers_of(CHARGE) == ("mode", "power", "command")
    assert blocks_of(registers_of(CHARGE), REGISTERS) == (
        Block(Table.HOLDING, 10, 1),
        Block(Table.HOLDING, 11, 2),
        Block(Table.HOLDING, 14, 1),
    )


def test_a_scale_factor_is_read_with_its_register() -> None:
    scaled = Register(field=field("limit", 20, scale_factor_address=29), low=0, high=100)
    assert blocks_of(["limit"], by_name([scaled])) == (Block(Table.HOLDING, 20, 1), Block(Table.HOLDING, 29, 1))
    assert words_to_write(scaled, 50, image_of(29, [0xFFFE])) == (Block(Table.HOLDING, 20, 1), (5_000,))
    with pytest.raises(CodecError, match="no usable scale factor"):
        words_to_write(scaled, 50, {})


def test_faults_are_found_by_bit_and_by_code() -> None:
    lost = FaultText(point="inverter.fault_bits", code=4, is_bit=True, ja="系統停電", en="Grid lost")
    hot = FaultText(point="inverter.fault_bits", code=0, is_bit=True, ja="過熱", en="Too hot")
    trip = FaultText(point="inverter.fault_code", code=2_032, is_bit=False, ja="漏電", en="Leakage")
    texts = (lost, hot, trip)
    assert faults_in(texts, {"inverter.fault_bits": 0x10, "inverter.fault_code": 2_032}) == (lost, trip)
    assert faults_in(texts, {"inverter.fault_bits": 0, "inverter.fault_code": None}) == ()
    assert faults_in(texts, {}) == ()
