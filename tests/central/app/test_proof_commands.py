"""The commands about what is proven, over a real database."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from central.cli import app
from central.cli_proof import key_shown
from central.commissioning import report_of
from central.store.records import Batch, Records
from contract.commissioning import as_detail
from contract.signing import in_text
from tests.central.ingest.parts import NOW, SITE, site
from tests.central.ingest.test_reports import BAD, GOOD, SIGNER, THIEF, signed

OTHER_KEY = key_shown(in_text(THIEF.public))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A city with one shelter that sent two reports, the later one by another key."""

    async def fill() -> None:
        records = await Records.open(tmp_path / "records.sqlite")
        await records.save_sites([site(SITE)])
        for report, signer in ((BAD, SIGNER), (GOOD, THIEF)):
            later = report if signer is SIGNER else msgspec.structs.replace(report, at_ms=NOW)
            kept = report_of(SITE, as_detail(signed(later, signer)), NOW)
            await records.save_batch(Batch(reports=[kept]))
        await records.close()

    asyncio.run(fill())
    return tmp_path


def call(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_a_shelter_is_shown_with_what_is_missing_and_what_to_do(data: Path) -> None:
    told = call("sites", "show", SITE, "--data", str(data)).stdout
    assert "stage: installed" in told
    assert "missing: sign_not_proven" in told
    assert f"accept-key {SITE} {OTHER_KEY}" in told
    shown = json.loads(call("sites", "show", SITE, "--data", str(data), "--json").stdout)
    assert shown["switchable"] is False
    assert len(shown["reports"]) == 2


def test_accepting_a_key_names_the_person_and_changes_the_stage(data: Path) -> None:
    call("sites", "accept-key", SITE, OTHER_KEY, "--by", "a person", "--why", "new box", "--data", str(data))
    shown = json.loads(call("sites", "show", SITE, "--data", str(data), "--json").stdout)
    assert shown["stage"] == "verified"
    assert [key["by"] for key in shown["keys"]] == ["", "a person"]
    again = call("sites", "accept-key", SITE, OTHER_KEY, "--by", "p", "--why", "w", "--data", str(data), code=2)
    assert "holds already" in again.output


def test_a_key_that_never_came_is_not_accepted(data: Path) -> None:
    strange = "0000-0000-0000-0000"
    told = call("sites", "accept-key", SITE, strange, "--by", "p", "--why", "w", "--data", str(data), code=2)
    assert OTHER_KEY in told.output


def test_the_list_filters_by_stage(data: Path) -> None:
    found = json.loads(call("sites", "list", "--stage", "installed", "--json", "--data", str(data)).stdout)
    assert [(each["id"], each["stage"]) for each in found] == [(SITE, "installed")]
    assert json.loads(call("sites", "list", "--stage", "planned", "--json", "--data", str(data)).stdout) == []
    assert "installed" in call("sites", "list", "--data", str(data)).stdout


def test_a_list_that_goes_into_a_pipe_cuts_no_name(tmp_path: Path) -> None:
    name = "とても長い名前の小学校の、地域に開かれた体育館（合成）"

    async def fill() -> None:
        records = await Records.open(tmp_path / "records.sqlite")
        await records.save_sites([replace(site(SITE), name=name)])
        await records.close()

    asyncio.run(fill())
    pipe = {"COLUMNS": None}  # Workers of the tests say one.
    told = CliRunner().invoke(app, ["sites", "list", "--data", str(tmp_path)], catch_exceptions=False, env=pipe).stdout
    assert SITE in told
    assert name in told


def test_reports_are_listed_and_their_documents_come_out_as_signed(data: Path) -> None:
    listed = json.loads(call("reports", "list", "--json", "--data", str(data)).stdout)
    assert [each["stage"] for each in listed] == ["verified", "installed"]
    assert listed[1]["sha256"][:12] in call("reports", "list", "--data", str(data)).stdout
    document = call("reports", "show", listed[1]["sha256"][:10], "--data", str(data)).stdout
    assert document.encode() == signed(BAD).document
    assert "0 reports" in call("reports", "show", "zz", "--data", str(data), code=2).output


def test_an_unknown_shelter_is_told_so(data: Path) -> None:
    assert "not registered" in call("sites", "show", "E0000000009991", "--data", str(data), code=2).output


def test_a_report_of_a_simulated_cabinet_is_told_apart_from_no_report(tmp_path: Path) -> None:
    async def fill() -> None:
        records = await Records.open(tmp_path / "records.sqlite")
        await records.save_sites([site(SITE)])
        simulated = msgspec.structs.replace(GOOD, is_synthetic=True)
        kept = report_of(SITE, as_detail(signed(simulated, SIGNER)), NOW)
        await records.save_batch(Batch(reports=[kept]))
        await records.close()

    asyncio.run(fill())
    told = call("sites", "show", SITE, "--data", str(tmp_path)).stdout
    assert "stage: planned" in told
    assert "only reports of simulated cabinets" in told
    assert "no report yet" not in told
