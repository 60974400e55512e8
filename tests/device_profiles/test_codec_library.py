"""Every profile of the library against random registers: nothing raises, nothing implausible is called good, and what
is read can be written back. New profiles come in by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.points import POINTS
from contract.readings import Quality
from device_profiles.codec import CodecError, decode, decode_text, encode, readings
from device_profiles.controls import by_name, faults_in, in_force, value_in
from device_profiles.discover import discover
from device_profiles.image import template
from device_profiles.load import load, profile_ids
from device_profiles.model import Block, DeviceMap, DiscoveryError, Field, Image, Table
from device_profiles.sunspec_models import END, HEADER, MARKER, model
from tests.device_profiles.helpers import Words, ask_all

TEMPLATES = {profile_id: template(profile_id) for profile_id in profile_ids()}
each_profile = pytest.mark.parametrize("profile_id", TEMPLATES)
walked_profiles = pytest.mark.parametrize(
    "profile_id", [profile_id for profile_id in profile_ids() if load(profile_id).sunspec is not None]
)
EDGES = (0, 1, 2, 3, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
seeds = st.integers(0, 2**32 - 1)


def fields_of(device_map: DeviceMap) -> tuple[Field, ...]:
    return (*device_map.fields, *(register.field for register in device_map.registers))


def word_of(dice: Random, table: Table) -> int:
    """A register's word: often one that means something special, else any; a bit is a bit."""
    if table in {Table.COIL, Table.DISCRETE}:
        return dice.getrandbits(1)
    return dice.choice(EDGES) if dice.random() < 0.4 else dice.getrandbits(16)


def noise(dice: Random, blocks: Iterable[Block]) -> Words:
    return {(block.table, at): word_of(dice, block.table) for block in blocks for at in range(block.start, block.end)}


def assert_sound(device_map: DeviceMap, image: Image) -> None:
    """Whatever stands in the registers: readings, texts, orders and faults come without an error."""
    values: dict[str, float | None] = {}
    for reading in readings(device_map.fields, image, device_map.sums):
        values[reading.point] = reading.value
        if reading.quality is Quality.GOOD:
            assert reading.value is not None, reading
            assert POINTS[reading.point].is_plausible(reading.value), reading
        else:
            assert reading.value is None, reading
    for each in device_map.identity:
        text = decode_text(each, image)
        assert text is None or text.isprintable()
    registers = by_name(device_map.registers)
    for register in device_map.registers:
        value = value_in(register, image)
        assert value is None or isinstance(value, float | int)
    for control in device_map.controls:
        found = in_force(control, registers, image)
        assert found is None or found.keys() <= {"soc_pct", "power_w"}
    assert set(faults_in(device_map.faults, values)) <= set(device_map.faults)


@each_profile
@settings(max_examples=40)
@given(seed=seeds)
def test_random_registers_give_plausible_values_or_a_reason(profile_id: str, seed: int) -> None:
    dice = Random(seed)
    device_map = TEMPLATES[profile_id].device_map
    spans = [span for each in (*fields_of(device_map), *device_map.identity) for span in each.spans]
    image = noise(dice, spans)
    # Any of them may be missing: a request that failed.
    for key in dice.sample(sorted(image), k=dice.choice([0, 0, 1, len(image) // 4])):
        del image[key]
    assert_sound(device_map, image)


@each_profile
@settings(max_examples=40)
@given(seed=seeds)
def test_what_is_read_can_be_written_and_reads_the_same(profile_id: str, seed: int) -> None:
    dice = Random(seed)
    for each in fields_of(TEMPLATES[profile_id].device_map):
        image = noise(dice, each.spans)
        if each.scale_factor_address is not None:
            image[each.table, each.scale_factor_address] = dice.choice([0, 1, 2, 0xFFFF, 0xFFFE, 0xFFFD])
        read = decode(each, image)
        assert read is not None
        if read.value is None:
            continue
        try:
            image |= encode(each, read.value, image)
        except CodecError:
            # The amount of the lowest number is one more than the highest; a sum may be more than one part holds.
            assert each.absolute or each.terms, each.point
            continue
        again = decode(each, image)
        assert again is not None
        if again.value is None:  # A float has a second zero, or nearly one; written, it is the zero that says "none".
            assert 0 in each.sentinels
            assert not round(read.value, 9), each.point
            continue
        assert again.value == pytest.approx(read.value, rel=1e-6, abs=1e-9), each.point


@each_profile
def test_the_ends_of_every_register_s_range_are_written_as_they_are(profile_id: str) -> None:
    made = TEMPLATES[profile_id]
    for register in made.device_map.registers:
        for value in (register.low, register.high, (register.low + register.high) / 2):
            image = made.image | encode(register.field, value, made.image)
            found = value_in(register, image)
            assert found == pytest.approx(value, abs=register.tolerance, rel=1e-6), register.name


@walked_profiles
@settings(max_examples=25)
@given(seed=seeds)
def test_any_chain_of_models_gives_a_sound_map_or_is_refused(profile_id: str, seed: int) -> None:
    dice, profile = Random(seed), load(profile_id)
    assert profile.sunspec is not None
    ids = [1, 99, 64001, *(model_id for each in profile.sunspec.models for model_id in each.ids)]
    image = noise(dice, [span for each in fields_of_profile(profile_id) for span in each.spans if dice.random() < 0.5])
    at = profile.sunspec.bases[0]
    image |= {(Table.HOLDING, at + n): word for n, word in enumerate(MARKER)}
    at += len(MARKER)
    for model_id in dice.sample(ids, k=dice.randint(0, min(8, len(ids)))):
        layout = model(model_id)
        length = (
            dice.choice([1, 30, 200]) if layout is None else max(1, layout.size - HEADER + dice.choice([-3, 0, 20, 48]))
        )
        image |= noise(dice, [Block(Table.HOLDING, at, HEADER + length)])
        image |= {(Table.HOLDING, at): model_id, (Table.HOLDING, at + 1): length}
        at += HEADER + length
    image |= {(Table.HOLDING, at): END, (Table.HOLDING, at + 1): 0}
    try:
        _, device_map = ask_all(discover(profile), image)
    except DiscoveryError:
        return  # Said so, and nothing else came out.
    names = by_name(device_map.registers)
    assert all(write.register in names for each in device_map.controls for write in (*each.on, *each.off))
    assert_sound(device_map, image)


def fields_of_profile(profile_id: str) -> tuple[Field, ...]:
    profile = load(profile_id)
    return (*profile.fields, *(register.field for register in profile.registers), *profile.identity)
