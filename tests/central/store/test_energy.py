"""Energy is counted from any store alike, and kept: late data, closed months, corrections, evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.accounting import LATE_DAYS, Accountant
from central.core.accounting.closing import MonthError, MonthNo, first_fault
from central.core.accounting.exchanges import Serials
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import DAY_MS, HALF_HOUR_MS, days_of_month, start_of_day
from central.core.accounting.operation import TroubleKind
from central.core.accounting.plans import Against, PlanCell
from central.core.accounting.prices import price_table
from central.core.accounting.readiness import Hurdle
from central.core.audit import Action
from central.core.audit import first_fault as first_fault_of_book
from central.core.city import EventRecord
from central.reports.desk import ReportDesk
from central.reports.tables import Tables, load_tables
from central.reports.trace import as_text, trace_of
from central.reports.waiting import held_back
from central.settings import AccountingSettings
from central.store.base import StoreRow, TelemetryStore
from central.store.records import Batch, Records
from contract.messages import OutboxStatus, Status
from contract.points import InverterState
from contract.wire import encode
from tests.central.accounting.parts import NOVEMBER_MS, OCTOBER, lived, sites

HOUR = 3_600_000
SITES = sites(2)
A, B = (one.id for one in SITES)
LAST = days_of_month("2026-10").stop - 1


class Clock:
    """Time that a test moves."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    records = await Records.open(tmp_path / "records.sqlite")
    await records.save_sites(SITES)
    yield records
    await records.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOVEMBER_MS + 2 * HOUR)


def accountant(store: TelemetryStore, records: Records, clock: Clock, count: int = 1) -> Accountant:
    return Accountant(store, records.energy, lambda: SITES[:count], clock)


def desk(records: Records, clock: Clock) -> ReportDesk:
    tables = load_tables(AccountingSettings())
    return ReportDesk(records.energy, records.ledgers, tables, sites=lambda: SITES, incidents=tuple, now=clock)


def within(rows: list[StoreRow], from_ms: int, to_ms: int) -> list[StoreRow]:
    return [row for row in rows if from_ms <= row.at_ms < to_ms]


async def test_half_hours_are_counted_after_they_have_ended(
    store: TelemetryStore, records: Records, clock: Clock
) -> None:
    start = start_of_day(LAST)
    clock.now_ms = start + 10 * HOUR + 60_000
    counting = accountant(store, records, clock)
    await store.write(lived(A, start - HOUR, start + 11 * HOUR))
    assert await counting.follow() == 1
    (one,) = await records.energy.days(LAST, LAST)
    assert [slot for slot in range(48) if one.own_wh(Flow.PV, slot) is not None] == [18]
    assert await counting.follow() == 0, "until the next half hour has ended there is nothing to count"
    clock.now_ms += HALF_HOUR_MS
    assert await counting.follow() == 1
    await counting.mend()
    (one,) = await records.energy.days(LAST, LAST)
    assert one.worst()[:21] == "m" * 21
    assert one.load_basis.value == "inverter"
    assert not one.odd


async def test_late_data_leads_to_what_was_there_from_the_start(
    store: TelemetryStore, records: Records, clock: Clock
) -> None:
    first = LAST - 2
    start = start_of_day(first)
    rows = lived(A, start - HOUR, start + 3 * DAY_MS + HOUR)
    hole = (start + 20 * HOUR, start + DAY_MS + 15 * HOUR)
    await store.write([row for row in rows if not hole[0] <= row.at_ms < hole[1]])
    counting = accountant(store, records, clock)
    for day in (first + 1, first, first + 2):
        await counting.count_day(SITES[0], day)
    gapped = await records.energy.days(first, LAST)
    assert "s" in gapped[0].worst()
    assert gapped[1].worst().startswith("s" * 30)
    await store.write(within(rows, *hole))
    clock.now_ms += 13 * HOUR
    assert await counting.mend(at_once=2 * LATE_DAYS) > 0
    mended = await records.energy.days(first, LAST)
    assert [one.worst() for one in mended] == ["m" * 48] * 3
    assert sum(one.total_wh(Flow.PV) for one in mended) == sum(one.total_wh(Flow.PV) for one in gapped)
    other = await Records.open(records._url.database + ".other")  # type: ignore[operator]
    try:
        again = Accountant(store, other.energy, lambda: SITES[:1], clock)
        for day in (first, first + 1, first + 2):
            await again.count_day(SITES[0], day)
        assert await other.energy.days(first, LAST) == mended
    finally:
        await other.close()


