"""The commands, over a real data folder: count, report, trace, close, correct."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from central.cli import app
from central.core.accounting.halfhours import days_of_month, start_of_day
from central.store.records import Records
from central.store.sqlite import SqliteStore
from tests.central.accounting.parts import lived, sites

SITE = sites(1)[0].id
MONTH = "2025-10"
"""Long over, whenever this runs."""
NEXT_MS = start_of_day(days_of_month(MONTH).stop)
HOUR = 3_600_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shelter whose last two days of a month came; the last three hours of it are still on their way."""
    folder = tmp_path_factory.mktemp("central")

    async def fill() -> None:
        records = await Records.open(folder / "records.sqlite")
        await records.save_sites(sites(1))
        await records.close()

    asyncio.run(fill())
    bring(folder, 0, NEXT_MS - 3 * HOUR)
    return folder


def bring(folder: Path, from_ms: int, to_ms: int) -> None:
    async def write() -> None:
        store = await SqliteStore.open(folder / "telemetry.sqlite")
        rows = lived(SITE, NEXT_MS - 48 * HOUR, NEXT_MS + HOUR)
        await store.write([row for row in rows if from_ms <= row.at_ms < to_ms])
        await store.close()

    asyncio.run(write())


def central(data: Path, *words: str, code: int = 0) -> Result:
    found = CliRunner().invoke(app, [*words, "--data", str(data)])
    assert found.exit_code == code, found.output
    return found


def test_a_month_from_its_readings_to_its_correction(data: Path) -> None:
    assert "1 shelters read" in central(data, "month", "recount", "--month", MONTH).stdout
    listed = json.loads(central(data, "month", "list", "--json").stdout)["months"]
    assert [(one["month"], one["state"]) for one in listed] == [(MONTH, "open")]
    made = central(data, "report", "monthly", "--month", MONTH, "--format", "csv").stdout
    assert SITE in made
    told = json.loads(central(data, "report", "trace", SITE, f"{MONTH}-31T12:00", "--json").stdout)
    assert told["flows"]["pv"]["mark"] == "m"
    assert "inverter  pv.energy_wh" in central(data, "report", "trace", SITE, f"{MONTH}-31T12:00").stdout
    paper = data / "october.html"
    central(data, "report", "monthly", "--month", MONTH, "--site", SITE, "--lang", "en", "-o", str(paper))
    assert "Monthly statement" in paper.read_text(encoding="utf-8")
    for words in (("completeness", "--month", MONTH), ("yearly", "--year", "2025"), ("disaster", "--year", "2025")):
        assert json.loads(central(data, "report", *words, "--format", "json").stdout)["lines"]
    closing = ("month", "close", "--month", MONTH, "--by", "佐藤")
    refused = central(data, *closing, code=2).stderr
    assert f"{SITE}: nothing came of the month's end" in refused
    assert "half hours are not known" in refused
    assert "say why it is closed although data is missing" in central(data, *closing, "--force", code=2).stderr
    closed = central(data, *closing, "--force", "--why", "回線工事").stdout
    assert "is closed, in spite of what 1 shelters lack: 1 shelters" in closed
    before = json.loads(central(data, "report", "monthly", "--month", MONTH, "--format", "json").stdout)
    bring(data, NEXT_MS - 3 * HOUR, NEXT_MS + HOUR)
    central(data, "month", "recount", "--month", MONTH)
    after = json.loads(central(data, "report", "monthly", "--month", MONTH, "--format", "json").stdout)
    assert (after["billed_wh"], after["late_sites"]) == (before["billed_wh"], [SITE])
    words = ("month", "correct", "--month", MONTH, "--by", "佐藤", "--why", "遅延データ")
    assert "is corrected (entry 1)" in central(data, *words).stdout
    by_hand = central(data, *words, "--site", SITE, "--add-kwh", "-1.5").stdout
    assert "entry 2" in by_hand
    words = ("month", "exchanged", "--site", SITE, "--device", "meter", "--by", "佐藤", "--why", "交換")
    assert "days changed" in central(data, *words, "--at", f"{MONTH}-31T09:02").stdout
    listed = json.loads(central(data, "month", "list", "--json").stdout)["months"]
    assert (listed[-1]["state"], listed[-1]["entries"], listed[-1]["fault"]) == ("corrected", 3, "")
    assert "whole" in central(data, "audit", "verify").stdout


