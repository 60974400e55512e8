"""deploy/central.yaml with its examples switched on: every one of them is a setting that the service takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from central.settings import Settings, SettingsError, StoreKind, load
from tests.deploy.parts import DEPLOY, ROOT_DIR

TEXT = (DEPLOY / "central.yaml").read_text(encoding="utf-8")
SWITCHED_ON = re.sub(r"^( *)#(?=[a-z]|  \w)", r"\1", TEXT, flags=re.MULTILINE)
"""With the marks of its examples taken away; an explanation has one blank behind its mark, and keeps it."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The file with its examples, and the secrets that it names in a folder of the test's."""
    for name in re.findall(r"/etc/shelter/([\w.-]+\.(?:password|token|secret))", SWITCHED_ON):
        (tmp_path / name).write_text("geheim", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    config = tmp_path / "central.yaml"
    config.write_text(SWITCHED_ON.replace("/etc/shelter/", f"{tmp_path}/"), encoding="utf-8")
    return config


def test_every_example_is_true(files: Path) -> None:
    found = load(files, {}, {})
    assert found.http.allowed_hosts == ["monitor.city.example", "10.0.0.5"]
    assert found.oidc.issuer == "https://login.city.example/realms/staff"
    assert {role.value for role in found.oidc.roles.values()} == {"admin", "operator", "technician", "viewer"}
    assert found.oidc.wards == {"honcho": ["*"], "hanamigawa": ["花見川区"]}
    assert found.store.kind is StoreKind.INFLUX
    assert found.records_address == "postgresql+psycopg://shelter:geheim@127.0.0.1:5432/shelter"
    assert (found.feeds.jma, found.notify.mail.host) == (True, "mail.city.example")


def test_nothing_is_left_that_could_be_switched_on() -> None:
    on, off = yaml.safe_load(SWITCHED_ON), yaml.safe_load(TEXT)
    assert on.keys() - off.keys() == {
        "records_url", "records_password_file", "store", "oidc", "feeds", "notify", "alerts", "accounting", "public",
    }  # fmt: skip
    assert on.keys() <= set(Settings.model_fields)
    assert not re.search(r"^ *#\S", SWITCHED_ON, re.MULTILINE)


def test_without_them_it_is_a_small_town_s() -> None:
    found = load(DEPLOY / "central.yaml", {}, {})
    assert (found.oidc.issuer, found.http.allowed_hosts, found.notify.mail.host) == (None, [], None)


def test_a_slip_in_an_example_would_be_noticed(files: Path) -> None:
    files.write_text(files.read_text(encoding="utf-8").replace("groups_claim", "group_claim"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"oidc\.group_claim"):
        load(files, {}, {})


def test_the_pages_that_it_names_are_there() -> None:
    named = set(re.findall(r"docs/[\w.-]+\.md", TEXT))
    assert len(named) == 7
    for name in named:
        assert (ROOT_DIR / name).is_file(), name
