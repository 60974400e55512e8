"""``shelter-central triggers``, and the service as people start it: a telegram in the folder, a call, what follows."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from central.cli import app
from central.feeds import hooked
from central.feeds.service import Feeds
from central.settings import FeedSettings, SettingsError
from tests.central.app.test_service import CENTRAL, call, register, service
from tests.central.feeds.parts import CHUO, cancelled, quake, write
from tests.support import eventually, free_port

RULES = """
rules:
  quake: {when: {intensity: "5+"}, then: propose, mode: backup}
  siren: {when: {webhook: siren}, then: propose, mode: backup}
"""
SECRET = "0123456789abcdef0123456789abcdef"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["triggers", *arguments])


def test_check_says_what_each_rule_does(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    done = run("check", str(file))
    assert done.exit_code == 0
    assert "quake: seismic intensity 5 upper or more in 中央区" in done.stdout
    assert "2 rules, no fault" in done.stderr
    assert "nobody checked" in done.stderr
    told = json.loads(run("check", str(file), "--json").stdout)
    assert [rule["name"] for rule in told] == ["quake", "siren"]


def test_check_names_every_fault_and_its_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: {a: {when: {intensity: 9}, then: propose, mode: x}}", encoding="utf-8")
    done = run("check", str(file))
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 2
    assert all(line.startswith(f"{file}: rules.a") for line in done.stderr.splitlines())
    assert run("check", str(tmp_path / "none.yaml")).exit_code == 2


def test_try_shows_what_telegrams_are_and_lead_to(tmp_path: Path) -> None:
    paths = [write(tmp_path, name, data) for name, data in (("1.xml", quake({CHUO: "5+"})), ("2.xml", cancelled()))]
    done = run("try", *map(str, paths))
    assert done.exit_code == 0, done.stderr
    assert "rule quake-5-upper: proposed to staff: backup for ward 中央区" in done.stdout
    told = json.loads(run("try", *map(str, paths), "--json").stdout)
    assert [one["verdict"] for one in told] == ["first", "cancelled"]
    assert told[1]["proposals"] == []


def test_try_says_why_something_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "x.xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    done = run("try", str(path))
    assert done.exit_code == 1
    assert "refused (hostile)" in done.stdout
    assert run("try", str(tmp_path / "none.xml")).exit_code == 2


def test_a_short_secret_or_a_bad_file_of_rules_is_named_before_the_start(tmp_path: Path) -> None:
    rules, secret = tmp_path / "rules.yaml", tmp_path / "secret"
    rules.write_text(RULES, encoding="utf-8")
    secret.write_text("short", encoding="utf-8")
    with pytest.raises(SettingsError, match="less than 32 characters"):
        Feeds.of(FeedSettings(rules=rules, hooks={"siren": secret}))
    with pytest.raises(SettingsError, match="no webhook 'siren'"):
        Feeds.of(FeedSettings(rules=rules))
    assert Feeds.of(FeedSettings()) is None


def test_a_rule_that_acts_wants_places_that_somebody_chose(tmp_path: Path) -> None:
    rules, places = tmp_path / "rules.yaml", tmp_path / "places.yaml"
    rules.write_text(
        "rules: {q: {when: {intensity: 7}, then: act, approved_by: [A, B], mode: backup}}", encoding="utf-8"
    )
    with pytest.raises(SettingsError, match=r"rule q acts.*feeds\.places"):
        Feeds.of(FeedSettings(rules=rules))
    places.write_text('wards: {緑区: {town: "1210500"}}', encoding="utf-8")
    assert Feeds.of(FeedSettings(rules=rules, places=places)) is not None


@pytest.mark.e2e
async def test_the_service_takes_telegrams_and_calls_and_remembers_them(tmp_path: Path) -> None:
    data, drop = tmp_path / "central", tmp_path / "drop"
    drop.mkdir()
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "secret").write_text(SECRET + "\n", encoding="utf-8")
    feeds = {"rules": str(tmp_path / "rules.yaml"), "folder": str(drop), "hooks": {"siren": str(tmp_path / "secret")}}
    config = tmp_path / "central.yaml"
    config.write_text(
        yaml.safe_dump(
            {"data": str(data), "feeds": feeds, "mqtt": {"port": free_port()}, "http": {"port": 0}}, allow_unicode=True
        ),
        encoding="utf-8",
    )
    register(data, "E0000000001111")
    command = [*CENTRAL, "run", "--config", str(config)]
    now_ms = time.time_ns() // 1_000_000
    with service(data, 0, command=command) as running:
        write(drop, "quake.xml", quake({CHUO: "5+"}, at_ms=now_ms))
        await eventually(lambda: bool(running.get("api/v1/triggers").json()["proposals"]), what="the telegram is taken")
        await eventually((drop / "taken" / "quake.xml").exists, what="the file is moved on")
        body = json.dumps({"id": "a", "at_ms": now_ms, "status": "training", "text": "siren"}).encode()
        stamp = str(now_ms // 1000)
        headers = {"X-Timestamp": stamp, "X-Signature": hooked.signature_of(SECRET, stamp, body)}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(running.said["url"] + "api/v1/hooks/siren", content=body, headers=headers)
        assert (answer.status_code, answer.json()["word"]) == (202, "first")
        found = running.get("api/v1/incidents").json()["incidents"]
        assert sorted((one["phase"], one["id"][0]) for one in found) == [("declared", "D"), ("declared", "I")]
        assert "/api/v1/hooks/{name}" in running.get("api/v1/openapi.json").json()["paths"]
        running.end()
    with service(data, 0, command=command) as running:
        told = running.get("api/v1/triggers").json()
        assert len(running.get("api/v1/incidents").json()["incidents"]) == 2
        assert told["held"] == {"real": 1, "training": 1, "test": 0}
        assert running.end()[0] == 0
    assert call("audit", "verify", "--data", str(data)).returncode == 0
