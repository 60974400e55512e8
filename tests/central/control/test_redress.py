"""Orders that are sent again, shelters that the registry does not know any more, and numbers that jump."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.control import UnknownError
from central.core.audit import Action
from central.core.incidents import Act, AskedWronglyError
from central.core.orders import Outcome, crew_list
from central.core.refusals import No, RefusedError
from central.core.switching import Hold
from central.fleet import CATCH_UPS_MAX, CATCH_UPS_MS
from central.redress import release, retry, write_off
from contract.signing import Signer
from contract.steering import GridState, Mode, Reason, Reported, Source, Stage
from tests.central.control.parts import IDS, House, house, one

KEY = Signer.new()
FIRST, SECOND = IDS[1:3]
DONE = (Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED)
FAILED = (Stage.ACCEPTED, Stage.FAILED)


def remove(city: House, site: str) -> None:
    """As the registry would be read without it."""
    city.live.set_sites([each for each in city.live.sites() if each.id != site])


async def words(city: House, incident_id: str) -> dict[str, str]:
    return {member.site: member.word for member in await city.control.members(city.control.incident(incident_id))}


async def test_an_order_is_sent_again_to_whom_did_not_obey(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY, run=False) as city:
        incident = await city.active(scope=one(FIRST, SECOND))
        await city.tell(FIRST, *FAILED, reason=Reason.PLANT_DISOBEYS)
        await city.tell(SECOND, *DONE)
        with pytest.raises(AskedWronglyError, match="why"):
            await retry(city.control, incident.id, FIRST, by="田中", why=" ")
        with pytest.raises(UnknownError):
            await retry(city.control, "I20000101-1", FIRST, by="田中", why="w")
        with pytest.raises(RefusedError) as refused:
            await retry(city.control, incident.id, SECOND, by="田中", why="w")
        assert refused.value.no is No.IT_OBEYS
        await retry(city.control, incident.id, FIRST, by="田中", why="遠隔操作を許可した")
        order = city.control.fleet.orders[FIRST]
        assert (order.revision, order.desired.mode, order.desired.incident) == (2, Mode.BACKUP, incident.id)
        assert city.control.fleet.outcome(FIRST) is Outcome.NO_ANSWER
        with pytest.raises(RefusedError) as refused:
            await retry(city.control, incident.id, FIRST, by="田中", why="again")
        assert refused.value.no is No.UNDER_WAY, "so often as there is a deadline, and no more"
        entry = (await city.records.decisions.book())[-1].decision
        assert (entry.action, entry.by, entry.site) == (Action.ORDER_REPEATED, "田中", FIRST)
        assert entry.detail == {"before": 1, "revision": 2, "outcome": "failed"}
        await city.tell(FIRST, *DONE, revision=2)
        assert await words(city, incident.id) == {FIRST: "obeys", SECOND: "obeys"}


async def test_a_shelter_that_was_removed_in_backup_is_no_orphan(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY, run=False) as city:
        control = city.control
        incident = await city.active(scope=one(FIRST, SECOND))
        await city.tell(FIRST, *DONE)
        await city.tell(SECOND, *DONE)
        remove(city, FIRST)
        assert await words(city, incident.id) == {FIRST: Hold.REMOVED.value, SECOND: "obeys"}
        with pytest.raises(RefusedError) as refused:
            await release(control, FIRST, by="田中", why="閉校")
        assert refused.value.no is No.STILL_HELD
        await control.end(incident.id, Act.STAND_DOWN, by="田中", why="解除")
        assert control.fleet.orders[FIRST].desired.mode is Mode.BACKUP, "nothing is sent by itself"
        await city.tell(SECOND, *DONE, revision=2)
        with pytest.raises(RefusedError) as refused:
            await control.end(incident.id, Act.CLOSE, by="田中", why="終わり")
        assert refused.value.no is No.STILL_OUT
        await release(control, FIRST, by="田中", why="閉校")
        order = control.fleet.orders[FIRST]
        assert (order.desired.mode, order.revision) == (Mode.NORMAL, 2)
        assert list(control.fleet.left_behind(control.registered())) == [FIRST], "its answer would not be taken"
        with pytest.raises(RefusedError) as refused:
            await release(control, FIRST, by="田中", why="閉校")
        assert refused.value.no is No.ALREADY
        city.clock.now_ms += 3_600_000
        await control.look()
        assert [each.site for each in crew_list(control.fleet.standings(city.clock.now_ms))] == [FIRST]
        await write_off(control, FIRST, by="田中", why="現地で停止を確認")
        assert control.fleet.left_behind(control.registered()) == {}
        assert crew_list(control.fleet.standings(city.clock.now_ms)) == []
        assert (await words(city, incident.id))[FIRST] == Hold.WRITTEN_OFF.value
        await control.end(incident.id, Act.CLOSE, by="田中", why="終わり")
        assert (await city.book())[-3:] == [Action.ESCALATED, Action.WRITTEN_OFF, Action.CLOSED]
    async with house(tmp_path, signer=KEY, is_new=False, run=False) as again:
        # The registry of the new service knows it, so it is waited for as every other.
        await again.control.look()
        assert again.control.fleet.written_off == set()
        assert FIRST in {each.site for each in again.control.fleet.standings(again.clock.now_ms)}


async def test_what_was_written_off_stays_so_over_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY, run=False) as city:
        incident = await city.active(scope=one(FIRST))
        await city.tell(FIRST, *DONE)
        remove(city, FIRST)
        await city.control.end(incident.id, Act.STAND_DOWN, by="田中", why="解除")
        await write_off(city.control, FIRST, by="田中", why="撤去済み")
    async with house(tmp_path, signer=KEY, is_new=False, run=False) as again:
        remove(again, FIRST)
        await again.control.look()
        assert again.control.fleet.left_behind(again.control.registered()) == {}
        with pytest.raises(RefusedError) as refused:
            await write_off(again.control, FIRST, by="田中", why="撤去済み")
        assert refused.value.no is No.NOT_OUT


async def test_a_shelter_whose_numbers_jump_without_end_is_sent_few_orders(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY, run=False) as city:
        incident = await city.active(scope=one(FIRST))

        async def lie() -> int:
            revision = city.control.fleet.orders[FIRST].revision + 1
            said = Reported(
                mode=Mode.BACKUP, source=Source.CITY, grid=GridState.PRESENT, at_ms=city.clock.now_ms, revision=revision
            )
            await city.tell(FIRST, reported={FIRST: said})
            await city.control.look()
            return city.control.fleet.orders[FIRST].revision

        seen = [await lie() for _ in range(40)]
        assert len(set(seen)) == CATCH_UPS_MAX
        assert len(await city.records.decisions.orders_of(FIRST, limit=100)) == 1 + CATCH_UPS_MAX
        assert await words(city, incident.id) == {FIRST: Hold.NUMBERS_JUMP.value}
        # A decision still reaches it, and a day later it is believed again.
        await city.control.end(incident.id, Act.STAND_DOWN, by="田中", why="解除")
        assert city.control.fleet.orders[FIRST].desired.mode is Mode.NORMAL
        before = city.control.fleet.orders[FIRST].revision
        city.clock.now_ms += CATCH_UPS_MS
        assert await lie() > before
