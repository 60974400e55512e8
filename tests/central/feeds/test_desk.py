"""The desk over real records and the real control loop: kept first, done once, also across restarts and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.alerts.rules import Rule
from central.core.alerts.telegram import Lane, Origin
from central.core.city import EventRecord
from central.core.incidents import Incident, Phase
from central.core.scope import ScopeKind
from central.feeds.desk import AlertDesk, Settled
from central.store.base import StoreError
from central.store.records import Batch
from central.store.telegrams import TelegramRow, Telegrams
from contract.signing import Signer
from contract.steering import Mode
from tests.central.control.parts import IDS, House, house
from tests.central.feeds.parts import CHUO, MIHAMA, MINUTE, PLACES, cancelled, first_report, quake, rule, weather
from tests.central.ingest.parts import NOW

PROPOSES = rule('when: {intensity: "5+"}, then: propose, mode: backup')
ACTS = rule('when: {intensity: "5+"}, then: act, approved_by: [山田, 川上], mode: backup')
ALL = dict.fromkeys(PLACES.names, "6-")


@asynccontextmanager
async def desk(
    folder: Path, rules: tuple[Rule, ...], *, is_new: bool = True, signer: Signer | None = None, drills: bool = True
) -> AsyncIterator[tuple[AlertDesk, House]]:
    async with house(folder, is_new=is_new, signer=signer, run=False) as here:
        made = of(here, rules, drills=drills)
        await made.load()
        yield made, here


def of(here: House, rules: tuple[Rule, ...], *, drills: bool = True, store: Telegrams | None = None) -> AlertDesk:
    settled = Settled(rules=rules, places=PLACES, drills=drills)
    return AlertDesk(settled, store or here.records.telegrams, here.control, sites=here.live.sites, now=here.clock)


async def feed(made: AlertDesk, data: bytes, source: str = "https://x/1.xml") -> str:
    return (await made.take(data, source=source, origin=Origin.FEED)).word


def incidents(here: House) -> list[Incident]:
    return list(here.control.incidents.values())


async def test_a_proposal_waits_for_a_person_and_sends_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES, signer=Signer.new()) as (made, here):
        assert await feed(made, quake({CHUO: "5+"})) == "first"
        (incident,) = incidents(here)
        assert (incident.phase, incident.wish.mode, incident.scope.names) == (Phase.DECLARED, Mode.BACKUP, (CHUO,))
        assert incident.declared.why.startswith(
            "震度5強以上：中央区 5強 / intensity 5 upper or more: Chuo Ward 5 upper ["
        )
        assert not here.control.fleet.orders
        assert await feed(made, quake({CHUO: "5+"}), source="again") == "repeated"
        assert len(incidents(here)) == 1


async def test_a_rule_that_acts_orders_and_the_book_names_both_who_stand_for_it(tmp_path: Path) -> None:
    async with desk(tmp_path, ACTS, signer=Signer.new()) as (made, here):
        await feed(made, quake(ALL))
        (incident,) = incidents(here)
        assert incident.phase is Phase.ACTIVE
        assert incident.confirmed is not None
        assert "川上" in incident.confirmed.by
        assert not incident.broke_glass
        verified = {site for site in incident.sites if here.live.proof(site).is_switchable}
        assert here.control.fleet.orders.keys() == verified
        assert verified


async def test_without_a_key_it_waits_and_is_confirmed_when_there_is_one(tmp_path: Path) -> None:
    async with desk(tmp_path, ACTS) as (made, here):
        await feed(made, quake(ALL))
        assert incidents(here)[0].phase is Phase.DECLARED
        assert "no key" in made.trouble
        here.signer = Signer.new()
        await made.look()
        assert incidents(here)[0].phase is Phase.ACTIVE
        assert made.trouble == ""


async def test_a_training_telegram_only_declares_a_drill(tmp_path: Path) -> None:
    async with desk(tmp_path, ACTS, signer=Signer.new()) as (made, here):
        await feed(made, quake(ALL, status="訓練"))
        (incident,) = incidents(here)
        assert (incident.phase, incident.wish.is_drill, incident.wish.switches) == (Phase.DECLARED, True, False)
        assert incident.id.startswith("D")
        await feed(made, quake(ALL, status="試験"))
        assert len(incidents(here)) == 1
        assert not here.control.fleet.orders


async def test_drills_can_be_left_out(tmp_path: Path) -> None:
    async with desk(tmp_path, ACTS, drills=False) as (made, here):
        await feed(made, quake(ALL, status="訓練"))
        assert incidents(here) == []


async def test_a_correction_replaces_and_a_cancellation_withdraws(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES) as (made, here):
        await feed(made, quake({CHUO: "5+"}))
        assert await feed(made, quake({MIHAMA: "5+"}, info="訂正", sent_ms=NOW + 1_000)) == "corrected"
        assert [(one.phase, one.scope.names) for one in incidents(here)] == [
            (Phase.CLOSED, (CHUO,)),
            (Phase.DECLARED, (MIHAMA,)),
        ]
        assert await feed(made, cancelled()) == "cancelled"
        assert {one.phase for one in incidents(here)} == {Phase.CLOSED}
        assert await feed(made, quake({CHUO: "5+"}), source="late") == "outdated"
        assert {one.phase for one in incidents(here)} == {Phase.CLOSED}


async def test_what_holds_shelters_is_never_ended_by_an_alert(tmp_path: Path) -> None:
    async with desk(tmp_path, ACTS, signer=Signer.new()) as (made, here):
        await feed(made, quake(ALL))
        await feed(made, cancelled())
        (incident,) = incidents(here)
        assert incident.phase is Phase.ACTIVE
        assert made.advised == [incident.id]


async def test_a_restart_does_nothing_twice_and_forgets_nothing(tmp_path: Path) -> None:
    signer = Signer.new()
    async with desk(tmp_path, ACTS, signer=signer) as (made, here):
        await feed(made, first_report("6-"))
        await feed(made, quake({CHUO: "6-"}))
        before = [(one.id, one.phase) for one in incidents(here)]
        asked = made.proposals
    async with desk(tmp_path, ACTS, is_new=False, signer=signer) as (made, here):
        await made.look()
        assert [(one.id, one.phase) for one in incidents(here)] == before
        assert made.proposals == asked
        assert await feed(made, quake({CHUO: "6-"}), source="again") == "repeated"
        assert await feed(made, cancelled()) == "cancelled"


async def test_killed_between_the_telegram_and_the_incident_it_acts_at_the_next_start(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES) as (made, here):
        # Without registered shelters nothing can be declared: as if the process ended before it was.
        here.live.set_sites([])
        await feed(made, quake({CHUO: "5+"}))
        assert incidents(here) == []
    async with desk(tmp_path, PROPOSES, is_new=False) as (made, here):
        await made.look()
        assert [one.phase for one in incidents(here)] == [Phase.DECLARED]


class Broken(Telegrams):
    """Records that are away until they are back."""

    is_away = True

    async def add(self, rows: object) -> None:
        if self.is_away:
            raise StoreError("away")
        await super().add(rows)  # type: ignore[arg-type]


async def test_what_cannot_be_kept_has_no_effect_and_may_come_again(tmp_path: Path) -> None:
    async with house(tmp_path, run=False) as here:
        good = here.records.telegrams
        store = Broken(good._ask, good._statements)
        made = of(here, PROPOSES, store=store)
        with pytest.raises(StoreError):
            await feed(made, quake({CHUO: "5+"}))
        assert incidents(here) == []
        store.is_away = False
        assert await feed(made, quake({CHUO: "5+"})) == "first"
        assert len(incidents(here)) == 1


async def test_a_proposal_that_nobody_confirmed_lapses(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES) as (made, here):
        await feed(made, quake({CHUO: "5+"}))
        here.clock.now_ms += 25 * 60 * MINUTE
        await made.look()
        assert [one.phase for one in incidents(here)] == [Phase.CLOSED]


async def test_what_is_refused_is_counted_and_kept_without_its_bytes(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES) as (made, here):
        hostile = b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
        assert (await made.take(hostile, source="f", origin=Origin.FOLDER)).is_refused
        assert await feed(made, b"<a>" + b"x" * 10_000_000 + b"</a>") == "too_large"
        assert await feed(made, weather(("03", "大雨警報")).replace(b"1210000", b"2720000")) == "not_ours"
        assert made.counts == {"hostile": 1, "too_large": 1, "not_ours": 1}
        rows = await here.records.telegrams.newest(limit=10)
        assert [(row.verdict, row.payload) for row in rows] == [("not_ours", b""), ("too_large", b""), ("hostile", b"")]
        assert incidents(here) == []
        assert made.held() == {Lane.REAL: 1, Lane.TRAINING: 0, Lane.TEST: 0}


async def test_the_evidence_is_kept_byte_for_byte(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES) as (made, here):
        data = quake({CHUO: "5+"})
        await feed(made, data)
        (row,) = await here.records.telegrams.newest(limit=10)
        assert (row.source, row.verdict, row.payload) == ("https://x/1.xml", "first", data)


async def test_what_is_old_is_forgotten_the_evidence_last(tmp_path: Path) -> None:
    async with desk(tmp_path, PROPOSES) as (_, here):
        day_ms = 86_400_000
        store = here.records.telegrams
        for n, payload in enumerate((b"", b"x")):
            await store.add(
                [TelegramRow(source=f"{n}", origin="feed", received_ms=NOW, digest="d", verdict="v", payload=payload)]
            )
        await store.forget(NOW + 31 * day_ms)
        assert [row.source for row in await store.newest(limit=10)] == ["1"]
        await store.forget(NOW + 401 * day_ms)
        assert await store.newest(limit=10) == []


def event(site: str, n: int, kind: str, at_ms: int) -> EventRecord:
    return EventRecord(
        site=site,
        epoch="a",
        seq=n,
        at_ms=at_ms,
        received_ms=at_ms,
        kind=kind,
        severity="alarm",
        device="",
        detail={},
    )


async def test_a_blackout_of_a_ward_is_proposed_and_lapses_when_the_grid_is_back(tmp_path: Path) -> None:
    dark = rule("when: {grid_lost: 2, within_min: 10}, then: propose, mode: backup")
    async with desk(tmp_path, dark) as (made, here):
        ward = next(site.ward for site in here.live.sites() if site.id == IDS[0])
        there = [site.id for site in here.live.sites() if site.ward == ward]
        events = [event(site, n, "grid_lost", NOW + n) for n, site in enumerate(there, 1)]
        await here.records.save_batch(Batch(events=events))
        made.heard([*events, event(there[0], 9, "balance_off", NOW)])
        here.clock.now_ms += MINUTE
        await made.look()
        (incident,) = incidents(here)
        assert (incident.phase, incident.scope.names) == (Phase.DECLARED, (ward,))
        assert "停電" in incident.declared.why
    async with desk(tmp_path, dark, is_new=False) as (made, here):
        here.clock.now_ms += 2 * MINUTE
        await made.look()
        assert [one.phase for one in incidents(here)] == [Phase.DECLARED]
        made.heard([event(site, n, "grid_back", NOW + MINUTE) for n, site in enumerate(there, 10)])
        await made.look()
        assert [one.phase for one in incidents(here)] == [Phase.CLOSED]


async def test_a_group_that_is_not_there_is_said_and_declared_once_it_is(tmp_path: Path) -> None:
    group = rule("when: {intensity: 4}, then: propose, mode: backup, scope: group, group: 海沿い")
    async with desk(tmp_path, group) as (made, here):
        await feed(made, quake({CHUO: "4"}))
        assert incidents(here) == []
        assert "海沿い" in made.trouble
        from tests.central.control.parts import one

        await here.control.save_group("海沿い", one(IDS[0], IDS[1]), by="田中", why="x")
        await made.look()
        assert [each.scope.kind for each in incidents(here)] == [ScopeKind.GROUP]


STREAM = [
    quake({CHUO: "5+"}),
    quake({CHUO: "5-"}, info="訂正", sent_ms=NOW + 5_000),
    quake({CHUO: "5+", MIHAMA: "6-"}, serial="2", at_ms=NOW + MINUTE),
    quake({CHUO: "7"}, serial="9", status="訓練"),
    cancelled(serial="3", at_ms=NOW + 2 * MINUTE),
    first_report("6-"),
    b"broken",
]


@given(order=st.lists(st.integers(0, len(STREAM) - 1), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
async def test_after_the_cancellation_nothing_waits_whatever_came_when(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    full_report_is_gone = [*order, 4]
    async with desk(
        tmp_path_factory.mktemp("desk"),
        rule('when: {intensity: "5+", first_report: ignore}, then: propose, mode: backup'),
    ) as (made, here):
        here.clock.now_ms += 5 * MINUTE
        for n in full_report_is_gone:
            await feed(made, STREAM[n])
        waiting = [one for one in incidents(here) if one.phase is Phase.DECLARED]
        assert all(one.wish.is_drill for one in waiting)
        assert len(waiting) == (3 in order)
        assert not here.control.fleet.orders
