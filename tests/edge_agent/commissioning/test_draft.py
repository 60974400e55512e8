"""What is known of a commissioning: kept and read back exactly, in order, and written as a site file that loads."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contract.commissioning import ControlVerdict, ReportedControl
from edge_agent.commissioning.draft import (
    Broker,
    Candidate,
    CheckDone,
    ControlDone,
    Draft,
    DraftError,
    FoundUnit,
    LoadStepDone,
    Place,
    Step,
    StepState,
    TakenDevice,
    Way,
    names_for,
    next_step,
    of_json,
    states,
    to_json,
    with_control,
    without_results,
)
from edge_agent.commissioning.site_yaml import site_yaml
from edge_agent.commissioning.walk_options import place_of_text, steps_of, taken_of, targets_of_text
from edge_agent.config import parse_config

LAN = Place(way=Way.TCP, host="192.0.2.1", port=502)
SITE = "E0000000001111"

texts = st.text(st.characters(codec="utf-8"), max_size=80)
shown = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=40)
profiles = st.sampled_from(("goodwe-et", "sdm630", "relay", "victron-gx"))
ways = st.builds(
    Place,
    way=st.sampled_from((Way.TCP, Way.RTU_OVER_TCP)),
    host=st.sampled_from(("192.0.2.1", "192.0.2.2", "gateway.example")),
    port=st.sampled_from((502, 1502)),
) | st.builds(
    Place,
    way=st.just(Way.RTU),
    host=st.sampled_from(("/dev/ttyUSB0", "/dev/serial/by-id/usb-1")),
    baudrate=st.sampled_from((9_600, 19_200)),
    parity=st.sampled_from("NEO"),
)


def is_possible(where: list[tuple[Place, int]]) -> bool:
    """A line is reached in one way, with one speed."""
    return len({place for place, _ in where}) == len({place.text for place, _ in where})


placed = st.lists(
    st.tuples(ways, st.integers(1, 247)), min_size=1, max_size=5, unique_by=lambda each: (each[0].text, each[1])
).filter(is_possible)


def control(device: str, kind: str, verdict: ControlVerdict) -> ControlDone:
    return ControlDone(at_ms=1, result=ReportedControl(device=device, control=kind, verdict=verdict))


@given(texts, texts, texts, st.integers(0, 2**50), placed, texts)
def test_a_draft_reads_back_as_it_was(
    name: str, technician: str, company: str, at_ms: int, where: list[tuple[Place, int]], told: str
) -> None:
    found = tuple(
        FoundUnit(place=place, unit=unit, candidates=(Candidate(profile="relay", sureness="possible", role="relay"),))
        for place, unit in where
    )
    devices = tuple(
        TakenDevice(id=f"d{n}", profile="relay", place=place, unit=unit, identity={"model": told})
        for n, (place, unit) in enumerate(where)
    )
    draft = Draft(
        started_ms=at_ms,
        site=SITE,
        name=name,
        technician=technician,
        company=company,
        broker=Broker(host="h"),
        found=found,
        devices=devices,
        check=CheckDone(at_ms=at_ms, devices=(), checks=()),
        load_step=LoadStepDone(at_ms=at_ms, load_w=2_000, is_proven=True),
        controls=(control("d0", "reserve", ControlVerdict.PASSED),),
        written_ms={"d0/reserve": at_ms},
        skipped=(Step.LOAD_STEP,),
        remarks=told,
    )
    assert of_json(to_json(draft)) == draft


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"v": 2}',
        b'{"v": 1, "colour": "red"}',
        b'{"v": 1, "devices": [{"id": "A b", "profile": "x", "place": {"way": "tcp", "host": "h"}, "unit": 1}]}',
        b'{"v": 1, "skipped": ["dance"]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b" " * 4_000_001,
    ],
    ids=["empty", "cut", "list", "version", "key", "name", "step", "bytes", "deep", "large"],
)
def test_what_is_no_draft_is_refused(data: bytes) -> None:
    with pytest.raises(DraftError):
        of_json(data)


@given(name=shown, technician=shown, told=texts, host=shown, where=placed, profile=profiles)
def test_the_site_file_loads_and_says_what_was_taken(
    name: str, technician: str, told: str, host: str, where: list[tuple[Place, int]], profile: str
) -> None:
    devices = tuple(
        TakenDevice(id=f"d{n}", profile=profile, place=place, unit=unit, identity={"model": told})
        for n, (place, unit) in enumerate(where)
    )
    draft = Draft(site=SITE, name=name, technician=technician, broker=Broker(host=host, port=8_883), devices=devices)
    config = parse_config(yaml.safe_load(site_yaml(draft)), Path("site.yaml"))
    assert (config.site, config.name, config.mqtt.host, config.mqtt.port) == (SITE, name, host, 8_883)
    read = {(device.id, device.profile, bus.place, device.unit) for bus in config.buses for device in bus.devices}
    assert read == {(device.id, profile, device.place.text, device.unit) for device in devices}
    for bus in config.buses:
        if bus.rtu is not None:
            assert (bus.rtu.baudrate, bus.rtu.parity) in {(p.baudrate, p.parity) for p, _ in where if p.way is Way.RTU}


def test_the_steps_come_in_their_order_and_an_outage_test_is_waited_for_by_nobody() -> None:
    draft = Draft()
    assert next_step(draft, has_config=False) is Step.SCAN
    device = TakenDevice(id="inverter", profile="goodwe-et", place=LAN, unit=247)
    draft = Draft(devices=(device,))
    assert next_step(draft, has_config=False) is Step.SITE
    draft = Draft(devices=(device,), technician="A")
    assert next_step(draft, has_config=True) is Step.CHECK
    draft = Draft(technician="A", check=CheckDone(at_ms=1, devices=(), checks=()))
    assert next_step(draft, has_config=True) is Step.LOAD_STEP
    draft = Draft(technician="A", check=draft.check, skipped=(Step.LOAD_STEP,))
    assert next_step(draft, has_config=True) is Step.CONTROLS
    assert states(draft, has_config=True)[Step.LOAD_STEP] is StepState.SKIPPED
    assert states(draft, has_config=True)[Step.BACKUP] is StepState.OPTIONAL
    untested = with_control(draft, control("inverter", "reserve", ControlVerdict.NOT_TESTED))
    assert next_step(untested, has_config=True) is Step.CONTROLS, "a test that could not be made proves nothing"
    tested = with_control(untested, control("inverter", "reserve", ControlVerdict.PASSED))
    assert len(tested.controls) == 1
    assert next_step(tested, has_config=True) is Step.FINISH


def test_without_results_only_what_people_said_is_left() -> None:
    draft = Draft(
        technician="A",
        check=CheckDone(at_ms=1, devices=(), checks=()),
        controls=(control("d", "reserve", ControlVerdict.PASSED),),
        report="reports/x",
        config_sha256="00",
    )
    assert without_results(draft) == Draft(technician="A")


def test_devices_are_named_by_what_they_measure_and_what_is_not_decided_is_not_taken() -> None:
    def unit(number: int, role: str, *, is_decided: bool = True, same_as: int | None = None) -> FoundUnit:
        candidate = Candidate(profile="sdm630", sureness="likely", role=role)
        return FoundUnit(place=LAN, unit=number, candidates=(candidate,), is_decided=is_decided, same_as=same_as)

    found = [unit(1, "inverter"), unit(2, "meter"), unit(3, "meter"), unit(4, "relay", is_decided=False)]
    named = names_for([*found, unit(5, "inverter", same_as=1)])
    assert [(device.id, device.unit) for device in named] == [("inverter", 1), ("meter", 2), ("meter2", 3)]


def test_options_are_read_as_people_write_them() -> None:
    device = taken_of("main=goodwe-et@192.0.2.1:1502/247")
    assert device is not None
    assert (device.id, device.profile, device.place.text, device.unit) == ("main", "goodwe-et", "192.0.2.1:1502", 247)
    serial = taken_of("m=sdm630@/dev/ttyUSB0/2")
    assert serial is not None
    assert (serial.place.way, serial.place.host, serial.unit) == (Way.RTU, "/dev/ttyUSB0", 2)
    for wrong in ("", "x", "a=b", "a=b@c", "a=b@c/256", "A=b@c/1", "a=b@c:0/1", "a=b@c d/1"):
        assert taken_of(wrong) is None, wrong
    assert place_of_text("192.0.2.7") == Place(way=Way.TCP, host="192.0.2.7", port=502)
    assert targets_of_text(" 192.0.2.0/24、/dev/ttyUSB0  a,b ") == ("192.0.2.0/24", "/dev/ttyUSB0", "a", "b")
    assert steps_of(["check", "load_step"]) == (Step.CHECK, Step.LOAD_STEP)
    assert steps_of(["all"]) == tuple(Step)
    assert steps_of(["check", "dance"]) == "dance"
