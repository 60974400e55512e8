"""A site file: what it means, and how it says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from device_profiles.load import load
from edge_agent.config import ConfigError, SiteConfig, load_config, parse_config
from edge_agent.config_faults import in_words
from edge_agent.io.bus import RtuOverTcpAddress
from edge_agent.plant import line_of

GOOD = """
site: E0000000001111
name: 中央第一小学校
interval_s: 5
slow_interval_s: 60
outbox: {path: outbox.sqlite, bytes_max: 268435456, keep_delivered: false}
mqtt: {host: 127.0.0.1, port: 1883, username: E0000000001111, password_file: mqtt.password, tls: {ca_file: ca.pem}}
buses:
  - id: inverter
    tcp: {host: 127.42.0.1, port: 15020}
    devices: [{id: inverter, profile: huawei-sun2000, unit: 1}]
  - id: gateway
    rtu: {port: /dev/ttyUSB0, baudrate: 9600, parity: N, stopbits: 1}
    devices: [{id: meter, profile: sdm630, unit: 2}, {id: relay, profile: relay, unit: 3}]
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(yaml.safe_load(text), Path("site.yaml"))
    return [line.removeprefix("site.yaml: ") for line in str(caught.value).splitlines()]


def test_a_site_file_is_read_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    config = load_config(path)
    assert config.site == "E0000000001111"
    assert config.name == "中央第一小学校"
    assert config.outbox.path == tmp_path / "outbox.sqlite"
    assert config.mqtt.password_file == tmp_path / "mqtt.password"
    assert config.mqtt.tls is not None
    assert config.mqtt.tls.ca_file == tmp_path / "ca.pem"
    assert [device.id for device in config.devices] == ["inverter", "meter", "relay"]
    assert config.slow_every == 12


def test_little_is_enough() -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "broker"},
        "buses": [{"id": "a", "tcp": {"host": "h"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
    }
    config = parse_config(raw, Path("site.yaml"))
    assert (config.interval_s, config.slow_interval_s, config.mqtt.port) == (5, 60, 1883)
    assert config.buses[0].tcp is not None
    assert config.buses[0].tcp.port == 502
    assert config.buses[0].devices[0].unit == 1


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    text = (
        GOOD.replace("E0000000001111\nname", "X1\nname")
        .replace("interval_s: 5\n", "intervall_s: 5\n")
        .replace("profile: sdm630", "profile: sdm360")
        .replace("parity: N", "parity: Q")
        .replace("{id: relay", "{id: meter")
        .replace("unit: 3", "unit: 2")
        .replace("- id: gateway", "- id: inverter")
        .replace("port: 15020", "port: 99999")
    )
    faults = faults_of(text)
    assert "site: 'X1' is no national shelter ID such as E0000000001111" in faults
    assert "intervall_s: unknown key, perhaps 'interval_s'?" in faults
    assert "buses[1].devices[0].profile: unknown profile 'sdm360', perhaps 'sdm630'?" in faults
    assert "buses[1].devices[1].id: device id 'meter' is there 2 times" in faults
    assert "buses[1].devices[1].unit: unit on this bus 2 is there 2 times" in faults
    assert "buses[1].id: bus id 'inverter' is there 2 times" in faults
    assert any(fault.startswith("buses[1].rtu.parity: ") and fault.endswith("got 'Q'") for fault in faults)
    assert any(fault.startswith("buses[0].tcp.port: ") and "99999" in fault for fault in faults)
    assert len(faults) == 8


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("slow_interval_s: 60", "slow_interval_s: 2", "slow_interval_s: 2 is shorter than interval_s 5"),
        (
            "rtu: {port: /dev/ttyUSB0, baudrate: 9600, parity: N, stopbits: 1}",
            "tcp: {host: 127.42.0.1, port: 15020}",
            "buses[1].tcp: address of a line '127.42.0.1:15020' is there 2 times",
        ),
        ("interval_s: 5\n", "interval_s: 0\n", "interval_s: "),
        ("tcp: {host: 127.42.0.1, port: 15020}", "tpc: {}", "buses[0].tpc: unknown key, perhaps 'tcp'?"),
        ("tcp: {host: 127.42.0.1, port: 15020}", "tcp: ~", "buses[0]: want either tcp"),
        ("id: relay, ", "id: site, ", "buses[1].devices[1]: the id 'site' belongs to the derived values"),
        ("password_file: mqtt.password", "password: secret", "mqtt.password: unknown key, perhaps 'password_file'?"),
        ("ca_file: ca.pem", "cert_file: a.pem", "mqtt.tls: cert_file and key_file belong together"),
        (
            "unit: 3",
            "unit: 3, without: [batery]",
            "buses[1].devices[1].without[0]: unknown point or group 'batery', per",
        ),
        (
            "rtu: {port: /dev/ttyUSB0, baudrate: 9600, parity: N, stopbits: 1}",
            "rtu_over_tcp: {host: 127.42.0.1, port: 15020}",
            "buses[1].rtu_over_tcp: address of a line '127.42.0.1:15020' is there 2 times",
        ),
        (
            "rtu: {port: /dev/ttyUSB0, baudrate: 9600, parity: N, stopbits: 1}",
            "rtu_over_tcp: {host: 127.42.0.9}",
            "buses[1].rtu_over_tcp.port: missing",
        ),
        (
            "tcp: {host: 127.42.0.1, port: 15020}",
            "rtu: {port: /dev/ttyUSB9}\n    tcp: {host: 127.42.0.1}",
            "buses[0]: want either tcp",
        ),
        ("interval_s: 5\n", "interval_s: 5\npage: {port: 8080}\n", "page.pin_file: missing"),
        ("interval_s: 5\n", "interval_s: 5\npage: {pin_file: 4711}\n", "page.pin_file: "),
        ("interval_s: 5\n", "interval_s: 5\npage: {pin_file: p, prot: 1}\n", "page.prot: unknown key, perhaps 'port'?"),
        ("id: inverter, profile", "id: In Verter, profile", "buses[0].devices[0].id: "),
    ],
)
def test_a_fault_names_its_place_and_what_is_likely_meant(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    faults = faults_of(GOOD.replace(old, new, 1))
    assert any(found.startswith(fault) for found in faults), faults


def test_what_is_missing_is_named() -> None:
    assert set(faults_of("name: x")) == {"site: missing", "mqtt: missing", "buses: missing"}


@pytest.mark.parametrize(
    "text", ["- a", "", "5", "buses: 3", "buses: [1, {devices: 5}, {devices: [7]}]", "buses: {a: 1}"]
)
def test_a_file_of_any_other_shape_is_a_fault_and_not_a_crash(text: str) -> None:
    assert faults_of(text)


def test_a_file_that_is_not_yaml_or_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml")
    path = tmp_path / "site.yaml"
    path.write_bytes(b"site: [\xff")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "english", "japanese"),
    [
        ("site： x\n", "line 1: full-width '：', want ':'", "全角の '：' があります"),
        ("site: x\nbuses:\n\t- id: a\n", "line 3: tab", "タブがあります"),
        ("site: [x\nmqtt: {host: h}\n", "line 2: no closing bracket", "閉じていません"),
        ("site: x\nmqtt: {host: h}\nsite: y\n", "line 3: the key 'site' is there twice", "2 回あります"),
        ("site: x\nmqqt: {host: h}\n", "mqqt: unknown key, perhaps 'mqtt'?", "mqtt の間違いでは?"),
        ("site: x\n", "mqtt: missing", "必須のキーがありません"),
    ],
)
def test_typing_faults_are_told_in_plain_words_of_both_languages(
    tmp_path: Path, text: str, english: str, japanese: str
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert english in str(caught.value)
    told = in_words(str(caught.value), "ja")
    assert told.startswith("設定ファイルに ")
    assert english in told, "the place stays as it is written"
    assert japanese in told


def test_a_full_width_sign_inside_a_name_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD.replace("中央第一小学校", "中央：第一（小）"), encoding="utf-8")
    assert load_config(path).name == "中央：第一（小）"


