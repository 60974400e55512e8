"""The command line as others use it: files, the ready line, and an end within three seconds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from simulator.cli import app
from tests.support import own_network

PREFIX = own_network()


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_write_only_writes_all_files_and_serves_nothing(tmp_path: Path) -> None:
    secrets = tmp_path / "credentials"
    secrets.write_text("E0000000001111 one\nE0000000002111 two\n")
    folder = tmp_path / "fleet"
    result = run(
        "fleet", "--dir", str(folder), "--sites", "3", "--write-only", "--mqtt-credentials-file", str(secrets),
        "--mqtt-port", "2883", "--interval-s", "1", "--slow-interval-s", "10", "--keep-delivered",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    ready = json.loads(result.stdout.removeprefix("ready "))
    assert ready["sites"] == 3
    assert Path(ready["csv"]).is_file()
    config = yaml.safe_load((folder / "E0000000001111" / "site.yaml").read_text(encoding="utf-8"))
    assert (config["interval_s"], config["slow_interval_s"]) == (1, 10)
    assert config["mqtt"]["username"] == "E0000000001111"
    assert stat.S_IMODE((folder / "E0000000002111" / "mqtt.password").stat().st_mode) == 0o600
    assert not (folder / "E0000000003111" / "mqtt.password").exists()


def test_only_sites_whose_link_breaks_reach_the_broker_through_it(tmp_path: Path) -> None:
    result = run("fleet", "--dir", str(tmp_path), "--sites", "20", "--write-only", "--scenario", "bad_links")
    assert result.exit_code == 0, result.output
    configs = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*/site.yaml")]
    through = [config for config in configs if config["mqtt"]["port"] == 15_030]
    assert 0 < len(through) < len(configs)
    assert all(config["mqtt"]["host"] == config["buses"][0]["tcp"]["host"] for config in through)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--scenario", "typhon_2019"), "perhaps 'typhoon_2019'"),
        (("--network", "10.42"), "first two numbers of a loopback address"),
    ],
)
def test_bad_input_ends_with_code_2_and_a_reason(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    result = run("fleet", "--dir", str(tmp_path), "--sites", "1", "--write-only", *words)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not result.stdout


def test_help_and_the_list_of_scenarios_teach() -> None:
    assert "--scenario typhoon_2019" in run("fleet", "--help").stdout
    listed = run("scenarios").stdout
    assert "quiet_day" in listed
    assert "bad_links" in listed


async def test_a_fleet_says_ready_answers_tells_notes_on_stderr_and_ends_on_sigterm(tmp_path: Path) -> None:
    told = tmp_path / "told.yaml"
    told.write_text("title: t\nabout: a\nlasts: 1h\nsteps:\n  - {at: +1s, do: note, text: storm warning}\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator.cli", "fleet", "--dir", str(tmp_path), "--sites", "5"),
        *("--network", PREFIX, "--speed", "60", "--scenario", str(told)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(100):
            line = await process.stdout.readline()
        assert line.startswith(b"ready "), (await process.communicate())[1].decode()
        ready = json.loads(line.removeprefix(b"ready "))
        assert ready["speed"] == 60
        _, writer = await asyncio.open_connection(f"{PREFIX}.0.5", 15_020)
        assert process.stderr is not None
        async with asyncio.timeout(60):
            note = await process.stderr.readline()
        assert b"storm warning" in note
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            rest, errors = await process.communicate()
        writer.close()
        assert process.returncode == 0, errors.decode()
        assert rest == b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_a_single_site_names_its_addresses(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "simulator.cli", "site", "--profile", "huawei-sun2000", "--network", PREFIX),
            *("--dir", str(tmp_path / "site")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline().removeprefix("ready "))
        assert ready["inverter"] == {"host": f"{PREFIX}.0.1", "port": 15_020, "unit": 1, "profile": "huawei-sun2000"}
        assert ready["relay"]["unit"] == 3
        config = yaml.safe_load(Path(ready["config"]).read_text(encoding="utf-8"))
        assert config["buses"][0]["tcp"] == {"host": f"{PREFIX}.0.1", "port": 15_020}
        assert config["buses"][0]["devices"] == [{"id": "inverter", "profile": "huawei-sun2000", "unit": 1}]
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
        process.stdout.close()
