"""The control loop: what is kept before it is sent, what a restart does, deadlines, proofs, drills, keys."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from central.control import NoKeyError, UnknownError
from central.core.audit import Action, first_fault
from central.core.incidents import Act, Phase
from central.core.orders import Outcome, crew_list
from central.core.preview import Hours, Reach
from central.core.refusals import No, RefusedError
from central.core.scope import Scope, ScopeError, ScopeKind
from central.core.switching import Hold
from central.store.base import StoreError, StoreRefusedError
from contract.signing import Signer
from contract.steering import GridState, Mode, Reason, Receipt, Reported, Source, Stage
from tests.central.control.parts import BACKUP, CITY, DRILL, IDS, NOW, STORM, House, house, one
from tests.central.fleet import WARDS
from tests.support import eventually

KEY = Signer.new()
UNPROVEN, FIRST, SECOND, *REST = IDS
DONE = (Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED)


async def test_only_proven_shelters_are_told_and_each_by_one_signed_order(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        incident = await city.active()
        await eventually(lambda: len(city.sent) >= 5, what="orders are sent")
        assert sorted(site for site, _ in city.sent) == IDS[1:]
        (order,) = city.orders(FIRST)
        assert (order.mode, order.revision, order.incident, order.reason) == (Mode.BACKUP, 1, incident.id, "台風")
        members = {member.site: member for member in await city.control.members(incident)}
        assert members[UNPROVEN].word == Hold.NOT_VERIFIED.value
        assert members[FIRST].word == Outcome.NO_ANSWER.value


async def test_a_service_that_dies_sends_the_same_bytes_again_and_decides_nothing_anew(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        await city.active()
        await city.tell(FIRST, *DONE)
        await eventually(lambda: len(city.sent) >= 5, what="orders are sent")
        before, book = dict(city.sent), await city.book()
    async with house(tmp_path, signer=KEY, is_new=False) as again:
        await eventually(lambda: len(again.sent) >= 5, what="orders are sent again")
        assert dict(again.sent) == before
        await again.control.look()
        assert await again.book() == book
        standing = again.control.fleet.standing(FIRST, NOW)
        assert standing is not None
        assert standing.outcome is Outcome.OBEYS


async def test_a_new_connection_gets_everything_again_and_a_lost_one_loses_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        city.is_connected = False
        await city.active()
        await city.control.look()
        assert city.sent == []
        city.is_connected = True
        city.control.send_all()
        await eventually(lambda: len(city.sent) >= 5, what="orders are sent")
        first = dict(city.sent)
        city.sent.clear()
        city.control.send_all()
        await eventually(lambda: dict(city.sent) == first, what="and sent again")


async def test_what_the_database_did_not_take_did_not_happen(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        made = await city.control.declare(BACKUP, CITY, by="田中", why="台風")
        await city.records.close()
        with pytest.raises(StoreError):
            await city.control.confirm(made.id, by="佐藤", why="w")
        assert city.control.incident(made.id).phase is Phase.DECLARED
        assert city.control.fleet.orders == {}
        assert city.sent == []


async def test_without_a_key_nothing_is_confirmed_and_the_way_out_is_told(tmp_path: Path) -> None:
    async with house(tmp_path) as city:
        made = await city.control.declare(BACKUP, CITY, by="田中", why="台風")
        with pytest.raises(NoKeyError, match="keys new"):
            await city.control.confirm(made.id, by="佐藤", why="w")
        assert city.control.incident(made.id).phase is Phase.DECLARED
        city.signer = KEY
        assert (await city.control.confirm(made.id, by="佐藤", why="w")).phase is Phase.ACTIVE
        # A key that is lost later stops orders, and says so.
        city.signer = None
        city.clock.now_ms += 29 * 86_400_000
        await city.control.look()
        assert "keys new" in city.control.trouble
        city.signer = KEY
        await city.control.look()
        assert city.control.trouble == ""


async def test_a_shelter_that_is_proven_later_is_told_then(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY, verified=[FIRST]) as city:
        incident = await city.active(scope=one(FIRST, SECOND))
        assert [m.hold for m in await city.control.members(incident)] == ["", "not_verified"]
        proofs = await city.records.proofs()
        city.live.set_proofs({**proofs, SECOND: proofs[FIRST]})
        await city.control.look()
        assert [m.hold for m in await city.control.members(incident)] == ["", ""]
        await eventually(lambda: len(city.orders(SECOND)) == 1, what="it is told")


async def test_a_deadline_that_passes_is_told_once_and_survives_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        await city.active(scope=one(FIRST, SECOND))
        await city.tell(SECOND, Stage.ACCEPTED, Stage.FAILED, reason=Reason.PLANT_DISOBEYS)
        await city.control.look()
        city.clock.now_ms += 60_000
        await city.control.look()
        await city.control.look()
        told = [e.decision for e in await city.records.decisions.book() if e.decision.action is Action.ESCALATED]
        assert [(d.site, d.why) for d in told] == [(SECOND, "plant_disobeys"), (FIRST, "no_answer")]
        crew = crew_list(city.control.fleet.standings(city.clock.now_ms))
        assert [each.site for each in crew] == [FIRST, SECOND]
        # It comes back late, proves it, and leaves the list by itself.
        await city.tell(FIRST, *DONE)
        assert [each.site for each in crew_list(city.control.fleet.standings(city.clock.now_ms))] == [SECOND]
        late_ms = city.clock.now_ms
    async with house(tmp_path, signer=KEY, is_new=False) as again:
        again.clock.now_ms = late_ms
        await again.control.look()
        assert (await again.book()).count(Action.ESCALATED) == 2


async def test_overlapping_incidents_and_the_end_of_each(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        storm = await city.active(STORM, CITY)
        quake = await city.active(BACKUP, one(FIRST, SECOND))
        modes = {site: order.desired.mode for site, order in city.control.fleet.orders.items()}
        assert modes == {site: Mode.BACKUP if site in (FIRST, SECOND) else Mode.STORM_WATCH for site in IDS[1:]}
        await city.control.end(quake.id, Act.STAND_DOWN, by="田中", why="解消")
        assert {order.desired.mode for order in city.control.fleet.orders.values()} == {Mode.STORM_WATCH}
        # Nobody is out of what was released: another incident holds them.
        assert (await city.control.end(quake.id, Act.CLOSE, by="田中", why="終了")).phase is Phase.CLOSED
        await city.control.end(storm.id, Act.STAND_DOWN, by="田中", why="解消")
        with pytest.raises(RefusedError) as caught:
            await city.control.end(storm.id, Act.CLOSE, by="田中", why="終了")
        assert caught.value.no is No.STILL_OUT
        for site in IDS[1:]:
            await city.tell(site, *DONE, revision=city.control.fleet.orders[site].revision)
        closed = await city.control.end(storm.id, Act.CLOSE, by="田中", why="終了")
        assert closed.phase is Phase.CLOSED
        assert first_fault(await city.records.decisions.book()) == ""


async def test_a_closed_incident_is_shown_as_it_was_then(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        incident = await city.active(scope=one(FIRST))
        await city.tell(FIRST, *DONE)
        await city.control.end(incident.id, Act.STAND_DOWN, by="田中", why="解消")
        city.clock.now_ms += 1_000
        await city.tell(FIRST, *DONE, revision=2)
        city.clock.now_ms += 1_000
        incident = await city.control.end(incident.id, Act.CLOSE, by="田中", why="終了")
        city.clock.now_ms += 1_000
        await city.active(scope=one(FIRST))
        await city.tell(FIRST, Stage.REFUSED, reason=Reason.LOCKED_OUT, revision=3)
        (member,) = await city.control.members(incident)
        assert (member.word, member.is_done) == ("obeys", True)
        assert member.standing is not None
        assert (member.standing.order.revision, member.standing.order.desired.mode) == (2, Mode.NORMAL)


async def test_a_drill_is_judged_and_changes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        drill = await city.active(DRILL, CITY)
        assert drill.id.startswith("D")
        await city.tell(FIRST, Stage.ACCEPTED, Stage.REFUSED, reason=Reason.DRILL)
        city.clock.now_ms += 10**7
        members = {member.site: member for member in await city.control.members(drill)}
        assert members[FIRST].word == "drilled"
        assert members[FIRST].is_done
        assert crew_list(city.control.fleet.standings(city.clock.now_ms)) == []
        await city.control.end(drill.id, Act.STAND_DOWN, by="田中", why="終了")
        await eventually(lambda: len(city.orders(FIRST)) == 2, what="its end is told")
        assert all(order.is_drill and not order.is_live_drill for order in city.orders(FIRST))
        assert (await city.control.end(drill.id, Act.CLOSE, by="田中", why="終了")).phase is Phase.CLOSED


async def test_breaking_the_glass_stands_in_the_book(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        made = await city.control.declare(BACKUP, CITY, by="田中", why="地震")
        with pytest.raises(RefusedError):
            await city.control.confirm(made.id, by="田中", why="一人")
        await city.control.confirm(made.id, by="田中", why="一人", break_glass=True)
        assert await city.book() == [Action.DECLARED, Action.BREAK_GLASS, Action.CONFIRMED]
        assert [entry.is_loud for entry in await city.records.decisions.book()] == [False, True, False]


async def test_groups_are_saved_used_and_changed(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        await city.control.save_group("沿岸部", one(FIRST, SECOND), by="田中", why="津波想定")
        scope = Scope(ScopeKind.GROUP, ("沿岸部",))
        made = await city.control.declare(BACKUP, scope, by="田中", why="津波")
        await city.control.save_group("沿岸部", one(SECOND), by="田中", why="見直し")
        # The scope is looked up again when it is confirmed.
        incident = await city.control.confirm(made.id, by="佐藤", why="確認")
        assert incident.sites == {SECOND}
        with pytest.raises(ScopeError, match="near: 沿岸部"):
            await city.control.declare(BACKUP, Scope(ScopeKind.GROUP, ("沿岸",)), by="田中", why="w")
        for name in ("", " ", "a\nb" * 60):
            with pytest.raises(ScopeError):
                await city.control.save_group(name, one(FIRST), by="田中", why="w")
    async with house(tmp_path, signer=KEY, is_new=False) as again:
        assert again.control.groups["沿岸部"].sites == (SECOND,)


async def test_a_preview_puts_every_shelter_into_one_class(tmp_path: Path) -> None:
    def hours(site: str) -> Hours:
        return Hours(p10_h=5.0, p50_h=9.0) if site == FIRST else Hours(p10_h=None, p50_h=None)

    locked = Reported(at_ms=NOW, mode=Mode.MAINTENANCE, source=Source.LOCK_OUT, grid=GridState.PRESENT)
    async with house(tmp_path, signer=KEY, hours=hours) as city:
        await city.tell(SECOND, reported={SECOND: locked})
        found = city.control.preview(BACKUP, CITY)
        reaches = {shelter.site: shelter.reach for shelter in found.shelters}
        assert reaches[UNPROVEN] is Reach.NOT_VERIFIED
        assert reaches[SECOND] is Reach.LOCKED
        assert reaches[FIRST] is Reach.OFFLINE
        assert sum(found.counts.values()) == len(IDS)
        assert (found.shortest_p10_h, found.median_p50_h, found.hours_known) == (5.0, 9.0, 1)
        assert found.is_citywide
        ward = city.control.preview(BACKUP, Scope(ScopeKind.WARD, (WARDS[0],)))
        assert not ward.is_citywide
        assert len(ward.shelters) == 2
        assert await city.book() == []


async def test_a_refused_message_is_a_hint_and_never_a_verdict(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        await city.active(scope=one(FIRST))
        await city.tell(FIRST, Stage.REFUSED, reason=Reason.FOREIGN_KEY, revision=0)
        standing = city.control.fleet.standing(FIRST, city.clock.now_ms)
        assert standing is not None
        assert (standing.outcome, standing.cause) == (Outcome.NO_ANSWER, "foreign_key")
        await city.tell(FIRST, *DONE)
        standing = city.control.fleet.standing(FIRST, city.clock.now_ms)
        assert standing is not None
        assert (standing.outcome, standing.cause) == (Outcome.OBEYS, "")
    async with house(tmp_path, signer=KEY, is_new=False) as again:
        standing = again.control.fleet.standing(FIRST, NOW)
        assert standing is not None
        assert standing.outcome is Outcome.OBEYS


async def test_a_shelter_s_word_in_the_city_view_is_what_it_has_proven(tmp_path: Path) -> None:
    def shown(city: House) -> Mode | None:
        found = city.live.site(FIRST, city.clock.now_ms)
        assert found is not None
        return found.steering.mode

    def state(stage: Stage) -> dict[str, Reported]:
        receipt = Receipt(revision=1, stage=stage, at_ms=city.clock.now_ms)
        told = Reported(at_ms=city.clock.now_ms, revision=1, mode=Mode.BACKUP, source=Source.CITY, receipt=receipt)
        return {FIRST: told}

    async with house(tmp_path, signer=KEY) as city:
        await city.active(scope=one(FIRST))
        assert shown(city) is None
        await city.tell(FIRST, Stage.ACCEPTED, Stage.READ_BACK, reported=state(Stage.READ_BACK))
        assert shown(city) is None
        city.clock.now_ms += 5_000
        await city.tell(FIRST, Stage.VERIFIED, reported=state(Stage.VERIFIED))
        assert shown(city) is Mode.BACKUP
        city.clock.now_ms += 5_000
        await city.tell(FIRST, Stage.REVERTED, reason=Reason.FELL_BACK)
        assert shown(city) is None


async def test_decisions_at_the_same_moment_do_not_cross(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        made = await asyncio.gather(*(city.control.declare(STORM, one(FIRST), by="田中", why=f"{n}") for n in range(8)))
        assert len({incident.id for incident in made}) == 8
        results = await asyncio.gather(
            *(city.control.confirm(made[0].id, by="佐藤", why="w") for _ in range(5)), return_exceptions=True
        )
        assert sum(isinstance(result, RefusedError) for result in results) == 4
        assert city.control.fleet.orders[FIRST].revision == 1
        assert first_fault(await city.records.decisions.book()) == ""


async def test_an_unknown_incident_is_told(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY) as city:
        with pytest.raises(UnknownError):
            await city.control.confirm("I1", by="a", why="b")


async def test_the_same_revision_is_never_kept_twice(tmp_path: Path) -> None:
    async with house(tmp_path, signer=KEY, run=False) as city:
        await city.active(scope=one(FIRST))
        order = city.control.fleet.orders[FIRST]
        changed = msgspec.structs.replace(order.desired, mode=Mode.ISOLATED)
        from central.core.orders import Order

        with pytest.raises(StoreRefusedError):
            await city.records.decisions.decide([], [Order(desired=changed, payload=order.payload)])
        assert (await city.records.decisions.orders())[FIRST] == order


async def test_a_book_that_was_changed_is_said_when_the_service_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house(tmp_path, signer=Signer.new()) as here:
        await here.active()
    with sqlite3.connect(tmp_path / "records.sqlite") as db:
        db.execute("UPDATE audit SET why = '別の理由' WHERE n = 2")
    async with house(tmp_path, signer=Signer.new(), is_new=False, run=False):
        pass
    said = capsys.readouterr()
    assert "book_changed" in said.out + said.err
    assert "entry 2 was changed" in said.out + said.err
