"""The planner against brute force, and its promises on maps too large for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.blocks import apart, plan, split
from device_profiles.model import Block, Field, Limits, Table, ValueType
from tests.device_profiles.helpers import field

KINDS = {1: ValueType.U16, 2: ValueType.U32, 4: ValueType.U64}


def partitions(items: Sequence[Field]) -> Iterator[list[list[Field]]]:
    """Every way to put the items into groups."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in partitions(rest):
        for n, group in enumerate(smaller):
            yield [*smaller[:n], [first, *group], *smaller[n + 1 :]]
        yield [[first], *smaller]


def hull(fields: Sequence[Field]) -> tuple[int, int]:
    spans = [span for each in fields for span in each.spans]
    return min(span.start for span in spans), max(span.end for span in spans)


def is_allowed(group: Sequence[Field], used: set[int], limits: Limits) -> bool:
    """Whether one request may read these fields: by the rules' own words, register by register."""
    start, end = hull(group)
    if end - start > limits.registers_max:
        return False
    idle = 0
    for address in range(start, end):
        if any(hole.start <= address < hole.end for hole in limits.holes):
            return False
        idle = 0 if address in used else idle + 1
        if idle > limits.gap_max:
            return False
    return True


def fewest(fields: Sequence[Field], limits: Limits) -> int:
    """Requests of the best of all ways to group the fields."""
    # A field and its scale factor count as wanted from end to end: they are read together at any price.
    used = {address for each in fields for address in range(*hull([each]))}
    return min(len(groups) for groups in partitions(fields) if all(is_allowed(group, used, limits) for group in groups))


@st.composite
def cases(draw: st.DrawFn, *, with_factors: bool) -> tuple[list[Field], Limits]:
    limits = Limits(
        registers_max=draw(st.integers(8, 14)),
        gap_max=draw(st.integers(0, 6)),
        holes=tuple(
            Block(Table.HOLDING, draw(st.integers(0, 40)), draw(st.integers(1, 3)))
            for _ in range(draw(st.integers(0, 2)))
        ),
    )
    made: list[Field] = []
    for n in range(draw(st.integers(1, 6))):
        width = draw(st.sampled_from([1, 2, 4]))
        address = draw(st.integers(0, 36))
        factor = address + draw(st.integers(-6, 7)) if with_factors and draw(st.booleans()) else None
        if factor is not None and (factor < 0 or address <= factor < address + width):
            factor = None
        each = field(f"pv{n + 1}.power_w", address, KINDS[width], scale_factor_address=factor)
        start, end = hull([each])
        fits = end - start <= limits.registers_max
        if fits and not any(hole.start < end and start < hole.end for hole in limits.holes):
            made.append(each)
    return made, limits


@settings(max_examples=400, deadline=None)
@given(st.one_of(cases(with_factors=False), cases(with_factors=True)))
def test_no_other_grouping_needs_fewer_requests(case: tuple[list[Field], Limits]) -> None:
    fields, limits = case
    blocks = plan(fields, limits)
    assert len(blocks) == (fewest(fields, limits) if fields else 0)


@settings(max_examples=300, deadline=None)
@given(st.one_of(cases(with_factors=False), cases(with_factors=True)))
def test_every_request_keeps_every_limit_and_no_field_is_torn(case: tuple[list[Field], Limits]) -> None:
    fields, limits = case
    blocks = plan(fields, limits)
    used = {address for each in fields for address in range(*hull([each]))}
    assert apart(fields, blocks) == ()
    for block in blocks:
        assert block.count <= limits.registers_max
        assert not any(hole.start < block.end and block.start < hole.end for hole in limits.holes)
        idle = "".join("1" if address in used else "0" for address in range(block.start, block.end))
        assert "0" * (limits.gap_max + 1) not in idle
        assert idle[0] == idle[-1] == "1"


def test_tables_are_read_apart() -> None:
    fields = [field(address=5), field("pv.power_w", 6, table=Table.INPUT)]
    assert plan(fields, Limits()) == (Block(Table.HOLDING, 5, 1), Block(Table.INPUT, 6, 1))