def test_a_secret_can_not_stand_in_the_file() -> None:
    assert not {"password", "key", "token"} & set(SiteConfig.model_fields["mqtt"].annotation.model_fields)  # type: ignore[union-attr]


def test_a_converter_and_the_page_are_read_and_paths_are_the_file_s_own() -> None:
    text = GOOD.replace(
        "rtu: {port: /dev/ttyUSB0, baudrate: 9600, parity: N, stopbits: 1}",
        "rtu_over_tcp: {host: 127.42.0.7, port: 4196, baudrate: 19200}",
    ).replace("interval_s: 5\n", "interval_s: 5\npage: {host: 127.42.0.1, pin_file: page.pin}\n", 1)
    config = parse_config(yaml.safe_load(text), Path("/etc/shelter/site.yaml"))
    assert config.page is not None
    assert (config.page.host, config.page.port) == ("127.42.0.1", 8080)
    assert config.page.pin_file == Path("/etc/shelter/page.pin")
    assert config.buses[1].place == "127.42.0.7:4196"
    line = line_of(config.buses[1], [load("sdm630")])
    assert line.address == RtuOverTcpAddress(host="127.42.0.7", port=4196)


@pytest.mark.parametrize(
    ("given", "hint"),
    [("hauwei", "perhaps 'huawei-sun2000'?"), ("growatt", "want one of"), ("solar-edge", "'solaredge'")],
)
def test_a_profile_is_guessed_by_its_maker_and_another_maker_is_not(given: str, hint: str) -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "h"},
        "buses": [{"id": "a", "tcp": {"host": "h"}, "devices": [{"id": "d", "profile": given}]}],
    }
    with pytest.raises(ConfigError, match=f"unknown profile '{given}'.*{hint.replace('?', '[?]')}"):
        parse_config(raw, Path("site.yaml"))
