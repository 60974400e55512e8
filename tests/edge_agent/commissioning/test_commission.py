"""``shelter-edge commission`` as a whole program: without questions, with a person at a terminal, and killed."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from contract.commissioning import SiteStage, judge
from edge_agent.commissioning.report_files import read_signed
from simulator.planted import Planted
from tests.edge_agent.fieldbus.test_cli import ended, start
from tests.edge_agent.judging.wire import Shelter, shelter

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
TIMEOUT_S = 280
FAST = ("--watch", "4", "--hold", "1", "--at", "12:00")
"""The cabinet's world begins at noon."""


@asynccontextmanager
async def living(folder: Path, profile: str, *faults: Planted) -> AsyncIterator[Shelter]:
    """A shelter whose world goes ten times as fast as the clock."""
    async with shelter(folder, profile, faults=faults) as at:
        at.simulated.world.soc_pct = 55.0

        async def live() -> None:
            while True:
                await asyncio.sleep(0.1)
                at.simulated.advance(at.simulated.world.at_ms + 1_000)

        task = asyncio.create_task(live())
        try:
            yield at
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def places(at: Shelter) -> list[str]:
    return [f"{bus['tcp']['host']}:{bus['tcp']['port']}" for bus in at.config["buses"]]


def units(at: Shelter) -> list[str]:
    numbers = sorted({device["unit"] for bus in at.config["buses"] for device in bus["devices"]})
    return [part for number in numbers for part in ("--unit", str(number))]


def answers(at: Shelter, folder: Path) -> list[str]:
    bus = next(bus for bus in at.config["buses"] if "relay" in [device["id"] for device in bus["devices"]])
    relay = f"{bus['tcp']['host']}:{bus['tcp']['port']}"
    return [
        *("--dir", str(folder), *places(at), *units(at), "--site", at.config["site"], "--name", "模擬"),
        *("--technician", "T", "--mqtt-host", "127.0.0.1", "--mqtt-port", str(at.config["mqtt"]["port"]), "--yes"),
        *("--take", f"relay=relay@{relay}/3", *FAST),
    ]


async def until(process: asyncio.subprocess.Process, text: str) -> str:
    """What was printed up to a line with this text."""
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(TIMEOUT_S):
        while text not in seen:
            line = await process.stdout.readline()
            assert line, f"ended before {text!r}: {seen}"
            seen += line.decode()
    return seen


@pytest.mark.parametrize("profile", ["goodwe-et", "sungrow-sh", "victron-gx"])
async def test_from_an_unknown_cabinet_to_a_verified_report_without_a_question(tmp_path: Path, profile: str) -> None:
    folder = tmp_path / "site"
    async with living(tmp_path, profile) as at:
        step = ("--load-step", "2000", "--load-step-after", "2", "--load-phase", "l1")
        process = await start("commission", *answers(at, folder), *step, lang="en_US.UTF-8")
        await until(process, ">>>")
        at.simulated.turn_load(2_000)
        code, out, err = await ended(process, TIMEOUT_S)
        assert code == 0, out + err
    (report,) = (folder / "reports").glob("report-*/report.json")
    written = read_signed(report)
    assert written.signed.is_genuine
    assert judge(written.report).stage is SiteStage.VERIFIED
    wanted = {device["profile"] for bus in at.config["buses"] for device in bus["devices"]}
    assert {device.profile for device in written.report.devices} == wanted
    code, out, _ = await ended(await start("report", "verify", str(report), lang="en_US.UTF-8"), TIMEOUT_S)
    assert code == 0
    assert "nothing was changed" in out
    report.write_bytes(report.read_bytes().replace(b'"T"', b'"U"'))
    code, out, _ = await ended(
        await start("report", "show", str(report.parent), "--render", lang="en_US.UTF-8"), TIMEOUT_S
    )
    assert code == 1
    assert "Do not use it" in out


