"""The commands about hours: with a running service, and what they say without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from central.cli import app
from central.registry import read_csv
from central.store.records import Records
from tests.central.app.test_service import CENTRAL, CSV, call, register, service
from tests.support import Mosquitto

SITE, OTHER = "E0000000001111", "E0000000002111"
DATA = "--data"


def here(*arguments: str) -> Result:
    """A command in this process."""
    return CliRunner().invoke(app, arguments)


def enter(data: Path, *sites: str) -> None:
    """Registered shelters, without a process for it."""

    async def save() -> None:
        records = await Records.open(data / "records.sqlite")
        await records.save_sites(
            read_csv((CSV + "".join(f"{s},学校,中央区,35.6,140.1\n" for s in sites)).encode()).sites
        )
        await records.close()

    data.mkdir()
    asyncio.run(save())


def test_facts_are_kept_shown_and_withdrawn(tmp_path: Path) -> None:
    data = tmp_path / "data"
    enter(data, SITE, OTHER)
    where = (DATA, str(data))
    done = here("sites", "set-fact", SITE, "people=120", "medical=1", "--by", "田中", *where)
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert "1 shelters: people=120, medical=1" in done.stderr
    assert here("sites", "set-fact", "--city", "weather=2026-09-08:15", "--by", "佐藤", *where).exit_code == 0
    assert here("sites", "set-fact", SITE, "medical=", "--by", "佐藤", *where).exit_code == 0
    found = json.loads(here("sites", "facts", SITE, "--json", *where).stdout)
    assert [(one["name"], one["value"], one["holds"]) for one in found["said"]] == [
        ("medical", "", False),
        ("weather", "2026-09-08:15", True),
        ("medical", "1", False),
        ("people", "120", True),
    ]
    text = here("sites", "facts", OTHER, *where).stdout
    assert text.startswith("* ")
    assert "weather=2026-09-08:15 by 佐藤" in text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((SITE, "peple=1"), "perhaps 'people'"),
        ((SITE, "people=many"), "whole number"),
        ((SITE,), "say what"),
        (("people=1",), "say which shelters"),
        ((SITE, "people=1", "--city"), "in one way"),
        (("E0000000001112", "people=1"), f"near: {SITE}"),
        (("people=1", "--ward", "中央"), "near: 中央区"),
    ],
)
def test_a_fact_that_cannot_be_kept_is_told_and_nothing_is(tmp_path: Path, given: tuple[str, ...], says: str) -> None:
    data = tmp_path / "data"
    enter(data, SITE)
    done = here("sites", "set-fact", *given, "--by", "田中", DATA, str(data))
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.output
    assert json.loads(here("sites", "facts", SITE, "--json", DATA, str(data)).stdout)["said"] == []


@pytest.mark.parametrize("command", [("autonomy",), ("dispatch-order",), ("reach", "--onset", "2030-01-01T00:00")])
def test_without_a_service_hours_are_not_made_up(tmp_path: Path, command: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    enter(data, SITE)
    done = here(*command, DATA, str(data))
    assert done.exit_code == 1
    assert "no service runs" in done.stderr


def test_an_onset_that_is_no_time_is_told(tmp_path: Path) -> None:
    done = here("reach", "--onset", "tomorrow", DATA, str(tmp_path))
    assert done.exit_code == 2
    assert "2026-09-08T18:00" in done.stderr


@pytest.mark.mosquitto
@pytest.mark.e2e
async def test_a_running_service_answers_for_every_shelter(mosquitto: Mosquitto, tmp_path: Path) -> None:
    data = tmp_path / "data"
    await asyncio.to_thread(register, data, SITE, OTHER)
    start = ["run", DATA, str(data), "--mqtt-port", str(mosquitto.port), "--http-port", "0"]
    with service(data, mosquitto.port, command=[*CENTRAL, *start]):

        async def answer(*command: str, code: int = 0) -> str:
            done = await asyncio.to_thread(call, *command, DATA, str(data))
            assert done.returncode == code, (done.stdout, done.stderr)
            return done.stdout + done.stderr

        city = json.loads(await answer("autonomy", "--json"))
        assert city["unknown"] == {"no_capacity": 2}
        assert "0 known, unknown: 2 no_capacity" in await answer("autonomy", "--lang", "en")
        assert "登録されていません" in await answer("autonomy", SITE, "--lang", "ja")
        assert "near" in (await answer("autonomy", "E0000000001112", code=2)).lower()
        await answer("sites", "set-fact", OTHER, "people=300", "medical=2", "--by", "田中")
        visits = await answer("dispatch-order", "--lang", "ja", "--limit", "1")
        assert "… and 1 more" in visits
        assert "not within the next 168 hours" in await answer("reach", "--onset", "2020-01-01T00:00", code=2)
