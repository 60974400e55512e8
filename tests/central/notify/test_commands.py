"""``shelter-central notify``: what a person at the service's machine sees, beside a running service or without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from central.cli import app
from central.core.news import NewsKind
from central.settings import Settings
from tests.central.notify.parts import Line, Mailbox, line_server, mail_server, opened, settings_of


def run(*words: str, code: int = 0) -> str:
    """A command; returns what it printed, on both ways."""
    result = CliRunner().invoke(app, ["notify", *words])
    assert result.exit_code == code, result.output
    return result.output


def config_of(folder: Path, settings: Settings) -> Path:
    """The settings as a file."""
    told = settings.notify
    given = {
        "data": str(folder),
        "notify": {
            "rules": str(told.rules),
            "line_token_file": str(told.line_token_file),
            "line_url": told.line_url,
            "mail": {"host": told.mail.host, "port": told.mail.port, "security": "none", "sender": told.mail.sender},
        },
    }
    path = folder / "central.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return path


def test_the_example_checks_and_faults_are_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(run("rules", "example"), encoding="utf-8")
    said = run("rules", "check", str(file))
    assert "当直（合成） → after 10 min 係長（合成） → after 20 min 当直（合成）, 係長（合成） by mail" in said
    assert "3 people, 3 rules, no fault" in said
    listed = json.loads(run("rules", "check", str(file), "--json"))
    assert [one["id"] for one in listed["people"]] == ["duty-officer", "section-chief", "facility-manager"]
    assert "@" not in json.dumps(listed)
    missing = run("rules", "check", str(file), "--data", str(tmp_path), code=2)
    assert f"{file}: people.duty-officer: line: notify.line is not set up in the settings" in missing
    assert "No such file" in run("rules", "check", str(tmp_path / "gone.yaml"), code=2)
    assert "the settings name no file of rules" in run("rules", "check", "--data", str(tmp_path), code=2)


async def _outage(folder: Path, box: Mailbox, line: Line) -> None:
    async with opened(folder, mail=box, line=line) as here:
        await here.happened(NewsKind.ISLANDED, *here.site_ids()[:2])
        await here.step(2)


async def test_what_goes_on_is_listed_and_acknowledged_and_a_test_is_sent(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line:
        await _outage(tmp_path, box, line)
        more = ("--config", str(config_of(tmp_path, settings_of(tmp_path, RULES_TEXT, mail=box, line=line))))

        def told(*words: str, code: int = 0) -> asyncio.Future[str]:
            # The command has a loop of its own, while the servers are in this one.
            return asyncio.get_running_loop().run_in_executor(None, lambda: run(*words, *more, code=code))

        listed = await told("list")
        assert "grid-1  critical  2 of 2 still so" in listed
        assert "told: duty, pat; acknowledged: by nobody; waits for an answer since" in listed
        assert "grid-1: acknowledged by 田中" in await told("ack", "grid-1", "--by", "田中")
        assert "no such case" in await told("ack", "grid-2", "--by", "田中", code=2)
        cases = json.loads(await told("list", "--json"))["cases"]
        assert cases[0]["acknowledged"][0]["by"] == "田中"
        log = await told("log")
        assert "sent     duty by line" in log
        assert "sent     pat by mail" in log
        as_json = await told("log", "--json")
        assert "/ack/" not in as_json
        assert len(json.loads(as_json)["deliveries"]) == 2
        line.answers = [(500, "oops")]
        tried = await told("test", "duty", "--by", "管理者", code=1)
        assert "line: NOT taken: LINE 500: oops" in tried
        assert "mail: taken: mail: taken by" in tried
        assert "no such person" in await told("test", "dutty", "--by", "管理者", code=2)
        assert "--retry wants --by" in await told("log", "--retry", code=2)
        assert "1 to be sent again" in await told("log", "--dead", "--retry", "--by", "管理者")
        assert (await told("log", "--dead")).strip() == "none"


RULES_TEXT = """
people:
  duty: {name: 当直, line: U00000000000000000000000000000001, mail: duty@city.example}
  pat: {name: Pat, language: en, mail: pat@city.example}
rules:
  outage: {to: [duty, pat]}
"""


@pytest.mark.parametrize("words", [(), ("rules",), ("log", "--help"), ("test", "--help"), ("ack", "--help")])
def test_help_teaches(words: tuple[str, ...]) -> None:
    assert "Usage" in CliRunner().invoke(app, ["notify", *words]).output
