"""What a test may leave in a device, and what a report must then say; plants and files that change in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest
from msgspec.structs import replace

from contract.commissioning import CHECK_AGE_MS_MAX, CheckVerdict, ControlVerdict, ReportedDevice, SiteStage, judge
from device_profiles.load import Profile
from device_profiles.model import Block
from edge_agent.commissioning.draft import CheckDone, Draft, Step, of_json, to_json
from edge_agent.commissioning.left import DAMAGED_KIND, DROPPED_KIND, left_behind
from edge_agent.commissioning.live import live_plant
from edge_agent.commissioning.operations import DAMAGED, Commissioning
from edge_agent.commissioning.progress import Progress
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.walk import to_do_again
from edge_agent.config import BusConfig
from edge_agent.core.saved import Saved, SavedRegister
from edge_agent.io.bus import LinkDown, RegisterLine
from edge_agent.io.journal import Journal, journal_path
from edge_agent.obey import Obeyer
from edge_agent.words_orders import mended_in_words
from tests.edge_agent.commissioning.walk_parts import Cabinet, cabinet
from tests.edge_agent.fieldbus.test_cli import ended, start
from tests.edge_agent.judging.wire import unpaced


async def proven(at: Cabinet) -> None:
    """Everything that makes a shelter verified."""
    await at.commissioning.check()
    await at.commissioning.load_step(2_000, at.switch_load, phase="l1")
    done = await at.commissioning.control_test("inverter", "reserve")
    assert done.result.verdict is ControlVerdict.PASSED


async def cut_off(at: Cabinet) -> Saved:
    """A control test that another process began and that was killed after its write."""
    config = at.commissioning.config()
    with live_plant(config, unpaced) as live, Journal.open(journal_path(config.outbox.path)) as journal:
        place = await live.place("inverter")
        it = Obeyer(place.bus.line, place.session.unit, place.map, place.session.timeout_s, device="inverter")
        control = it.control("reserve")
        assert control is not None
        saved = await it.snapshot(control)
        journal.put(saved)
        before = saved.registers[0].value
        assert before is not None
        assert (await it.order(control, {"soc_pct": before + 10})).is_good
    return saved


async def test_what_is_left_in_a_device_stands_in_the_report_whatever_was_proven_before(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await proven(at)
        await cut_off(at)
        report = at.commissioning.finish().report
        assert judge(report).missing[0] == "not_restored:inverter"
        (left,) = report.controls
        assert left.verdict is ControlVerdict.NOT_RESTORED
        assert left.ja
        (mended,) = await at.commissioning.mend()
        assert mended.is_done
        assert judge(at.commissioning.finish().report).stage is SiteStage.VERIFIED


async def test_the_next_test_of_a_device_puts_back_first_what_an_earlier_one_left(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        device = at.shelter.simulated.devices["inverter"]
        before = device.value_of("reserve")
        await cut_off(at)
        assert device.value_of("reserve") != before
        done = await at.commissioning.control_test("inverter", "reserve")
        assert (done.result.before, done.result.restored) == (before, before)
        assert device.value_of("reserve") == before
        assert not at.commissioning.must_mend


async def test_a_person_may_give_up_an_entry_and_the_report_says_so(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await proven(at)
        saved = await cut_off(at)
        with pytest.raises(StepError, match="no_restore"):
            at.commissioning.forget_restore("another")
        told = at.commissioning.forget_restore(saved.id)
        assert "inverter" in told.ja
        assert not at.commissioning.must_mend
        assert of_json(to_json(at.commissioning.draft)).dropped == (told,)
        report = at.commissioning.finish().report
        assert [c.verdict for c in report.checks if c.kind == DROPPED_KIND] == [CheckVerdict.WARNED]


async def test_the_command_gives_up_an_entry_says_what_it_means_and_names_those_there_are(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        saved = await cut_off(at)
        at.commissioning.close()
        wrong = await ended(await start("commission", "--dir", str(tmp_path), "--forget-restore", "x"), 60)
        assert wrong[0] == 2
        assert saved.id in wrong[2]
        right = await ended(await start("commission", "--dir", str(tmp_path), "--forget-restore", saved.id), 60)
        assert right[0] == 0
        assert "inverter" in right[1]
        with Commissioning(tmp_path) as again:
            assert not again.must_mend
            assert len(again.draft.dropped) == 1


async def test_a_journal_that_cannot_be_read_keeps_a_shelter_from_verified_until_somebody_has_looked(
    tmp_path: Path,
) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await proven(at)
        path = journal_path(at.commissioning.config().outbox.path)
        path.write_bytes(b"00000000 {}\n")
        assert at.commissioning.damaged == 1
        assert f"check_failed:{DAMAGED_KIND}" in judge(at.commissioning.finish().report).missing
        at.commissioning.forget_restore(DAMAGED)
        assert at.commissioning.damaged == 0
        assert not at.commissioning.must_mend
        assert judge(at.commissioning.finish().report).stage is SiteStage.VERIFIED


def test_what_was_given_up_stays_so_while_other_entries_are_pending(tmp_path: Path) -> None:
    path = tmp_path / "x.restore"
    kept = entry(serial="")
    with Journal.open(path) as journal:
        journal.put(kept)
    path.write_bytes(b"garbage\n" + path.read_bytes())
    with Journal.open(path) as journal:
        assert (journal.damaged, journal.pending()) == (1, (kept,))
        assert journal.forget_damaged() == 1
    with Journal.open(path) as journal:
        assert (journal.damaged, journal.pending()) == (0, (kept,))
        journal.done(kept.id)
    assert path.stat().st_size == 0


def entry(serial: str) -> Saved:
    register = SavedRegister(name="reserve", table="holding", address=1, words=(20,), value=20.0)
    return Saved(
        id="a1",
        device="inverter",
        unit=1,
        profile="p",
        kind="reserve",
        taken_ms=0,
        registers=(register,),
        serial=serial,
    )


def test_the_report_names_what_is_left_in_both_languages() -> None:
    left = left_behind([entry("S1")], 2)
    assert [(c.device, c.before) for c in left.controls] == [("inverter", 20.0)]
    for each in (*left.controls, *left.checks):
        assert each.ja
        assert each.en


async def test_what_stood_in_one_device_is_not_written_into_the_one_that_took_its_place(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        saved = await cut_off(at)
        assert saved.serial == ""
        held = at.shelter.simulated.devices["inverter"].value_of("reserve")
        config = at.commissioning.config()
        with Journal.open(journal_path(config.outbox.path)) as journal:
            journal.done(saved.id)
            journal.put(Saved(**{**{n: getattr(saved, n) for n in saved.__slots__}, "serial": "ANOTHER"}))
        (mended,) = await at.commissioning.mend()
        assert not mended.is_done
        for lang in ("ja", "en"):
            assert f"--forget-restore {saved.id}" in mended_in_words(mended, lang)
        assert at.shelter.simulated.devices["inverter"].value_of("reserve") == held
        with pytest.raises(StepError, match="left_before"):
            await at.commissioning.control_test("inverter", "reserve")


async def test_a_device_that_was_exchanged_after_the_check_is_not_tested(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        done = await at.commissioning.check()
        (checked,) = [each for each in done.devices if each.id == "inverter"]
        assert checked.identity["serial"]
        exchanged = replace(checked, identity={**checked.identity, "serial": "ANOTHER"})
        at.commissioning._save(check=replace(done, devices=(exchanged,)))
        with pytest.raises(StepError, match="other_device"):
            await at.commissioning.control_test("inverter", "reserve")


async def test_a_grid_that_goes_in_the_middle_ends_the_test_and_what_stood_there_is_put_back(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        device = at.shelter.simulated.devices["inverter"]
        before = device.value_of("reserve")
        is_gone = False

        def tell(progress: Progress) -> None:
            nonlocal is_gone
            if progress.kind == "control_holds" and not is_gone:
                is_gone = True
                at.shelter.simulated.turn_grid()

        done = await at.commissioning.control_test("inverter", "reserve", tell)
        assert (done.kind, done.result.verdict) == ("grid_lost_midway", ControlVerdict.NOT_TESTED)
        assert device.value_of("reserve") == before
        assert done.advice is not None


class Deaf:
    """A line whose device stops answering reads of registers that hold settings, once it is told to."""

    def __init__(self, line: RegisterLine) -> None:
        self._line = line
        self.is_deaf = False

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        if self.is_deaf and self.hidden is not None and block.start <= self.hidden < block.end:
            raise LinkDown("no answer")
        return await self._line.read(block, unit, timeout_s=timeout_s)

    hidden: int | None = None

    async def write(
        self, block: Block, words: Sequence[int], unit: int, *, timeout_s: float, multiple: bool = False
    ) -> None:
        await self._line.write(block, words, unit, timeout_s=timeout_s, multiple=multiple)
        self.hidden = block.start

    async def identify(self, unit: int, *, timeout_s: float) -> dict[int, str]:
        return await self._line.identify(unit, timeout_s=timeout_s)

    def close(self) -> None:
        self._line.close()

    def __enter__(self) -> Deaf:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


async def test_a_value_that_nobody_saw_staying_is_not_called_proven(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        lines: list[Deaf] = []

        def line_of(bus: BusConfig, profiles: list[Profile]) -> RegisterLine:
            lines.append(Deaf(unpaced(bus, profiles)))
            return lines[-1]

        def tell(progress: Progress) -> None:
            for line in lines:
                line.is_deaf = progress.kind == "control_holds"

        at.commissioning.close()
        with Commissioning(tmp_path, timing=at.commissioning.timing, make_line=line_of) as commissioning:
            done = await commissioning.control_test("inverter", "reserve", tell)
        assert (done.kind, done.result.verdict) == ("hold_unseen", ControlVerdict.FAILED)


async def test_a_site_file_that_is_edited_during_the_tests_makes_them_count_for_nothing(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        await proven(at)
        path = tmp_path / "site.yaml"
        path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
        with pytest.raises(StepError, match="edited"):
            at.commissioning.finish()
        assert at.commissioning.draft.check is None
        with pytest.raises(StepError, match="no_check"):
            at.commissioning.finish()


def test_a_check_that_is_old_is_made_again() -> None:
    draft = Draft(check=CheckDone(at_ms=1_000, devices=(), checks=()))
    assert to_do_again(draft, 1_000 + CHECK_AGE_MS_MAX) == set()
    assert to_do_again(draft, 1_001 + CHECK_AGE_MS_MAX) == {Step.CHECK}


def test_a_report_says_when_each_thing_was_proven() -> None:
    from edge_agent.commissioning.build_report import report_of

    check = CheckDone(
        at_ms=5,
        devices=(
            ReportedDevice(id="d", profile="p", confidence="recorded", address="192.0.2.1:502", unit=1, online=True),
        ),
        checks=(),
    )
    report = report_of(
        Draft(technician="A", check=check),
        site="E0000000001111",
        name="",
        at_ms=9,
        clock_is_set=True,
        software="s",
        request_sha256="",
        config_sha256="",
    )
    assert (report.checked_ms, report.sign_proven_ms) == (5, 0)


class Cut(BaseException):
    """The power goes: nothing of this process happens any more."""


class UntilCut(Deaf):
    """A line that lives for so many requests; the last write may arrive, or not."""

    def __init__(self, line: RegisterLine, left: list[int], *, arrives: bool) -> None:
        super().__init__(line)
        self._left, self._arrives = left, arrives

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        self._spend()
        return await super().read(block, unit, timeout_s=timeout_s)

    async def write(
        self, block: Block, words: Sequence[int], unit: int, *, timeout_s: float, multiple: bool = False
    ) -> None:
        if self._arrives and self._left[0] == 1:
            await super().write(block, words, unit, timeout_s=timeout_s, multiple=multiple)
        self._spend()
        await super().write(block, words, unit, timeout_s=timeout_s, multiple=multiple)

    def _spend(self) -> None:
        self._left[0] -= 1
        if self._left[0] <= 0:
            raise Cut


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize(("profile", "kind", "stride"), [("goodwe-et", "reserve", 1), ("sungrow-sh", "charge", 13)])
async def test_cut_off_between_any_two_requests_the_next_start_puts_back_what_stood_there(
    tmp_path: Path, profile: str, kind: str, stride: int, *, arrives: bool
) -> None:
    async with cabinet(tmp_path, profile, hold_s=4.0) as at:
        device = at.shelter.simulated.devices["inverter"]
        names = [each.name for each in device.device_map.registers]
        before = {name: device.value_of(name) for name in names}
        at.commissioning.close()
        changed = 0
        for requests in range(1, 600, stride):
            left = [requests]

            def line_of(bus: BusConfig, profiles: list[Profile], left: list[int] = left) -> RegisterLine:
                return UntilCut(unpaced(bus, profiles), left, arrives=arrives)

            with Commissioning(tmp_path, timing=at.commissioning.timing, make_line=line_of) as commissioning:
                try:
                    await commissioning.control_test("inverter", kind)
                except Cut:
                    changed += {name: device.value_of(name) for name in names} != before
                else:
                    break
            with Commissioning(tmp_path, timing=at.commissioning.timing, make_line=unpaced) as commissioning:
                assert all(mended.is_done for mended in await commissioning.mend()), requests
                assert not commissioning.must_mend
            assert {name: device.value_of(name) for name in names} == before, requests
        assert changed >= 3, "it was cut off while the test's value stood in the device"
        assert {name: device.value_of(name) for name in names} == before
