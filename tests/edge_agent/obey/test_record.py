"""A recording of a device decodes to what the device said, and it never writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.readings import Quality
from device_profiles.dump import decode_dump, read_dump
from device_profiles.load import load, profile_ids
from device_profiles.model import Block, Table
from device_profiles.signs import block_of, in_words, object_of
from edge_agent.config import DeviceConfig
from edge_agent.io.bus import LinkDown
from edge_agent.poll import Bus, monotonic_ms
from edge_agent.record import Notes, NotingLine, SweepError, as_file, parse_sweep, record
from edge_agent.session import DeviceSession
from simulator.replay import read_recording
from tests.edge_agent.fieldbus.parts import FakeLine
from tests.edge_agent.fieldbus.plants import registers_of

FAMILIES = ["huawei-sun2000", "goodwe-et", "sungrow-sh", "sunspec", "sdm630", "relay"]


def session_of(profile: str, unit: int = 1) -> DeviceSession:
    return DeviceSession(DeviceConfig(id="device", profile=profile, unit=unit, timeout_s=0.1), load(profile))


async def recorded(profile: str, line: FakeLine, *, with_serial: bool = False, sweep: str = "") -> tuple[Notes, dict]:  # type: ignore[type-arg]
    session = session_of(profile)
    sweeps = [parse_sweep(sweep)] if sweep else []
    notes = await record(Bus("bus", line, [session]), session, load(profile), sweeps=sweeps, sweep_pause_s=0)
    return notes, as_file(notes, session, at_ms=1_764_000_000_000, software="test", with_serial=with_serial)


@pytest.mark.parametrize("profile", FAMILIES)
async def test_a_recording_decodes_to_what_the_session_reads(profile: str, tmp_path: Path) -> None:
    line = FakeLine({1: registers_of(profile)})
    _, made = await recorded(profile, line)
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    decoded = decode_dump(load(profile), read_dump(path))
    polled = await session_of(profile).poll(line, slow=True, now_ms=monotonic_ms())
    # What the device refused is no word in a file, so it decodes to nothing instead of to a refusal.
    kept = [r for r in (*polled.readings, *polled.once) if r.quality is not Quality.ILLEGAL_ADDRESS]
    assert kept
    assert {r.point: (decoded.points[r.point].value, decoded.points[r.point].quality) for r in kept} == {
        r.point: (r.value, r.quality) for r in kept
    }


@pytest.mark.parametrize("profile", [each for each in profile_ids() if load(each).detect])
async def test_a_recording_holds_the_signs_that_the_family_is_known_by(profile: str) -> None:
    notes, _ = await recorded(profile, FakeLine({1: registers_of(profile)}))
    signs = [sign for sign in load(profile).detect if object_of(sign) is None]
    shown = [
        in_words(sign, [notes.words[b.table, at] for at in range(b.start, b.end)])
        for sign in signs
        for b in [block_of(sign)]
    ]
    assert all(each.holds for each in shown)


async def test_it_can_be_served_again_with_its_registers_refusals_and_texts(tmp_path: Path) -> None:
    line = FakeLine({1: registers_of("relay")})
    line.texts = {0: "Maker", 1: "R8"}
    _, made = await recorded("relay", line, sweep="holding:0-3")
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    served = read_recording(path)
    assert served.objects == line.texts
    assert (served.unit, served.profile) == (1, "relay")
    assert served.recorded_at == "2025-11-24T16:00:00+00:00"
    assert served.exceptions == {(Table.HOLDING, at): 2 for at in range(4)}
    assert served.read(Table.COIL, 0, 8) == [1] * 8


async def test_serial_numbers_are_masked_unless_asked_for() -> None:
    line = FakeLine({1: registers_of("sunspec")})
    for with_serial in (False, True):
        _, made = await recorded("sunspec", line, with_serial=with_serial)
        kept = {int(at): word for at, word in made["holding"].items()}
        given = {at: word for (table, at), word in line.units[1].items() if table is Table.HOLDING and at in kept}
        assert (kept == given) is with_serial
        assert made["masked"] == ([] if with_serial else ["serial"])


async def test_a_sweep_reads_what_the_profile_does_not_know_and_notes_what_is_not_there() -> None:
    registers = registers_of("relay") | {(Table.HOLDING, at): at for at in (100, 101, 150)}
    notes, _ = await recorded("relay", FakeLine({1: registers}), sweep="holding:99-151")
    assert {at for table, at in notes.words if table is Table.HOLDING} == {100, 101, 150}
    missing = {at for table, at in notes.exceptions if table is Table.HOLDING}
    assert missing == set(range(99, 152)) - {100, 101, 150}


@pytest.mark.parametrize(
    "text", ["", "holding", "holding:5-1", "holding:0-70000", "hold:1-2", "input:0-30000", "coil:-1-2"]
)
def test_a_range_that_can_not_be_read_is_said(text: str) -> None:
    with pytest.raises(SweepError, match="--sweep"):
        parse_sweep(text)


async def test_a_device_that_is_not_there_is_not_saved() -> None:
    with pytest.raises(LinkDown):
        await recorded("sdm630", FakeLine({}))


async def test_a_device_of_another_family_is_saved_as_far_as_it_answers() -> None:
    notes, _ = await recorded("sunspec", FakeLine({1: registers_of("sdm630")}))
    assert any("SunSpec" in each for each in notes.silent)


async def test_the_line_of_a_recording_can_not_write() -> None:
    with pytest.raises(PermissionError):
        await NotingLine(FakeLine({}), Notes()).write(Block(Table.HOLDING, 1, 1), (1,), 1, timeout_s=1)
