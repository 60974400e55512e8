"""Registers of real devices that nobody here recorded, against what their recorders say they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_profiles.discover import discover
from device_profiles.dump import decode_dump, read_dump
from device_profiles.image import run
from device_profiles.load import load, profile_ids
from tests.device_profiles.helpers import step_of
from tests.support import CAPTURES

FOLDER = CAPTURES / "registers"
FILES = sorted(FOLDER.glob("*.json"))


def capture(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if read["profile"] not in profile_ids():
        pytest.skip(f"no profile {read['profile']} in the library yet")
    return read


@pytest.mark.skipif(not FILES, reason=f"NOT TESTED: no recorded registers in {FOLDER}")
@pytest.mark.parametrize("path", FILES or [None], ids=lambda p: p.stem if p else "none")
def test_a_recorded_device_says_what_its_recorder_saw(path: Path) -> None:
    expected = capture(path)
    profile, image = load(expected["profile"]), read_dump(path)
    decoded = decode_dump(profile, image)
    fields = {each.point: each for each in run(discover(profile), image).fields}
    for point, value in expected["expected"].items():
        step = step_of(fields[point], image) if point in fields else 1
        assert decoded.points[point].value == pytest.approx(value, abs=step / 2 + 1e-9), point
    for point in expected["expected_bad"]:
        assert not decoded.points[point].quality.is_good, point
        assert decoded.points[point].value is None
