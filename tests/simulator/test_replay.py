"""A recording, served again: what was recorded is answered, the rest is refused as the device refused it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_profiles.model import Table
from simulator.replay import read_recording
from simulator.unit import IllegalAddressError, IllegalFunctionError, Refusal

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