async def test_a_turned_meter_is_named_and_the_shelter_is_not_verified(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    async with living(tmp_path, "goodwe-et", Planted.SWAPPED_CT) as at:
        process = await start("commission", *answers(at, folder), "--no-load-step", "--controls", "none", lang="ja_JP")
        code, out, err = await ended(process, TIMEOUT_S)
    assert code == 1, err
    assert "対処" in out
    (report,) = (folder / "reports").glob("report-*/report.json")
    assert "swapped_ct" in {check.kind for check in read_signed(report).report.checks}


async def test_killed_in_the_middle_of_a_control_test_the_next_start_puts_back_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    async with living(tmp_path, "sungrow-sh") as at:
        device = at.simulated.devices["inverter"]
        before = device.value_of("reserve")
        given = [*answers(at, folder), "--no-load-step", "--hold", "60"]
        process = await start("commission", *given, lang="en_US.UTF-8")
        await until(process, "'reserve'")
        async with asyncio.timeout(TIMEOUT_S):
            while device.value_of("reserve") == before:  # noqa: ASYNC110  (a register is no event)
                await asyncio.sleep(0.02)
        process.kill()
        await process.wait()
        assert device.value_of("reserve") != before
        process = await start("commission", *given, lang="en_US.UTF-8")
        seen = await until(process, "put back")
        assert "cut short" in seen
        assert device.value_of("reserve") == before
        process.send_signal(signal.SIGINT)
        code, out, _ = await ended(process, TIMEOUT_S)
        assert code == 130
        assert "goes on from here" in out
        assert device.value_of("reserve") == before


async def test_without_a_terminal_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    code, out, _ = await ended(
        await start("commission", "--dir", str(tmp_path), "--yes", lang="en_US.UTF-8"), TIMEOUT_S
    )
    assert code == 2
    assert [option in out for option in ("ADDRESS", "--site", "--technician")] == [True] * 3
    given = ("--site", "E1", "--technician", "T", "--take", "m=sdm630@127.0.0.1:9/2")
    code, out, _ = await ended(
        await start("commission", "--dir", str(tmp_path), "--yes", *given, lang="en_US.UTF-8"), TIMEOUT_S
    )
    assert code == 2
    assert "E1 is no shelter's number" in out


async def test_a_person_at_a_terminal_is_asked_for_what_is_not_known(tmp_path: Path) -> None:
    """Through a pseudo-terminal: every question is answered as it comes."""
    folder = tmp_path / "site"
    async with living(tmp_path, "goodwe-et") as at:
        replies = {
            "Where to look": " ".join(places(at)),
            "Profile of": "1",
            "Take these": "",
            "The shelter's number": at.config["site"],
            "The shelter's name": "模擬避難所",
            "Your name": "T",
            "Your company": "",
            "Host name": "127.0.0.1",
            "A load that": "2000",
            "now, then press Enter": "",
            "Enter checks again": "n",
            "Once more": "n",
            "Begin?": "",
            "Enter tests again": "n",
            "Remarks": "ok",
            "File of a photo": "",
        }
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge_agent", "commission", "--dir", str(folder), *units(at), *FAST),
            *("--lang", "en"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        seen, handled = "", 0
        async with asyncio.timeout(TIMEOUT_S):
            while process.returncode is None:
                try:
                    seen += os.read(ours, 65_536).decode(errors="replace")
                except BlockingIOError:
                    await asyncio.sleep(0.02)
                    continue
                except OSError:
                    break
                asked = next((key for key in replies if key in seen[handled:]), None)
                if asked is not None:
                    if asked.startswith("now"):
                        at.simulated.turn_load(2_000)
                    handled = len(seen)
                    os.write(ours, replies[asked].encode() + b"\n")
            code = await process.wait()
        os.close(ours)
    assert code == 0, seen
    (report,) = (folder / "reports").glob("report-*/report.json")
    written = read_signed(report)
    assert judge(written.report).stage is SiteStage.VERIFIED
    assert written.report.name == "模擬避難所"
    assert written.report.remarks == "ok"
    draft = json.loads((folder / "commissioning.json").read_bytes())
    assert draft["report"].startswith("reports/report-")