def test_coils_have_a_limit_of_their_own() -> None:
    coils = [field(f"tier{n}.closed", n * 100, ValueType.BIT, table=Table.COIL) for n in range(1, 9)]
    assert len(plan(coils, Limits(registers_max=10, gap_max=99))) == 1
    assert len(plan(coils, Limits(bits_max=101, gap_max=99))) == 4


def test_a_scale_factor_beyond_the_longest_request_is_read_apart_and_said_so() -> None:
    far = field(address=0, scale_factor_address=200)
    near = field("pv.power_w", 198, scale_factor_address=200)
    blocks = plan([far, near], Limits(registers_max=125))
    assert blocks == (Block(Table.HOLDING, 0, 1), Block(Table.HOLDING, 198, 3))
    assert apart([far, near], blocks) == (far,)


def test_a_scale_factor_is_read_along_over_a_gap_wider_than_others_may_be() -> None:
    one = field(address=10, scale_factor_address=116)
    assert plan([one], Limits(gap_max=4)) == (Block(Table.HOLDING, 10, 107),)


def test_what_stands_in_a_hole_is_not_read() -> None:
    limits = Limits(holes=(Block(Table.HOLDING, 10, 2),))
    fields = [field(address=9), field("pv.power_w", 10), field("load.power_w", 12)]
    assert plan(fields, limits) == (Block(Table.HOLDING, 9, 1), Block(Table.HOLDING, 12, 1))


def test_a_field_wider_than_any_request_is_an_error_and_not_torn() -> None:
    with pytest.raises(ValueError, match=r"battery\.power_w: 4 registers"):
        plan([field(kind=ValueType.U64)], Limits(registers_max=3))


def test_guarded_fields_come_last_and_in_blocks_of_their_own() -> None:
    guarded = field("grid.power_w", 1, guard="grid.meter_online")
    online = field("grid.meter_online", 0)
    later = field("battery.power_w", 2)
    blocks = plan([guarded, later, online], Limits())
    assert blocks == (Block(Table.HOLDING, 0, 1), Block(Table.HOLDING, 2, 1), Block(Table.HOLDING, 1, 1))


def hunt(block: Block, fields: Sequence[Field], bad: set[int]) -> tuple[set[int], list[Block]]:
    """Registers that could be read, and the smallest refused blocks."""
    good: set[int] = set()
    guilty: list[Block] = []
    waiting = [block]
    while waiting:
        one = waiting.pop()
        if not bad & set(range(one.start, one.end)):
            good |= set(range(one.start, one.end))
            continue
        parts = split(one, fields)
        if parts:
            waiting += parts
        else:
            guilty.append(one)
    return good, guilty


@settings(max_examples=200, deadline=None)
@given(cases(with_factors=True), st.sets(st.integers(0, 45), max_size=3))
def test_splitting_finds_the_guilty_fields_and_reads_all_others(
    case: tuple[list[Field], Limits], bad: set[int]
) -> None:
    fields, limits = case
    for block in plan(fields, limits):
        good, guilty = hunt(block, fields, bad)
        for each in fields:
            for span in each.spans:
                addresses = set(range(span.start, span.end))
                if block.start <= span.start and span.end <= block.end and not addresses & bad:
                    tied = any(g.start < span.end and span.start < g.end for g in guilty)
                    assert addresses <= good or tied
        for one in guilty:
            assert bad & set(range(one.start, one.end))


def test_a_block_of_one_field_cannot_be_split() -> None:
    one = field(address=3, kind=ValueType.U32)
    assert split(Block(Table.HOLDING, 3, 2), [one]) == ()
    assert split(Block(Table.HOLDING, 3, 2), []) == ()


def test_halves_are_cut_between_fields_without_the_registers_between() -> None:
    fields = [field(f"pv{n}.power_w", 10 * n, ValueType.U32) for n in range(1, 5)]
    block = Block(Table.HOLDING, 10, 32)
    assert split(block, fields) == (Block(Table.HOLDING, 10, 12), Block(Table.HOLDING, 30, 12))
