"""Registers of right devices read with wrong profiles: the mistake is named, the right profile is left in peace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from device_profiles.discover import discover
from device_profiles.image import run
from device_profiles.load import load
from device_profiles.model import Field, ValueType, WordOrder
from edge_agent.core.judging.decoding import Recorded, judge_decoding, shifted
from tests.edge_agent.judging.parts import NOON_MS, inverters, meters, site

HYBRIDS = ("goodwe-et", "huawei-sun2000", "sungrow-sh")


def recorded(profile: str, device: str = "inverter") -> Recorded:
    """A simulated device of a family at noon: its map and registers."""
    made = site(profile if device == "inverter" else "sunspec", meter="sdm630" if device == "inverter" else profile)
    made.advance(NOON_MS + 60_000)
    image = made.devices[device].registers()
    return Recorded(run(discover(load(profile)), image), image)


def changed(seen: Recorded, change: Callable[[Field], Field]) -> Recorded:
    """The same registers under a map whose fields are all changed."""
    return Recorded(replace(seen.device_map, fields=tuple(map(change, seen.device_map.fields))), seen.image)


def told(seen: Recorded) -> list[tuple[str, object]]:
    return [(finding.kind, finding.facts.get("how", "")) for finding in judge_decoding("d", "p", seen)]


def devices() -> Iterator[tuple[str, str]]:
    yield from ((profile, "inverter") for profile in inverters())
    yield from ((profile, "meter") for profile in meters())


@pytest.mark.parametrize(("profile", "device"), devices())
def test_a_right_profile_is_left_in_peace(profile: str, device: str) -> None:
    assert told(recorded(profile, device)) == []


def other_words(field: Field) -> Field:
    order = WordOrder.LITTLE if field.word_order is WordOrder.BIG else WordOrder.BIG
    return replace(field, word_order=order)


@pytest.mark.parametrize("profile", HYBRIDS)
def test_a_profile_with_the_other_word_order_is_named(profile: str) -> None:
    assert told(changed(recorded(profile), other_words)) == [("swapped_words", "word_order")]


@pytest.mark.parametrize("profile", ["sdm630", "carlo-gavazzi"])
def test_a_meter_with_the_other_word_order_is_named(profile: str) -> None:
    assert told(changed(recorded(profile, "meter"), other_words)) == [("swapped_words", "word_order")]


@pytest.mark.parametrize("profile", HYBRIDS)
@pytest.mark.parametrize("by", [1, -1])
def test_a_profile_that_is_one_address_off_is_named(profile: str, by: int) -> None:
    wrong = changed(recorded(profile), lambda field: shifted(field, by))
    assert told(wrong) == [("off_by_one", f"{-by:+d}")]


@pytest.mark.parametrize("profile", HYBRIDS)
def test_swapped_bytes_are_named(profile: str) -> None:
    seen = recorded(profile)
    image = {key: (word & 0xFF) << 8 | word >> 8 for key, word in seen.image.items()}
    assert told(Recorded(seen.device_map, image)) == [("swapped_bytes", "bytes")]


def test_a_single_point_that_is_wrong_is_named_with_the_reading_that_fits() -> None:
    seen = recorded("huawei-sun2000")

    def tenfold(field: Field) -> Field:
        return replace(field, scale=field.scale * 10) if field.point == "grid.frequency_hz" else field

    (finding,) = judge_decoding("d", "p", changed(seen, tenfold))
    assert (finding.kind, finding.facts["point"], finding.facts["how"]) == ("implausible", "grid.frequency_hz", "×10")
    assert finding.facts["likely"] == pytest.approx(50, abs=0.1)


def test_a_mark_for_no_value_that_is_read_as_a_number_is_named() -> None:
    seen = recorded("goodwe-et")
    field = next(f for f in seen.device_map.fields if f.point == "inverter.temperature_c")
    assert field.type is ValueType.S16
    image = {**seen.image, (field.table, field.address): 0x7FFF}
    known = seen.device_map
    assert told(Recorded(known, image)) == []
    blind = replace(known, fields=tuple(replace(f, sentinels=frozenset()) for f in known.fields))
    assert ("sentinel", "") in told(Recorded(blind, image))
