"""What is to be scanned, how it is asked, and how long it takes: plain values."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.load import load
from device_profiles.model import Block, Table
from edge_agent.commissioning.networks import (
    HostTarget,
    NetworkTarget,
    SerialTarget,
    TargetError,
    insisted,
    own_networks,
    parse_target,
    plan_of,
)
from edge_agent.commissioning.ports import (
    BAUDRATES,
    UNITS,
    Pacing,
    Questions,
    estimate,
    ports_of,
    probes_of,
    questions,
    settings,
    strictest,
    units_of,
)
from edge_agent.commissioning.words_scan import SCAN, TARGETS, duration, target_error_in_words
from tests.edge_agent.commissioning.scan_parts import PROFILES


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("192.168.1.20", HostTarget("192.168.1.20")),
        (" inverter-1.local:1502 ", HostTarget("inverter-1.local", 1502)),
        ("192.168.1.7/24", NetworkTarget(ipaddress.IPv4Network("192.168.1.0/24"))),
        ("/dev/ttyUSB0", SerialTarget("/dev/ttyUSB0")),
        ("COM3", SerialTarget("COM3")),
    ],
)
def test_targets_are_understood(text: str, target: object) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("192.168.1.0/33", "bad_network"),
        ("192.168.1", "bad_host"),
        ("192.168.1.300", "bad_host"),
        ("", "bad_host"),
        ("192.168.1.20:0", "bad_port"),
        ("192.168.1.20:modbus", "bad_port"),
        ("fe80::1", "ipv6"),
        ("fe80::/64", "ipv6"),
        ("a b", "bad_host"),
    ],
)
def test_bad_targets_say_how_to_write_them(text: str, kind: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert caught.value.kind == kind
    for lang in TARGETS:
        assert text in target_error_in_words(caught.value, lang)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_target_or_an_error_in_words(text: str) -> None:
    try:
        said = repr(parse_target(text))
    except TargetError as error:
        said = "".join(target_error_in_words(error, lang) for lang in TARGETS)
    assert said


def test_a_network_is_listed_once_with_its_ports_and_named_hosts_keep_theirs() -> None:
    plan = plan_of([parse_target("10.0.0.0/29"), parse_target("10.0.0.3:1502"), parse_target("/dev/ttyS1")], (502,))
    assert len(plan.hosts) == 6
    assert dict(plan.hosts)["10.0.0.3"] == (502, 1502)
    assert plan.connections == 7
    assert plan.serial == ("/dev/ttyS1",)
    assert plan.doubts == ()


def test_large_and_public_networks_need_a_yes() -> None:
    targets = [parse_target("10.0.0.0/21"), parse_target("8.8.8.0/24"), parse_target("10.9.9.9")]
    plan = plan_of(targets, (502,))
    assert [doubt.kind for doubt in plan.doubts] == ["too_large", "not_private"]
    assert plan_of([parse_target("10.0.0.0/22")], (502,)).doubts == ()
    assert len(insisted(targets, (502,)).hosts) == 2046 + 254 + 1


def test_a_huge_network_is_not_even_listed_before_somebody_said_yes() -> None:
    assert plan_of([parse_target("10.0.0.0/8")], (502,)).hosts == ()


def test_own_networks_are_networks() -> None:
    for network in own_networks():
        assert isinstance(parse_target(network), NetworkTarget)


def test_before_it_is_known_who_answers_the_pace_is_that_of_the_most_delicate() -> None:
    pacing = strictest(PROFILES)
    assert pacing.connect_delay_s == max(each.limits.connect_delay_s for each in PROFILES) >= 1.0
    assert pacing.request_interval_s == max(each.limits.request_interval_s for each in PROFILES) > 0
    assert strictest(()) == Pacing(0.0, 0.0)


def test_usual_ports_and_units_come_from_the_profiles_most_common_first() -> None:
    assert ports_of(PROFILES)[0] == 502
    assert units_of(PROFILES)[0] == 1
    one, other = load("sdm630"), replace(load("sdm630"), units=(7, 9), ports=(1502,))
    assert units_of((replace(one, units=(9,)), other)) == (9, 7)


def test_a_unit_is_asked_for_one_register_of_each_table_that_its_families_use() -> None:
    profiles = (load("sdm630"), load("huawei-sun2000"), load("relay"))
    unit = profiles[0].units[0]
    tables = [block.table for block in probes_of(profiles, unit)]
    assert len(tables) == len(set(tables))
    assert Table.INPUT in tables
    assert probes_of(profiles, 240) == ()
    for profile in PROFILES:
        for hole in profile.limits.holes:
            for block in probes_of((profile,), profile.units[0]):
                assert block.end <= hole.start or hole.end <= block.start or block.table is not hole.table


def test_all_units_come_after_the_usual_ones_each_once() -> None:
    asked = questions(PROFILES, all_units=True)
    units = [unit for unit, _ in asked.of]
    assert len(units) == len(set(units))
    assert set(UNITS) <= set(units)
    assert tuple(units[: len(asked.usual)]) == units_of(PROFILES)
    assert questions(PROFILES, units=(42,)) == Questions(((42, (Block(Table.HOLDING, 0, 1),)),), frozenset({42}))


def test_serial_settings_start_with_the_usual_and_keep_what_was_given() -> None:
    assert settings(baudrate=None, parity=None, try_all=False) == ((9_600, "N"),)
    every = settings(baudrate=None, parity=None, try_all=True)
    assert every[0] == (9_600, "N")
    assert len(set(every)) == len(every) == len(BAUDRATES) * 3
    assert settings(baudrate=19_200, parity=None, try_all=True) == ((19_200, "N"), (19_200, "E"), (19_200, "O"))
    assert settings(baudrate=None, parity="E", try_all=False) == ((9_600, "E"),)


def test_the_estimate_is_what_silence_costs() -> None:
    asked = questions((), units=range(1, 11))
    takes = estimate(254, 1, asked, Pacing(1.0, 0.0), rate=20, timeout_s=0.8)
    assert takes.sweep_s == pytest.approx(12.7)
    assert takes.port_s == pytest.approx(10 * 1.85)
    assert takes.serial_s == pytest.approx(2 * 10 * 0.8)


def test_both_languages_say_the_same_things() -> None:
    assert SCAN["ja"].keys() == SCAN["en"].keys()
    assert TARGETS["ja"].keys() == TARGETS["en"].keys()
    assert (duration(0.2, "ja"), duration(90, "en"), duration(300, "ja")) == ("1 秒", "90 s", "5 分")