async def fill_october(store: TelemetryStore, records: Records, clock: Clock, *, without: tuple[int, int]) -> None:
    """The month's last two days of two shelters; of the second one a stretch is missing."""
    start = start_of_day(LAST - 1)
    for site in (A, B):
        rows = lived(site, start - HOUR, NOVEMBER_MS + HOUR)
        await store.write([row for row in rows if site == A or not without[0] <= row.at_ms < without[1]])
    counting = accountant(store, records, clock, count=2)
    for one in SITES:
        for day in (LAST - 1, LAST):
            await counting.count_day(one, day)


HOLE = (NOVEMBER_MS - 6 * HOUR, NOVEMBER_MS + 2 * HOUR)


@pytest.fixture
async def closed(store: TelemetryStore, records: Records, clock: Clock) -> ReportDesk:
    """October is closed while the end of the second shelter's month had not come."""
    await fill_october(store, records, clock, without=HOLE)
    made = desk(records, clock)
    with pytest.raises(MonthError) as caught:
        await made.close("2026-10", by="佐藤")
    assert [(one.site, one.hurdle) for one in caught.value.obstacles] == [(B, Hurdle.CUT_OFF)]
    assert await made.obstacles("2026-10") == caught.value.obstacles
    entry = await made.close("2026-10", by="佐藤", why="回線工事が長引くため", accepts=True)
    assert set(entry.after) == {A, B}
    assert (await records.energy.entries("2026-10"))[0].despite == caught.value.obstacles
    return made


async def test_what_comes_after_the_closing_waits_for_a_correction(
    store: TelemetryStore, records: Records, clock: Clock, closed: ReportDesk
) -> None:
    before = await closed.monthly("2026-10")
    await store.write(within(lived(B, start_of_day(LAST - 1) - HOUR, NOVEMBER_MS + HOUR), *HOLE))
    await accountant(store, records, clock, count=2).count_day(SITES[1], LAST)
    after = await closed.monthly("2026-10")
    assert [line.figures for line in after.lines] == [line.figures for line in before.lines]
    assert (before.late_sites, after.late_sites) == ((), (B,))
    assert (await records.energy.days(LAST, LAST, site=B))[0].worst().endswith("-" * 11)
    hand = await closed.correct("2026-10", by="佐藤", why="計器誤差", sites=[B], adjust_wh=-1_000)
    assert hand.after[B].billed_wh == hand.before[B].billed_wh - 1_000
    assert (await closed.monthly("2026-10")).late_sites == (B,), "an adjustment takes no data over"
    entry = await closed.correct("2026-10", by="田中", why="通信復旧後のデータ")
    assert set(entry.after) == {B}
    assert entry.after[B].wh[Flow.IMPORT] > entry.before[B].wh[Flow.IMPORT]
    assert entry.after[B].adjusted_wh == -1_000
    last = await closed.monthly("2026-10")
    assert (last.state.value, last.late_sites) == ("corrected", ())
    assert (await records.energy.days(LAST, LAST, site=B))[0].worst() == "m" * 48
    entries = await records.energy.entries("2026-10")
    assert first_fault(entries) == ""
    book = await records.decisions.book()
    assert first_fault_of_book(book) == ""
    booked = [(one.decision.action, one.decision.by) for one in book]
    assert booked == [
        (Action.MONTH_CLOSED, "佐藤"),
        (Action.MONTH_CORRECTED, "佐藤"),
        (Action.MONTH_CORRECTED, "田中"),
    ]


