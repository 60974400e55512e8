"""Rules over what a store holds: every PV device, gaps, demand against the targets of then, faults from events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from central.cli import app
from central.core.audit import Action, Decision
from central.core.city import EventRecord
from central.core.peak.plans import Basis
from central.core.watch.alerts import Alert
from central.core.watch.past import NOT_JUDGED, is_judged
from central.core.watch.readings import QUANTITIES, Family
from central.queries import TOKYO_MIDNIGHT_MS
from central.store.base import StoreRow
from central.store.sqlite import SqliteStore
from central.watch.replay import Replayed, Sources, replay
from central.watch.rule_file import load_rules
from tests.central.app.test_service import register
from tests.central.fake import DAY_MS, HOUR_MS, NOW_MS, make_sites

BEGIN_MS = NOW_MS - (NOW_MS - TOKYO_MIDNIGHT_MS) % DAY_MS
DAYS = 20
SITES = make_sites(8)
INVERTER = ("pv.power_w", "battery.soc_pct", "battery.soh_pct", "inverter.state", "inverter.islanded")
SECOND = ("pv.power_w",)
METER = ("grid.power_w",)


def sun_w(half: int) -> float:
    return max(0.0, 1 - abs(half % 48 / 2 - 11.75) / 4.5) * 16_000


def at(half: int) -> int:
    return int(BEGIN_MS - (DAYS - half / 48) * DAY_MS)


async def played(
    folder: Path,
    rows: list[StoreRow],
    *,
    events: dict[str, list[EventRecord]] | None = None,
    book: list[Decision] | None = None,
) -> Replayed:
    store = await SqliteStore.open(folder / "telemetry.sqlite")
    try:
        await store.write(rows)
        sources = Sources(
            store=store,
            device_with=lambda _site, point: "meter" if point in METER else "inverter" if point in INVERTER else None,
            rows={site.id: await store.latest(site.id) for site in SITES},
            events=events or {},
            book=book or (),
        )
        return await replay(
            load_rules(None), sources, SITES, reserve_pct=30.0, from_ms=BEGIN_MS - 6 * DAY_MS, to_ms=BEGIN_MS
        )
    finally:
        await store.close()


def city(change: Callable[[int, int], tuple[float, ...] | None] = lambda _n, _half: ()) -> list[StoreRow]:
    """Eight plants that are well. ``change``: number and half hour → other values of the inverter, or None: silent."""
    rows = []
    for n, site in enumerate(SITES):
        for half in range(DAYS * 48):
            values = change(n, half)
            if values is not None:
                usual = (sun_w(half), 80.0, 90.0, 4.0, 0.0)
                rows.append(StoreRow(site.id, "inverter", at(half), INVERTER, values or usual))
                rows.append(StoreRow(site.id, "meter", at(half), METER, (3_000.0,)))
    return rows


def families(found: Replayed) -> dict[tuple[str, Family], Alert]:
    return {(alert.about.name, alert.family): alert for alert in found.alerts}


async def test_a_dead_plant_an_old_battery_and_faults_are_found(tmp_path: Path) -> None:
    def change(n: int, half: int) -> tuple[float, ...]:
        dead = n == 2 and half >= 17 * 48
        state = 6.0 if dead and half % 12 == 0 else 4.0
        return (0.0 if dead else sun_w(half), 80.0, 68.0 if n == 3 and half >= 15 * 48 else 90.0, state, 0.0)

    found = await played(tmp_path, city(change))
    assert found.half_hours == 8 * 6 * 48
    assert found.pv_devices == 8
    told = families(found)
    assert set(told) == {
        (SITES[2].id, Family.PV),
        (SITES[2].id, Family.FAULTS),
        (SITES[3].id, Family.BATTERY),
    }
    dead = told[SITES[2].id, Family.PV]
    assert dead.raised_ms - (BEGIN_MS - 3 * DAY_MS) < 12 * HOUR_MS, "the same day"
    assert dead.evidence[0].rule == "pv-dead"


async def test_every_pv_device_counts_and_one_that_was_exchanged_leaves_no_hole(tmp_path: Path) -> None:
    """Shelter 1 has its PV on two devices, shelter 2 lost the second one of two, shelter 3's inverter was exchanged."""

    def change(n: int, half: int) -> tuple[float, ...] | None:
        return (sun_w(half) * (0.5 if n in {1, 2} else 1), 80.0, 90.0, 4.0, 0.0)

    rows = city(change)
    cut = 12 * 48
    for half in range(DAYS * 48):
        rows.append(StoreRow(SITES[1].id, "string-2", at(half), SECOND, (sun_w(half) / 2,)))
        lost_w = 0.0 if half >= cut else sun_w(half) / 2
        rows.append(StoreRow(SITES[2].id, "string-2", at(half), SECOND, (lost_w,)))
    rows = [
        StoreRow(row.site, "old-inverter", row.at_ms, row.points, row.values)
        if row.site == SITES[3].id and row.device == "inverter" and row.at_ms < at(cut)
        else row
        for row in rows
    ]
    found = await played(tmp_path, rows)
    assert found.pv_devices == 8 + 2 + 1
    assert set(families(found)) == {(SITES[2].id, Family.PV)}


