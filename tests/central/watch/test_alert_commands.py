"""``shelter-central alerts``: checking, listing, back-testing without a service; deciding through a running one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from central.cli import app
from central.core.news import Severity
from central.core.watch import memory
from central.core.watch.alerts import About, AboutKind, Alert, Evidence, StepKind, step_of
from central.core.watch.lamps import Lamp
from central.core.watch.readings import Family
from central.store.records import Records
from central.watch.rule_file import load_rules
from tests.central.app.test_service import register, service
from tests.central.fake import NOW_MS
from tests.support import free_port

SITE = "E0000000001111"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["alerts", *arguments])


def an_alert(n: int = 1) -> Alert:
    found = Evidence(rule="silent", quantity="silent_min", value=12, limit=10, severity=Severity.WARNING)
    return Alert(
        n=n,
        family=Family.LINK,
        about=About(AboutKind.SITE, SITE),
        ward="中央区",
        sites=(SITE,),
        severity=Severity.WARNING,
        evidence=(found,),
        raised_ms=NOW_MS,
    )


def keep(data: Path, *alerts: Alert) -> None:
    async def work() -> None:
        records = await Records.open(data / "records.sqlite")
        lamps = tuple(("silent", site, Lamp(True, NOW_MS)) for alert in alerts for site in alert.sites)
        kept = memory.written(memory.Memory(lamps=lamps))
        await records.alerts.save([step_of(alert, StepKind.RAISED, NOW_MS) for alert in alerts], kept)
        await records.close()

    data.mkdir(exist_ok=True)
    asyncio.run(work())


def test_the_rules_of_the_program_are_checked_shown_and_can_be_written_out(tmp_path: Path) -> None:
    done = run("check", "--lang", "en")
    assert done.exit_code == 0
    assert "silent (warning): silent for 10 min or more; over at 1 min or less, for 3 min" in done.stdout
    assert "examples played, no fault" in done.stderr
    file = tmp_path / "rules.yaml"
    file.write_text(run("example").stdout, encoding="utf-8")
    told = json.loads(run("check", str(file), "--json").stdout)["rules"]
    assert [rule["name"] for rule in told] == [rule.name for rule in load_rules(None)]


def test_a_file_with_faults_ends_with_each_of_them_and_its_place(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: {a: {watch: faults, raise: 3, clear: 4, severity: info}, b: {watch: x}}", encoding="utf-8")
    done = run("check", str(file))
    assert done.exit_code == 2
    assert f"{file}: line 1: rules.a: clear: 4 has to be below raise, 3" in done.stderr
    assert f"{file}: line 1: rules.b: watch: 'x' is none of" in done.stderr


def test_alerts_are_listed_without_a_service(tmp_path: Path) -> None:
    assert "none" in run("list", "--data", str(tmp_path), "--lang", "en").stdout
    keep(tmp_path, an_alert())
    text = run("list", "--data", str(tmp_path), "--lang", "ja").stdout
    for said in (
        "A1  warning  通信の異常",
        SITE,
        "継続中",
        "silent: 通信が12分ありません（基準 10分）",
        "すること: 施設に電話し",
    ):
        assert said in text
    (told,) = json.loads(run("list", "--open", "--data", str(tmp_path), "--json").stdout)["alerts"]
    assert (told["id"], told["is_open"], told["says_en"]) == (
        "A1",
        True,
        "Trouble with the link: Silent for 12 min (limit 10 min)",
    )


def test_deciding_wants_the_service(tmp_path: Path) -> None:
    keep(tmp_path, an_alert())
    for arguments in (["ack", "A1"], ["resolve", "A1", "--why", "x"]):
        done = run(*arguments, "--by", "田中", "--data", str(tmp_path))
        assert done.exit_code == 1
        assert "no service runs with the data folder" in done.stderr


@pytest.mark.e2e
def test_a_running_service_takes_what_a_command_decides(tmp_path: Path) -> None:
    data = tmp_path / "central"
    register(data, SITE)
    keep(data, an_alert())
    at = ("--data", str(data))
    with service(data, free_port()):
        acked = run("ack", "A1", "--hours", "8", "--why", "確認中", "--by", "田中", *at)
        assert acked.exit_code == 0, acked.stderr
        assert "A1: 田中 takes care of it until" in acked.stdout
        unknown = run("ack", "A9", "--by", "田中", *at)
        assert unknown.exit_code == 2
        assert "No alert has the id 'A9'" in unknown.stderr
        done = run("resolve", "A1", "--why", "停電工事", "--by", "佐藤", "--json", *at)
        assert json.loads(done.stdout)["resolved_by"] == "佐藤"
    assert "解消 佐藤: 停電工事" in run("list", "--lang", "ja", *at).stdout
