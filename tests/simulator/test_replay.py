"""A recording, served again: what was recorded is answered, the rest is refused as the device refused it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from device_profiles.discover import static_map
from device_profiles.dump import decode_dump
from device_profiles.load import Profile, load
from device_profiles.model import DeviceMap, Field, Table
from simulator.replay import read_recording
from simulator.server import DevicePort
from simulator.unit import IllegalAddressError, IllegalFunctionError, Refusal
from tests.simulator.support import read_fields
from tests.support import CAPTURES

DUMP = {
    "profile": "huawei-sun2000",
    "unit_id": 3,
    "holding": {"30000": 1, "30001": 2, "30010": 5},
    "input": {"7": 9},
    "exceptions": {"holding": {"30002": 4}},
}


def written(folder: Path, content: Any) -> Path:
    path = folder / "dump.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_what_was_recorded_is_answered_and_the_rest_refused(tmp_path: Path) -> None:
    recording = read_recording(written(tmp_path, DUMP))
    assert recording.unit == 3
    assert recording.counts() == {"holding": 3, "input": 1}
    assert recording.read(Table.HOLDING, 30_000, 2) == [1, 2]
    assert recording.read(Table.INPUT, 7, 1) == [9]
    with pytest.raises(IllegalAddressError):
        recording.read(Table.HOLDING, 30_009, 2)
    with pytest.raises(Refusal) as refused:
        recording.read(Table.HOLDING, 30_001, 2)
    assert refused.value.answered == 4
    with pytest.raises(IllegalFunctionError):
        recording.write(Table.HOLDING, 30_000, [1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "want an object"),
        ({}, "no registers in it"),
        ({"holding": {"x": 1}}, "no register number or word"),
        ({"holding": {"1": 1}, "unit_id": 900}, "unit_id: 900 is no unit"),
        ({"holding": {"1": 1}, "exceptions": {"holding": {"2": 0}}}, "no exception code"),
        ({"holding": {"1": 1}, "exceptions": {"coils": {}}}, "want holding, input, coil or discrete"),
    ],
)
def test_a_file_that_is_no_recording_says_why(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_recording(written(tmp_path, content))


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("registers/*.json")), ids=lambda path: path.stem)
async def test_a_recorded_device_reads_as_its_recording_decodes(path: Path) -> None:
    recording = read_recording(path)
    profile = load(recording.profile)
    wanted = {point: each.value for point, each in decode_dump(profile, recording.image).points.items()}
    door = DevicePort("127.0.0.1", 0, {recording.unit: recording})
    await door.open()
    client = AsyncModbusTcpClient("127.0.0.1", port=door.port, timeout=5, retries=0, reconnect_delay=0)
    try:
        assert await client.connect()
        found: dict[str, float | None] = {}
        for field in static_map(profile).fields:
            # One field at a time: a recording has holes that a block would run into.
            read = await read_fields(client, recording.unit, one(profile, field), [field])
            found |= {point: reading.value for point, reading in read.items()}
    finally:
        client.close()
        await door.close()
    both = {point for point, value in found.items() if value is not None and wanted.get(point) is not None}
    assert both or profile.sunspec is not None
    assert {point: found[point] for point in both} == {point: wanted[point] for point in both}


def one(profile: Profile, field: Field) -> DeviceMap:
    return DeviceMap(profile=profile.id, fields=(field,), limits=profile.limits)
