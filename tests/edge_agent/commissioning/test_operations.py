"""The steps of a commissioning against simulated shelters: what is proven, what is not, and what is lost (nothing)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from pathlib import Path

import pytest

from contract.commissioning import CheckVerdict, ControlVerdict, SiteStage, judge, of_detail
from contract.signing import is_signed_by
from edge_agent.commissioning.draft import Step, StepState, TakenDevice, of_json
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.progress import Progress
from edge_agent.commissioning.report_files import read_signed
from edge_agent.commissioning.store import DRAFT_FILE, StoreError
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.talk import Terminal
from edge_agent.commissioning.walk import Walk
from edge_agent.commissioning.walk_options import Options
from edge_agent.core.outcomes import Failure
from simulator.planted import Planted
from tests.edge_agent.commissioning.walk_parts import Cabinet, cabinet, devices_of
from tests.edge_agent.judging.wire import shelter

FAMILIES = ("huawei-sun2000", "sungrow-sh", "goodwe-et", "solaredge", "victron-gx", "sma", "fronius-gen24")


async def walked(at: Cabinet, *kinds: str) -> SiteStage:
    """Every needed step once; the stage that follows."""
    await at.commissioning.check(at.tell)
    await at.commissioning.load_step(2_000, at.switch_load, at.tell, phase="l1")
    for device, control in await at.commissioning.controls():
        if control.kind in kinds:
            await at.commissioning.control_test(device, control.kind, at.tell, ask=at.ask)
    return judge(at.commissioning.finish("備考").report).stage


@pytest.mark.parametrize("profile", FAMILIES)
async def test_a_right_cabinet_is_verified_and_its_battery_is_left_as_it_was(tmp_path: Path, profile: str) -> None:
    async with cabinet(tmp_path, profile) as at:
        device = at.shelter.simulated.devices["inverter"]
        before = {each.name: device.value_of(each.name) for each in device.device_map.registers}
        kind = "charge" if profile == "sma" else "reserve"
        stage = await walked(at, kind)
        draft = at.commissioning.draft
        assert draft.load_step is not None
        assert draft.load_step.is_proven
        (done,) = draft.controls
        assert done.result.verdict is ControlVerdict.PASSED, done
        assert done.kind == ""
        assert stage is SiteStage.VERIFIED
        after = {each.name: device.value_of(each.name) for each in device.device_map.registers}
        assert after == before
        if kind == "reserve":
            assert done.result.before == done.result.restored
            assert done.result.written == done.result.read_back
            assert 5 <= abs((done.result.written or 0) - (done.result.before or 0)) <= 10


async def test_the_report_is_signed_says_everything_and_waits_for_the_agent(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "huawei-sun2000") as at:
        await walked(at, "reserve")
        written = read_signed(tmp_path / at.commissioning.draft.report)
    report = written.report
    assert written.signed.is_genuine
    assert report.is_synthetic
    assert report.sign_proven
    assert report.remarks == "備考"
    assert {device.id for device in report.devices} == {"inverter", "meter", "relay"}
    assert all(device.online and device.values for device in report.devices)
    assert report.config_sha256 == hashlib.sha256((tmp_path / "site.yaml").read_bytes()).hexdigest()
    assert report.request_sha256 == hashlib.sha256((tmp_path / "keys" / "edge.csr").read_bytes()).hexdigest()
    kinds = {check.verdict for check in report.checks}
    assert {CheckVerdict.PASSED, CheckVerdict.NOT_JUDGED} <= kinds
    assert all(check.ja and check.en for check in report.checks)
    (waiting,) = (tmp_path / "reports").glob("*.report")
    assert of_detail(json.loads(waiting.read_bytes())) == written.signed
    for lang in ("ja", "en"):
        assert written.page(lang).read_text(encoding="utf-8").startswith("<!doctype html>")
    changed = written.signed.document.replace(b"verified", b"verifief").replace(b"2000", b"2001")
    assert not is_signed_by(written.signed.public, changed, written.signed.signature)


async def test_a_turned_meter_keeps_a_shelter_from_being_verified_and_is_named(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et", faults=[Planted.SWAPPED_CT]) as at:
        assert await walked(at, "reserve") is SiteStage.INSTALLED
        report = read_signed(tmp_path / at.commissioning.draft.report).report
    failed = {check.kind for check in report.checks if check.verdict is CheckVerdict.FAILED}
    assert failed & {"swapped_ct", "step_turned"}
    assert "swapped_ct" in {check.kind for check in report.checks}
    assert not report.sign_proven
    assert "sign_not_proven" in judge(report).missing


@pytest.mark.parametrize(
    ("fault", "control", "kind"),
    [
        (Planted.WRITE_IGNORED, "reserve", Failure.WRITE_IGNORED),
        (Planted.WRITE_REVERTS, "reserve", "write_reverts"),
        (Planted.WRITE_SCALED, "reserve", Failure.WRITE_SCALED),
        (Planted.NO_EFFECT, "charge", "no_effect"),
    ],
)
@pytest.mark.parametrize("profile", ["sungrow-sh", "victron-gx"])
async def test_what_fails_in_silence_is_named_and_the_report_says_so(
    tmp_path: Path, profile: str, fault: Planted, control: str, kind: str
) -> None:
    async with cabinet(tmp_path, profile, faults=[fault]) as at:
        stage = await walked(at, control)
        (done,) = at.commissioning.draft.controls
        assert done.kind == kind, done.result.en
        # What reads back as a tenth cannot be seen to be back where it was either.
        expected = ControlVerdict.NOT_RESTORED if fault is Planted.WRITE_SCALED else ControlVerdict.FAILED
        assert done.result.verdict is expected
        assert done.advice is not None
        assert stage is SiteStage.INSTALLED
        report = read_signed(tmp_path / at.commissioning.draft.report).report
    assert kind in {check.kind for check in report.checks if check.verdict is CheckVerdict.FAILED}
    assert {"control_failed:inverter", "not_restored:inverter"} & set(judge(report).missing)


@pytest.mark.parametrize("profile", ["goodwe-et", "victron-gx"])
async def test_every_control_of_a_site_is_tried_and_put_back(tmp_path: Path, profile: str) -> None:
    async with cabinet(tmp_path, profile) as at:
        device = at.shelter.simulated.devices["inverter"]
        before = {each.name: device.value_of(each.name) for each in device.device_map.registers}
        for of, control in await at.commissioning.controls():
            done = await at.commissioning.control_test(of, control.kind, at.tell, ask=at.ask)
            assert done.result.verdict in (ControlVerdict.PASSED, ControlVerdict.NOT_TESTED), done
            assert (done.result.ja, done.result.en) != ("", "")
        assert {each.name: device.value_of(each.name) for each in device.device_map.registers} == before
        assert all(at.shelter.simulated.world.controls.closed)


async def test_relays_are_switched_once_and_the_person_says_what_went_dark(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        at.answers["tier_opened"] = "体育館の照明"
        done = await at.commissioning.control_test("relay", "tier1", at.tell, ask=at.ask)
        assert done.result.verdict is ControlVerdict.PASSED
        assert at.asked == ["tier_opened tier1"]
        assert "体育館の照明" in done.result.ja
        assert at.shelter.simulated.world.controls.closed[0]


async def test_a_test_that_is_stopped_restores_at_once_and_one_that_is_killed_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with cabinet(tmp_path, "sungrow-sh") as at:
        device = at.shelter.simulated.devices["inverter"]
        before = device.value_of("reserve")
        reached = asyncio.Event()

        def tell(progress: Progress) -> None:
            if progress.kind == "control_holds":
                reached.set()
                task.cancel()

        task = asyncio.create_task(at.commissioning.control_test("inverter", "reserve", tell))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert reached.is_set()
        assert device.value_of("reserve") == before
        assert not at.commissioning.must_mend
        assert at.commissioning.draft.controls == ()


async def test_a_grid_that_is_away_and_a_full_battery_are_said_and_nothing_is_written(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "huawei-sun2000", soc_pct=99.0) as at:
        done = await at.commissioning.control_test("inverter", "charge")
        assert (done.result.verdict, done.kind) == (ControlVerdict.NOT_TESTED, "battery_full")
        at.shelter.simulated.turn_grid()
        at.shelter.simulated.advance(at.shelter.simulated.world.at_ms + 10_000)
        done = await at.commissioning.control_test("inverter", "reserve")
        assert (done.result.verdict, done.kind) == (ControlVerdict.NOT_TESTED, "grid_lost")
        assert at.commissioning.draft.written_ms == {}
        with pytest.raises(StepError, match="no_control"):
            await at.commissioning.control_test("inverter", "tier1")


async def test_a_second_test_waits_until_the_memory_may_be_written_again(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await at.commissioning.control_test("inverter", "reserve", at.tell)
        assert "control_spares" not in at.kinds
        began_ms = at.shelter.simulated.world.at_ms
        again = await at.commissioning.control_test("inverter", "reserve", at.tell)
        assert again.result.verdict is ControlVerdict.PASSED
        assert "control_spares" in at.kinds
        assert at.shelter.simulated.world.at_ms - began_ms < 200_000


async def test_every_step_is_on_disk_when_it_ends_and_an_edited_file_clears_what_was_tested(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await at.commissioning.check()
        assert of_json((tmp_path / DRAFT_FILE).read_bytes()) == at.commissioning.draft
        await at.commissioning.control_test("inverter", "reserve")
        kept = at.commissioning.draft
        assert of_json((tmp_path / DRAFT_FILE).read_bytes()) == kept
        at.commissioning.close()
        with Commissioning(tmp_path) as again:
            assert again.was_begun
            assert not again.was_edited
            assert again.draft == kept
            assert again.states[Step.CHECK] is StepState.DONE
            assert again.next_step is Step.LOAD_STEP
        path = tmp_path / "site.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("interval_s: 5", "interval_s: 10"), encoding="utf-8")
        with Commissioning(tmp_path) as edited:
            assert edited.was_edited
            assert edited.draft.check is None
            assert edited.draft.controls == ()
            assert edited.draft.technician == kept.technician
            edited.write_config()
        assert "interval_s: 10" not in path.read_text(encoding="utf-8")


async def test_other_devices_clear_what_was_tested_and_impossible_ones_are_refused(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await at.commissioning.check()
        devices = devices_of(at.shelter)
        at.commissioning.take_devices(devices)
        assert at.commissioning.draft.check is not None, "the same devices keep their results"
        at.commissioning.take_devices(devices[:2])
        assert at.commissioning.draft.check is None
        with pytest.raises(StepError, match="no_devices"):
            at.commissioning.take_devices([])
        with pytest.raises(StepError, match="name_twice"):
            at.commissioning.take_devices([devices[0], devices[0]])


async def test_a_device_that_is_named_after_the_choice_is_not_passed_over_without_a_word(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        devices = devices_of(at.shelter)
        relay = next(device for device in devices if device.id == "relay")
        others = [device for device in devices if device is not relay]

        def greeted(*named: TakenDevice, redo: tuple[Step, ...] = ()) -> str:
            said = io.StringIO()
            Walk(at.commissioning, Options(take=named, redo=redo), Terminal("en", out=said), "en")._greet()
            return said.getvalue()

        at.commissioning.take_devices(others)
        assert "--take relay is not used" in greeted(relay)
        assert "--redo devices" in greeted(others[0], relay)
        assert "is not used" not in greeted(*others)
        assert "is not used" not in greeted(relay, redo=(Step.DEVICES,))


async def test_a_site_file_that_was_there_is_worked_with_and_keeps_its_words(tmp_path: Path) -> None:
    async with shelter(tmp_path, "sungrow-sh") as at:
        (tmp_path / "site.yaml").write_text(json.dumps(at.config), encoding="utf-8")
        with Commissioning(tmp_path) as commissioning:
            assert commissioning.next_step is Step.SITE
            commissioning.describe(technician="A")
            assert commissioning.next_step is Step.CHECK


def test_two_cannot_work_on_one_folder_and_a_damaged_record_is_left_alone(tmp_path: Path) -> None:
    with Commissioning(tmp_path), pytest.raises(StoreError, match="busy"):
        Commissioning(tmp_path)
    (tmp_path / DRAFT_FILE).write_bytes(b'{"v": 1, "sites": []}')
    with pytest.raises(StoreError, match="damaged"):
        Commissioning(tmp_path)
    assert (tmp_path / DRAFT_FILE).read_bytes() == b'{"v": 1, "sites": []}'


def test_a_report_needs_a_technician_and_a_check(tmp_path: Path) -> None:
    with Commissioning(tmp_path) as commissioning:
        with pytest.raises(StepError, match="no_technician"):
            commissioning.finish()
        commissioning.describe(technician="A")
        with pytest.raises(StepError, match="no_check"):
            commissioning.finish()
