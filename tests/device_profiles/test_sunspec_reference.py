"""Our reading of SunSpec's models beside that of the reference implementation."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.readings import Quality
from device_profiles.codec import decode
from device_profiles.discover import discover
from device_profiles.sunspec_models import TYPES, model
from tests.device_profiles.helpers import ask_all, image_of
from tests.device_profiles.test_sunspec import SUNSPEC, chain


def test_our_types_and_missing_values_are_those_of_the_reference_implementation() -> None:
    mb = pytest.importorskip("sunspec2.mb")
    for kind, (_, sentinels) in TYPES.items():
        if kind in {"pad", "string", "float32", "float64", "bitfield64", "enum32"}:
            continue
        raw = int.from_bytes(mb.create_unimpl_value(kind), "big")
        assert sentinels == {raw}, kind


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([103, 113, 203, 213, 802, 124, 713, 701]), st.binary(min_size=320, max_size=320))
def test_random_registers_decode_as_the_reference_implementation_does(number: int, raw: bytes) -> None:
    device = pytest.importorskip("sunspec2.device")
    layout = model(number)
    assert layout is not None
    words = list(struct.unpack(f">{len(raw) // 2}H", raw))[: layout.size]
    words[0], words[1] = number, layout.size - 2
    # Scale factors that may be: most random ones are not.
    for point in layout.points.values():
        if point.kind == "sunssf":
            words[point.offset] = (words[point.offset] % 5 - 3) & 0xFFFF
    image = chain()
    end = max(address for _, address in image) - 1
    image |= image_of(end, [*words, 0xFFFF, 0])
    theirs = device.Model(number, data=struct.pack(f">{len(words)}H", *words), model_len=layout.size - 2)
    _, device_map = ask_all(discover(SUNSPEC), image)
    for each in device_map.fields:
        name = each.source.rpartition(", ")[2]
        if each.states or each.mask:
            continue
        wanted = theirs.points[name].cvalue
        got = decode(each, image)
        assert got is not None
        if got.value is not None:
            assert got.value == pytest.approx(wanted, rel=1e-9)
        elif got.quality is Quality.NOT_AVAILABLE:
            assert wanted is None or math.isnan(wanted) or wanted == 0