def test_plans_and_assets_go_out_and_in(data: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.csv"
    central(data, "plan", "template", "--year", "2025", "-o", str(plan))
    header, row = plan.read_text(encoding="utf-8-sig").splitlines()
    assert header.endswith("2026年3月 kWh")
    plan.write_text(f"{header}\n{row}99\n", encoding="cp932")
    taken = ("plan", "import", str(plan), "--by", "佐藤")
    assert "1 months of shelters are new" in central(data, *taken).stdout
    assert "0 months of shelters are new" in central(data, *taken).stdout
    shown = json.loads(central(data, "report", "plan", "--year", "2025", "--format", "json").stdout)
    assert shown["plans_wh"] == {SITE: {"2026-03": 99_000}}
    ledger = tmp_path / "assets.csv"
    central(data, "assets", "template", "--lang", "en", "-o", str(ledger))
    assert ledger.read_text(encoding="utf-8-sig").startswith("Asset number,Shelter ID,Facility,Kind,Name")
    ledger.write_text(f"id,site,kind,name\nC-1,{SITE},battery,蓄電池\n", encoding="utf-8")
    assert "1 assets are new" in central(data, "assets", "import", str(ledger), "--by", "佐藤").stdout
    assert "蓄電池" in central(data, "report", "assets", "--format", "csv").stdout
    ledger.write_text(f"id,site,kind,name\nC-1,{SITE},tree,x\n", encoding="utf-8")
    refused = central(data, "assets", "import", str(ledger), "--by", "佐藤", code=2).stderr
    assert "line 2: Kind: tree is none of the words" in refused
    assert "no-such" in central(data, "plan", "import", str(tmp_path / "no-such"), "--by", "x", code=2).stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("report", "monthly", "--month", "2025-13"), "want a month that has begun"),
        (("report", "monthly", "--month", MONTH, "--site", "E1"), "no such shelter"),
        (("report", "yearly", "--year", "2150"), "has not begun"),
        (("report", "trace", SITE, "yesterday"), "want a moment in Tokyo"),
        (("report", "trace", SITE, "2019-01-01T00:00"), "nothing is counted"),
        (("month", "close", "--month", "2019-01", "--by", "佐藤"), "nothing is counted"),
        (("month", "correct", "--month", "2019-01", "--by", "佐藤", "--why", "x"), "is open"),
        (("month", "recount", "--month", "x"), "want YYYY-MM"),
        (
            ("month", "exchanged", "--site", "E1", "--device", "m", "--at", "2025-10-01", "--by", "x", "--why", "y"),
            "no such shelter",
        ),
        (("month", "recount", "--month", MONTH, "--site", "E1"), "no such shelter"),
        (("report", "yearly", "--year", "2025", "--lang", "fr"), "want ja or en"),
    ],
)
def test_what_is_wrong_is_said(data: Path, words: tuple[str, ...], says: str) -> None:
    assert says in central(data, *words, code=2).stderr


def test_a_table_with_faults_names_them(data: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: []\ntax: [{from: '2019', rate: '0.1'}]\n", encoding="utf-8")
    config = tmp_path / "central.yaml"
    config.write_text(f"accounting: {{prices: {prices}}}\n", encoding="utf-8")
    found = central(data, "report", "monthly", "--month", MONTH, "--config", str(config), code=2)
    assert "prices.yaml: tax[0].from: '2019' is no month" in found.stderr
