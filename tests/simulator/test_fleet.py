"""The synthetic city: always the same, spread like the real one, and never taken for it."""

from __future__ import annotations

import csv
import stat
from collections import Counter
from pathlib import Path

import pytest
import yaml

from contract.topics import is_site_id
from simulator.files import COLUMNS, EdgeSettings, Network, read_credentials, write_site, write_sites_csv
from simulator.fleet import SITES, WARDS, build
from simulator.spec import Archetype, Kind

CITY = build(SITES, 7)


def test_the_city_has_182_shelters_in_six_wards_as_in_the_plan() -> None:
    assert len(CITY) == SITES == 182
    wanted = {ward.name: ward.elementary + ward.junior_high + ward.centres for ward in WARDS}
    assert Counter(spec.ward for spec in CITY) == wanted
    assert Counter(spec.kind for spec in CITY) == {
        Kind.ELEMENTARY_SCHOOL: 90,
        Kind.JUNIOR_HIGH_SCHOOL: 45,
        Kind.COMMUNITY_CENTRE: 47,
    }


def test_the_same_seed_makes_the_same_city_and_a_small_fleet_is_a_part_of_it() -> None:
    assert build(SITES, 7) == CITY
    assert build(20, 7) == CITY[:20]
    assert build(SITES, 8) != CITY


def test_ids_and_names_are_unique_and_say_that_they_are_synthetic() -> None:
    for specs in (CITY, build(500, 7)):
        assert len({spec.id for spec in specs}) == len({spec.name for spec in specs}) == len(specs)
    for spec in CITY:
        assert is_site_id(spec.id)
        assert spec.id.startswith("E00000")
        assert spec.name.startswith("（合成）")
        assert spec.name_en.startswith("Synthetic ")
    assert CITY[0].id == "E0000000001111"


def test_every_beginning_of_the_fleet_is_spread_over_all_wards() -> None:
    assert {spec.ward for spec in CITY[:18]} == {ward.name for ward in WARDS}


def test_sizes_are_those_of_the_reference_system_and_its_sisters() -> None:
    reference = [spec for spec in CITY if spec.plant.pv_w == 47_520]
    assert len(reference) > 20
    assert {spec.plant.inverter_w for spec in reference} == {33_000}
    assert {spec.plant.capacity_wh for spec in reference} == {26_100}
    for spec in CITY:
        assert 8_640 <= spec.plant.pv_w <= 47_520
        assert spec.plant.capacity_wh in {16_400, 26_100}
        assert 0.5 <= spec.plant.inverter_w / spec.plant.pv_w <= 0.95
        assert spec.plant.backup_w <= spec.plant.inverter_w
        assert spec.reserve_pct < 100
        assert 35.50 < spec.latitude < 35.73
        assert 140.02 < spec.longitude < 140.30


def test_all_archetypes_occur_and_can_be_restricted() -> None:
    assert {spec.archetype for spec in CITY} == set(Archetype)
    assert {spec.archetype for spec in build(40, 7, (Archetype.HUAWEI,))} == {Archetype.HUAWEI}


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(ValueError, match="sites must be 1 to 99999, got 0"):
        build(0, 7)


def test_the_site_list_has_the_registrys_columns(tmp_path: Path) -> None:
    write_sites_csv(tmp_path / "sites.csv", CITY)
    with (tmp_path / "sites.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == SITES
    assert rows[0]["pv_kw"] == "47.52"
    assert {row["synthetic"] for row in rows} == {"true"}


def test_a_sites_configuration_names_its_devices_and_keeps_the_password_apart(tmp_path: Path) -> None:
    spec = CITY[0]
    settings = EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=2883, passwords={spec.id: "geheim"}, keep_delivered=True)
    path = write_site(tmp_path / spec.id, spec, "127.42.0.1", Network(), settings)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config["site"] == spec.id
    assert config["outbox"] == {"path": "outbox.sqlite", "bytes_max": 268_435_456, "keep_delivered": True}
    assert config["mqtt"] == {
        "host": "127.0.0.1",
        "port": 2883,
        "username": spec.id,
        "password_file": "mqtt.password",
    }
    assert [bus["tcp"]["port"] for bus in config["buses"]] == [15_020, 15_021]
    units = {device["id"]: device["unit"] for bus in config["buses"] for device in bus["devices"]}
    assert units == {"inverter": 1, "meter": 2, "relay": 3}
    secret = tmp_path / spec.id / "mqtt.password"
    assert secret.read_text() == "geheim\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "geheim" not in path.read_text(encoding="utf-8")


def test_without_credentials_nothing_is_said_of_them(tmp_path: Path) -> None:
    settings = EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=1883)
    path = write_site(tmp_path, CITY[3], Network().host(3), Network(), settings)
    assert "username" not in path.read_text(encoding="utf-8")
    assert not (tmp_path / "mqtt.password").exists()


def test_hundreds_of_sites_have_addresses_of_their_own() -> None:
    network = Network()
    hosts = [network.host(index) for index in range(1_000)]
    assert len(set(hosts)) == 1_000
    assert hosts[0] == "127.42.0.1"
    assert hosts[250] == "127.42.1.1"


def test_a_credentials_file_with_faults_names_every_line(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("E0000000001111 one\nE0000000002111\n\nE0000000003111 three\njust-a-word\n")
    with pytest.raises(ValueError, match="want 'site-id password'") as caught:
        read_credentials(path)
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["2", "5"]