async def test_what_is_refused_changes_nothing(records: Records, clock: Clock, closed: ReportDesk) -> None:
    for no, call in (
        (MonthNo.CLOSED, closed.close("2026-10", by="佐藤")),
        (MonthNo.SAME, closed.correct("2026-10", by="佐藤", why="x")),
        (MonthNo.ONE_SITE, closed.correct("2026-10", by="佐藤", why="x", adjust_wh=5)),
        (MonthNo.NOT_IN_IT, closed.correct("2026-10", by="佐藤", why="x", sites=["E0000000009111"])),
        (MonthNo.NO_MONTH, closed.correct("October", by="佐藤", why="x")),
        (MonthNo.NOT_OVER, closed.close("2026-11", by="佐藤")),
        (MonthNo.OPEN, closed.correct("2026-09", by="佐藤", why="x")),
    ):
        with pytest.raises(MonthError) as caught:
            await call
        assert caught.value.no is no
    assert len(await records.energy.entries()) == 1
    assert {name: state.value for name, state in (await closed.months()).items()} == {"2026-10": "closed"}


async def test_a_half_hour_leads_back_to_its_readings(
    store: TelemetryStore, records: Records, clock: Clock, closed: ReportDesk
) -> None:
    noon = start_of_day(LAST) + 12 * HOUR
    found = await trace_of(records.energy, SITES, A, noon + 5)
    (one,) = await records.energy.days(LAST, LAST, site=A)
    assert found["from_ms"] == noon
    told = {(each["device"], each["point"]): each for each in found["counters"]}
    pv = told["inverter", "pv.energy_wh"]
    assert pv["wh"] == found["flows"]["pv"]["wh"] == one.own_wh(Flow.PV, 24)
    assert [each["at_ms"] for each in pv["from"]] == [noon]
    assert pv["to"][0]["wh"] - pv["from"][0]["wh"] == pv["wh"]
    assert "2026-10-31 12:00:00" in as_text(found)


async def test_the_record_of_disasters_and_the_year_s_co2(
    store: TelemetryStore, records: Records, clock: Clock
) -> None:
    start = start_of_day(LAST)
    out = (start + 3 * HOUR, start + 9 * HOUR)
    await store.write(lived(A, start - HOUR, start + DAY_MS + HOUR, islanded=[out]))
    await accountant(store, records, clock).count_day(SITES[0], LAST)
    events = [
        EventRecord(
            site=A, epoch="e", seq=n, at_ms=at, received_ms=at, kind=kind, severity="warning", device="", detail={}
        )
        for n, (at, kind) in enumerate(zip(out, ("grid_lost", "grid_back"), strict=True), 1)
    ]
    await records.save_batch(Batch(events=events))
    made = desk(records, clock)
    record = await made.disaster(2026)
    line = record.lines[0]
    assert (line.outage_ms, line.islanded_s) == (6 * HOUR, 6 * 3_600)
    (one,) = await records.energy.days(LAST, LAST, site=A)
    assert line.islanded_wh == sum(one.wh[Flow.LOAD][6:18])
    assert record.lines[1].outages == ()
    year = await made.yearly(2026)
    assert year.lines[0].self_wh == year.self_wh > 0
    assert year.factor is not None
    assert (year.factor.verified, year.is_own_year) == (False, False)
    assert list(year.states) == ["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11"]
    assert year.monthly_wh["2026-10"][0] == one.total_wh(Flow.PV)
    assert OCTOBER <= LAST