async def test_silence_is_judged_by_gaps_and_a_wards_is_one_alert(tmp_path: Path) -> None:
    def change(n: int, half: int) -> tuple[float, ...] | None:
        alone = n == 4 and 16 * 48 <= half < 16 * 48 + 5
        ward = n != 0 and 18 * 48 <= half < 18 * 48 + 3
        return None if alone or ward else ()

    found = await played(tmp_path, city(change))
    told = [(alert.family, alert.about.kind.value, len(alert.sites), alert.is_open) for alert in found.alerts]
    assert told == [(Family.LINK, "site", 1, False), (Family.LINK, "ward", 7, False)]
    assert found.alerts[0].raised_ms == at(16 * 48 + 1) + 3 * 60_000
    assert found.alerts[0].evidence[0].value == 30


async def test_demand_is_held_against_the_target_as_it_was_set_then(tmp_path: Path) -> None:
    def decision(day: int, action: Action, **detail: object) -> Decision:
        return Decision(at_ms=at(day * 48 + 20), by="田中", action=action, why="x", site=SITES[5].id, detail=detail)

    target = {"target_w": 20_000.0, "basis": next(iter(Basis)).value, "executes": False, "recharges": False}
    loud = {15 * 48 + 26, 17 * 48 + 26, 19 * 48 + 26}
    rows = [
        StoreRow(row.site, row.device, row.at_ms, row.points, (21_000.0,))
        if row.site == SITES[5].id and row.device == "meter" and row.at_ms in {at(half) for half in loud}
        else row
        for row in city()
    ]
    book = [decision(16, Action.DEMAND_SET, **target), decision(18, Action.DEMAND_ENDED)]
    found = await played(tmp_path, rows, book=book)
    assert [(alert.family, alert.raised_ms // DAY_MS) for alert in found.alerts] == [
        (Family.DEMAND, at(17 * 48 + 26) // DAY_MS)
    ]
    assert [each.rule for each in found.alerts[0].evidence] == ["demand-100", "demand-95", "demand-90"]
    assert found.alerts[0].evidence[0].value == pytest.approx(105)


async def test_faults_come_from_events_too(tmp_path: Path) -> None:
    def event(half: int, kind: str) -> EventRecord:
        return EventRecord(
            site=SITES[6].id,
            epoch="k3x9",
            seq=half,
            at_ms=at(half) + 60_000,
            received_ms=at(half) + 61_000,
            kind=kind,
            severity="warning",
            device="meter",
            detail={},
        )

    events = [
        event(17 * 48 + hour * 4 + back, "device_back" if back else "device_lost")
        for hour in range(3)
        for back in (0, 1)
    ]
    found = await played(tmp_path, city(), events={SITES[6].id: events[::-1]})
    assert set(families(found)) == {(SITES[6].id, Family.FAULTS)}
    assert found.alerts[0].evidence[0].value == 3


async def test_a_period_without_shelters_or_readings_has_no_alert(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    try:
        empty = Sources(store=store, device_with=lambda _site, _point: None, rows={})
        for sites in ([], SITES):
            found = await replay(
                load_rules(None), empty, sites, reserve_pct=30.0, from_ms=BEGIN_MS - DAY_MS, to_ms=BEGIN_MS
            )
            assert (found.alerts, found.half_hours, found.pv_devices) in (((), 0, 0), ([], 0, 0))
    finally:
        await store.close()


def test_what_a_store_cannot_tell_is_named() -> None:
    assert {quantity.name for quantity in NOT_JUDGED} == {
        "broker_down_min",
        "store_down_min",
        "refused",
        "disk_used_pct",
        "backup_age_h",
        "undelivered",
        "rollups_behind_min",
        "link_drops",
        "clock_off_s",
        "clock_unknown",
        "outbox_pct",
        "outbox_age_h",
        "certificate_days",
    }
    assert is_judged(QUANTITIES["silent_min"])
    assert np.all([not is_judged(quantity) for quantity in NOT_JUDGED])


def test_the_command_reads_a_store_and_names_what_it_did_not_judge(tmp_path: Path) -> None:
    data = tmp_path / "central"
    register(data, SITES[0].id)

    async def write() -> None:
        store = await SqliteStore.open(data / "telemetry.sqlite")
        await store.close()

    asyncio.run(write())
    done = CliRunner().invoke(app, ["alerts", "backtest", "--days", "2", "--data", str(data)])
    assert done.exit_code == 0, done.output
    assert "0 alerts in 2 days" in done.stderr
    assert "not judged" in done.stderr
    assert "outbox-filling" in done.stderr
    told = json.loads(
        CliRunner().invoke(app, ["alerts", "backtest", "--days", "2", "--data", str(data), "--json"]).stdout
    )
    assert told["pv_devices_read"] == 0
    assert "clock-off" in told["rules_not_judged"]
