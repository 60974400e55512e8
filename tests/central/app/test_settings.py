"""Settings: which source holds, and faults that say where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.settings import SettingsError, StoreKind, load, read_secret


def test_the_command_line_holds_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "central.yaml"
    file.write_text("data: here\nmqtt: {host: file, port: 1, user: file}\nhttp: {port: 2}\ncity: {name: 市}\n")
    environment = {"SHELTER_MQTT_PORT": "3", "SHELTER_MQTT_USER": "environment", "PATH": "x", "SHELTER_MQTT_HOST": "e"}
    settings = load(file, environment, {"mqtt.host": "line", "http.host": None}, data=tmp_path)
    assert (settings.mqtt.host, settings.mqtt.port, settings.mqtt.user) == ("line", 3, "environment")
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 2)
    assert (settings.city.name, settings.city.name_en) == ("市", "Chiba City")
    assert settings.data == tmp_path
    assert settings.records_address == tmp_path / "records.sqlite"


def test_nested_settings_come_from_the_environment_too() -> None:
    settings = load(None, {"SHELTER_DATA": "d", "SHELTER_MQTT_TLS_CA_FILE": "ca.pem"}, {})
    assert settings.mqtt.tls is not None
    assert settings.mqtt.tls.ca_file == Path("ca.pem")


def test_influx_wants_a_token() -> None:
    with pytest.raises(SettingsError, match=r"store\.token_file"):
        load(None, {}, {"store.kind": StoreKind.INFLUX}, data=Path())


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "central.yaml"
    file.write_text("mqtt: {hots: x, port: 70000}\nhttp: {port: many}\n")
    with pytest.raises(SettingsError) as caught:
        load(file, {}, {})
    told = str(caught.value)
    for part in ("unknown key, perhaps 'mqtt.host'", "mqtt.port:", "http.port:", "data: name the folder", str(file)):
        assert part in told


@pytest.mark.parametrize("text", ["- a list", "{", "a: b: c"])
def test_a_file_that_is_no_settings_is_told_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "central.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"central\.yaml"):
        load(file, {}, {}, data=tmp_path)


def test_a_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    assert read_secret(file) == "secret"
    assert read_secret(None) is None
    with pytest.raises(SettingsError, match="absent"):
        read_secret(tmp_path / "absent")


@pytest.mark.parametrize("url", ["http://city:hunter2@influx:8086", "influx:8086", "ftp://influx", "http://"])
def test_the_stores_address_is_an_address_and_holds_no_secret(url: str) -> None:
    with pytest.raises(SettingsError, match=r"store\.url") as caught:
        load(None, {}, {"store.url": url}, data=Path())
    assert "hunter2" not in str(caught.value)


def test_the_environment_names_the_file_unless_the_command_does(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("data: /one\n")
    other.write_text("data: /other\n")
    assert load(None, {"SHELTER_CONFIG": str(one)}, {}).data == Path("/one")
    assert load(other, {"SHELTER_CONFIG": str(one)}, {}).data == Path("/other")
    with pytest.raises(SettingsError, match="absent"):
        load(None, {"SHELTER_CONFIG": str(tmp_path / "absent.yaml")}, {}, data=tmp_path)


def test_the_password_of_the_records_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("a/b @:ü\n", encoding="utf-8")
    environment = {"SHELTER_RECORDS_PASSWORD_FILE": str(secret)}
    for url in ("postgresql+psycopg://shelter@db:5432/shelter", "postgresql+psycopg://shelter:old@db:5432/shelter"):
        found = load(None, environment, {"records_url": url}, data=tmp_path)
        assert found.records_address == "postgresql+psycopg://shelter:a%2Fb%20%40%3A%C3%BC@db:5432/shelter"
    assert load(None, environment, {}, data=tmp_path).records_address == tmp_path / "records.sqlite"
    with pytest.raises(SettingsError, match="USER@HOST"):
        load(None, environment, {"records_url": "postgresql+psycopg://db/shelter"}, data=tmp_path)
    secret.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        load(None, environment, {"records_url": "postgresql+psycopg://shelter@db/shelter"}, data=tmp_path)