async def test_a_closed_month_keeps_its_prices(records: Records, clock: Clock, closed: ReportDesk) -> None:
    before = await closed.monthly("2026-10")
    cheaper = price_table(
        {
            "version": "next",
            "prices": [{"from": "2020-04", "yen_per_kwh": "1.00", "source": "x", "verified": True}],
            "tax": [{"from": "2019-10", "rate": "0.50"}],
        }
    )
    closed.tables = Tables(cheaper, closed.tables.factors)
    after = await closed.monthly("2026-10")
    assert (after.amounts.total_yen, after.amounts.is_verified) == (before.amounts.total_yen, False)
    entry = await closed.correct("2026-10", by="佐藤", why="単価の訂正", takes_prices=True)
    assert {one.terms.yen_per_kwh for one in entry.after.values() if one.terms} == {1}
    last = await closed.monthly("2026-10")
    assert last.amounts.net_yen < before.amounts.net_yen
    assert (last.amounts.tax_yen, last.amounts.is_verified) == (last.amounts.net_yen // 2, True)


def exchanged_meter(start: int, gap: tuple[int, int]) -> list[StoreRow]:
    """A day in which a meter is exchanged for one that happens to show a little more."""
    rows = []
    for row in lived(A, start - HOUR, start + DAY_MS + HOUR):
        if gap[0] <= row.at_ms < gap[1] and row.device == "meter":
            continue
        if row.device == "meter" and row.at_ms >= gap[1]:
            row = StoreRow(A, "meter", row.at_ms, row.points, tuple((value or 0) + 900 for value in row.values))
        rows.append(row)
    return rows


async def test_another_serial_number_shows_that_a_meter_was_exchanged(
    store: TelemetryStore, records: Records, clock: Clock
) -> None:
    start = start_of_day(LAST)
    gap = (start + 2 * HOUR, start + 2 * HOUR + 1_200_000)
    await store.write(exchanged_meter(start, gap))
    reports = [Serials(start - 90 * DAY_MS, {"meter": "A1", "inverter": "I1"}), Serials(start, {"meter": "A1"})]

    async def serials(site: str) -> list[Serials]:
        return reports if site == A else []

    counting = Accountant(store, records.energy, lambda: SITES[:1], clock, serials=serials)
    await counting.mend(at_once=2 * LATE_DAYS)
    (fooled,) = await records.energy.days(LAST, LAST)
    reports.append(Serials(start + 5 * HOUR, {"meter": "B7", "inverter": "I1"}))
    clock.now_ms += HALF_HOUR_MS
    await counting.mend()
    (one,) = await records.energy.days(LAST, LAST)
    assert fooled.total_wh(Flow.EXPORT) - one.total_wh(Flow.EXPORT) == 900
    assert one.marks[Flow.IMPORT][2:6] == "mrrm"
    (noted,) = await records.energy.exchanges(A)
    assert (noted.device, gap[0] - 300_000 <= noted.at_ms < gap[1]) == ("meter", True)
    booked = (await records.decisions.book())[-1].decision
    assert (booked.action, booked.site) == (Action.DEVICE_EXCHANGED, A)
    await counting.mend()
    assert len(await records.energy.exchanges(A)) == 1
    told = await trace_of(records.energy, SITES, A, gap[0] + 5)
    assert {one["mark"] for one in told["counters"] if one["device"] == "meter"} == {"r"}


async def test_a_shelter_that_says_that_it_holds_data_back_is_not_ready(
    store: TelemetryStore, records: Records, clock: Clock
) -> None:
    await fill_october(store, records, clock, without=(0, 0))
    made = ReportDesk(
        records.energy,
        records.ledgers,
        load_tables(AccountingSettings()),
        sites=lambda: SITES,
        incidents=tuple,
        now=clock,
        waiting=lambda: held_back(records),
    )
    assert await made.obstacles("2026-10") == ()
    waits = OutboxStatus(epoch="e1", next_seq=9, waiting=4, first_seq=5, oldest_ms=NOVEMBER_MS - HOUR)
    told = encode(Status(online=True, at_ms=NOVEMBER_MS, outbox=waits))
    await records.save_batch(Batch(statuses={A: (told, NOVEMBER_MS), B: (b'{"online":false}', NOVEMBER_MS)}))
    (one,) = await made.obstacles("2026-10")
    assert (one.site, one.hurdle, one.since_ms, one.missing) == (A, Hurdle.WAITING, NOVEMBER_MS - HOUR, 0)
    assert await made.obstacles("2026-11") == (), "a month that runs is not asked"


async def test_what_comes_in_time_is_noted_once(store: TelemetryStore, records: Records, clock: Clock) -> None:
    start = start_of_day(LAST)
    counting = accountant(store, records, clock, count=2)
    rows = lived(A, start - HOUR, start + 12 * HOUR)
    for hour, until in ((9.0, 9.0), (9.5, 9.25), (10.0, 9.25), (10.5, 9.25)):
        await store.write(within(rows, 0, start + round(until * HOUR) + 60_000))
        clock.now_ms = start + round(hour * HOUR) + 150_000
        await counting.follow()
    assert await records.energy.links(LAST, LAST) == {A: (4, 2)}, "a shelter that was never heard is not judged"
    await store.write(rows)
    await counting.count_day(SITES[0], LAST)
    assert await records.energy.links(LAST, LAST) == {A: (4, 2)}, "what comes later was not in time"
    clock.now_ms = start + 23 * HOUR + 150_000
    assert await counting.follow() == 2
    assert await records.energy.links(LAST, LAST + 1) == {A: (5, 2)}


async def test_devices_that_fail_are_in_the_statement(store: TelemetryStore, records: Records, clock: Clock) -> None:
    start = start_of_day(LAST)
    await store.write(lived(A, start - HOUR, start + DAY_MS + HOUR))
    at = start + 10 * HOUR + 1_000
    await store.write([StoreRow(A, "inverter", at, ("inverter.state",), (float(InverterState.FAULT),))])
    told = [("device_lost", 13.0), ("device_back", 14.5)]
    events = [
        EventRecord(
            site=A,
            epoch="e",
            seq=n,
            at_ms=start + round(hour * HOUR),
            received_ms=start,
            kind=kind,
            severity="warning",
            device="meter",
            detail={},
        )
        for n, (kind, hour) in enumerate(told, 1)
    ]
    await records.save_batch(Batch(events=events))
    await accountant(store, records, clock).count_day(SITES[0], LAST)
    cells = [PlanCell(site=A, month="2026-10", wh=80_000), PlanCell(site=A, month="2026-11", wh=1)]
    assert await records.ledgers.add_plan(cells, sha256="0" * 64, by="佐藤", now_ms=clock()) == 1
    made = await desk(records, clock).monthly("2026-10", A)
    (line,) = made.lines
    assert line.operation is not None
    assert [(one.device, one.kind, one.count, one.ms) for one in line.operation.troubles] == [
        ("inverter", TroubleKind.FAULT, 1, HALF_HOUR_MS),
        ("meter", TroubleKind.SILENT, 1, 3 * HALF_HOUR_MS),
    ]
    assert line.operation.plant_share == 1.0
    assert line.plan == made.plan == Against(80_000, line.figures.wh[Flow.PV])
    city = await desk(records, clock).monthly("2026-10")
    assert (city.lines[1].plan, city.plan) == (None, made.plan)
    year = await desk(records, clock).yearly(2026)
    assert year.monthly_plan == {"2026-10": made.plan}, "a month that runs is not compared"
    assert year.lines[0].operation == line.operation
    again = [PlanCell(site=A, month="2026-10", wh=None)]
    assert await records.ledgers.add_plan(again, sha256="1" * 64, by="佐藤", now_ms=clock()) == 2
    assert await records.ledgers.plans("2026-04", "2027-03") == {(A, "2026-11"): 1}
    booked = [one.decision for one in await records.decisions.book()]
    assert [(one.action, one.detail["n"]) for one in booked] == [(Action.PLAN_SET, 1), (Action.PLAN_SET, 2)]


async def test_a_shelter_without_counters_has_no_link_to_judge(
    store: TelemetryStore, records: Records, clock: Clock
) -> None:
    start = start_of_day(LAST)
    await store.write([StoreRow(A, "meter", start + 9 * HOUR - 60_000, ("grid.power_w",), (900.0,))])
    clock.now_ms = start + 9 * HOUR + 150_000
    assert await accountant(store, records, clock).follow() == 1
    assert await records.energy.links(LAST, LAST) == {}
