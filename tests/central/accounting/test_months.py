"""Months: self-consumption, closing, corrections, prices, tax, CO2, what was held back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from central.core.accounting import closing, emissions, prices
from central.core.accounting.closing import MonthError, MonthNo, adjusted, first_fault, recounted, standing
from central.core.accounting.curtailed import curtailed_wh
from central.core.accounting.days import Beside, SiteDay
from central.core.accounting.emissions import FactorKind, avoided_t, factor_table
from central.core.accounting.flows import Flow
from central.core.accounting.forgotten import lost_wh
from central.core.accounting.halfhours import (
    bounds_of_month,
    date_of,
    day_number,
    day_of,
    days_of_month,
    fiscal_year_of,
    half_hour_of,
    is_month,
    month_after,
    month_of,
    months_of_fiscal_year,
    peak_window,
    slot_of,
    start_of_day,
)
from central.core.accounting.months import MonthFigures, month_figures, self_consumed
from central.core.accounting.prices import TableError, amounts_of, lines_of, price_table
from central.core.accounting.stretches import Change, days_touched, stretches
from central.core.audit import Action
from central.settings import AccountingSettings, SettingsError
from tests.central.accounting.parts import OCTOBER, sites

SITE = sites(1)[0].id
SLOTS = 48
AFTER = bounds_of_month("2026-10")[1] + closing.SETTLE_MS


def day(number: int, *, mark: str = "m", pv: int = 1_000, site: str = SITE, **more: int) -> SiteDay:
    wh = {Flow.PV: pv, Flow.IMPORT: 500, Flow.EXPORT: 100, Flow.LOAD: 1_400}
    wh |= {Flow(name): value for name, value in more.items()}
    return SiteDay(
        site=site,
        day=number,
        wh={flow: [value] * SLOTS for flow, value in wh.items()},
        marks=dict.fromkeys(wh, mark * SLOTS),
    )


def october(**more: int) -> list[SiteDay]:
    return [day(number, **more) for number in days_of_month("2026-10")]


# --- The calendar -----------------------------------------------------------------------------------------------------


def test_tokyo_s_calendar() -> None:
    at = start_of_day(OCTOBER) + 5 * 1_800_000 + 17
    assert (day_of(at), slot_of(at), half_hour_of(at)) == (OCTOBER, 5, at - 17)
    assert (month_of(at), month_of(start_of_day(OCTOBER) - 1)) == ("2026-10", "2026-09")
    assert date_of(day_number(date(2026, 10, 1))) == date(2026, 10, 1)
    assert len(days_of_month("2028-02")) == 29
    assert (month_after("2026-12"), month_after("2026-01", -1)) == ("2027-01", "2025-12")
    assert (fiscal_year_of("2027-03"), fiscal_year_of("2027-04")) == (2026, 2027)
    assert (months_of_fiscal_year(2026)[0], months_of_fiscal_year(2026)[-1]) == ("2026-04", "2027-03")
    assert (peak_window("2026-10")[0], len(peak_window("2026-10"))) == ("2025-11", 12)
    assert [is_month(text) for text in ("2026-10", "2026-13", "26-10", "2026-1")] == [True, False, False, False]
    with pytest.raises(ValueError, match="2026-10"):
        month_after("October")


# --- Sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wh", "charge_pv", "used"),
    [
        ({Flow.PV: 1_000, Flow.EXPORT: 200}, 0, 800),
        ({Flow.PV: 1_000, Flow.EXPORT: 200, Flow.CHARGE: 300, Flow.DISCHARGE: 240}, 300, 740),
        # Half of what the battery took came from the grid: half of its loss is PV's.
        ({Flow.PV: 1_000, Flow.EXPORT: 200, Flow.CHARGE: 300, Flow.DISCHARGE: 240}, 150, 770),
        # Charged last month, used in this one.
        ({Flow.PV: 1_000, Flow.DISCHARGE: 100}, 0, 1_100),
        ({Flow.PV: 100, Flow.EXPORT: 200}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_what_is_used_on_site(wh: dict[Flow, int], charge_pv: int, used: int) -> None:
    assert self_consumed(wh, charge_pv) == used


def test_two_months_together_are_the_sum_of_both() -> None:
    first = {Flow.PV: 9_000, Flow.EXPORT: 500, Flow.CHARGE: 4_000, Flow.DISCHARGE: 3_000}
    second = {Flow.PV: 7_000, Flow.EXPORT: 900, Flow.CHARGE: 3_000, Flow.DISCHARGE: 3_500}
    both = {flow: first[flow] + second[flow] for flow in first}
    assert self_consumed(first, 4_000) + self_consumed(second, 3_000) == self_consumed(both, 7_000)


def test_a_month_adds_up_its_days_and_says_how_well_they_are_known() -> None:
    days = october()
    days[3] = day(days[3].day, mark="s")
    days[4] = replace(day(days[4].day), odd=frozenset({3, 4}), beside=Beside({10: 900}, frozenset({10})))
    peak = list(days[5].wh[Flow.IMPORT])
    peak[20] = 9_000
    days[5] = replace(days[5], wh={**days[5].wh, Flow.IMPORT: peak})
    found = month_figures(SITE, "2026-10", [*days[:30], day(OCTOBER + 40)])
    assert found.wh[Flow.PV] == 30 * 48_000
    assert found.summed_wh[Flow.PV] == 48_000
    assert found.slots == {"m": 29 * 48, "s": 48, "-": 48}
    assert found.known_share == pytest.approx(29 / 31)
    assert (found.odd, found.limited, found.islanded_s, found.islanded_wh) == (2, 1, 900, 700)
    assert (found.peak_wh, found.peak_ms) == (9_000, start_of_day(days[5].day) + 20 * 1_800_000)
    assert found.self_wh == 30 * 48 * 900


def test_what_has_not_come_yet_is_not_missing() -> None:
    found = month_figures(SITE, "2026-10", october()[:2], until_ms=start_of_day(OCTOBER + 2) + 3_600_000)
    assert found.slots == {"m": 96, "-": 2}


# --- Closing and correcting -------------------------------------------------------------------------------------------


def figures(**more: int) -> dict[str, MonthFigures]:
    return {SITE: month_figures(SITE, "2026-10", october(**more))}


def test_a_closed_month_changes_by_corrections_alone() -> None:
    first = closing.close("2026-10", figures(), [], by=" 佐藤 ", why="", now_ms=AFTER)
    assert first.by == "佐藤"
    second = closing.correct("2026-10", figures(pv=1_100), [first], by="田中", why="遅れて届いた", now_ms=AFTER + 5)
    assert (second.n, second.prior) == (1, first.hash)
    assert second.before == first.after
    assert standing([second, first]) == second.after
    assert first_fault([first, second]) == ""
    assert "entry 1 was changed" in first_fault([first, replace(second, why="anders")])
    assert "entry 0 is missing" in first_fault([second])
    booked = closing.decision_of(second)
    assert (booked.action, booked.site) == (Action.MONTH_CORRECTED, SITE)
    assert booked.detail["sha256"] == second.hash
    assert booked.detail["after_wh"] - booked.detail["before_wh"] == 31 * 48 * 100
    again = closing.decode_figures(closing.encode_figures(second.after))
    assert again == second.after


def test_an_adjustment_by_hand_outlives_a_recount() -> None:
    stands = adjusted(figures()[SITE], -500)
    new = recounted(stands, figures(pv=1_100)[SITE])
    assert new.billed_wh == new.self_wh - 500


@pytest.mark.parametrize(
    ("no", "call"),
    [
        (MonthNo.NO_MONTH, lambda: closing.close("2026", figures(), [], by="x", why="", now_ms=AFTER)),
        (MonthNo.NOT_OVER, lambda: closing.close("2026-10", figures(), [], by="x", why="", now_ms=AFTER - 1)),
        (MonthNo.NOTHING, lambda: closing.close("2026-10", {}, [], by="x", why="", now_ms=AFTER)),
        (MonthNo.WHO, lambda: closing.close("2026-10", figures(), [], by=" ", why="", now_ms=AFTER)),
        (MonthNo.OPEN, lambda: closing.correct("2026-10", figures(), [], by="x", why="y", now_ms=AFTER)),
    ],
)
def test_what_can_t_be_closed_says_why(no: MonthNo, call: object) -> None:
    with pytest.raises(MonthError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.no is no
    assert str(caught.value)


def test_a_correction_wants_a_change_and_a_reason() -> None:
    first = closing.close("2026-10", figures(), [], by="x", why="", now_ms=AFTER)
    for no, new, why in ((MonthNo.SAME, figures(), "y"), (MonthNo.WHY, figures(pv=9), " ")):
        with pytest.raises(MonthError) as caught:
            closing.correct("2026-10", new, [first], by="x", why=why, now_ms=AFTER)
        assert caught.value.no is no
    with pytest.raises(MonthError) as caught:
        closing.close("2026-10", figures(), [first], by="x", why="", now_ms=AFTER)
    assert caught.value.no is MonthNo.CLOSED


# --- Money ------------------------------------------------------------------------------------------------------------

TABLE = {
    "version": "t",
    "prices": [
        {"from": "2026-04", "to": "2026-10", "yen_per_kwh": "20.35", "source": "契約", "verified": True},
        {"from": "2026-11", "yen_per_kwh": "19.00", "source": "契約", "verified": False},
        {"from": "2026-04", "yen_per_kwh": "10.01", "source": "契約", "verified": True, "sites": [SITE]},
    ],
    "tax": [{"from": "2019-10", "rate": "0.10"}, {"from": "2026-11", "rate": "0.12"}],
}


def test_amounts_are_rounded_down_by_line_and_the_tax_once() -> None:
    table = price_table(TABLE)
    months = [
        MonthFigures(site=site, month="2026-10", wh={}, self_wh=wh)
        for site, wh in ((SITE, 123_457), ("E0000000002111", 99_999), ("E0000000003111", 1))
    ]
    lines = lines_of(months, table)
    assert [line.yen for line in lines] == [1_235, 2_034, 0]
    found = amounts_of(lines, "2026-10", table)
    assert (found.net_yen, found.tax_yen, found.total_yen, found.is_verified) == (3_269, 326, 3_595, True)
    later = amounts_of(lines_of([replace(one, month="2026-11") for one in months], table), "2026-11", table)
    assert (later.tax_rate, later.is_verified) == (Decimal("0.12"), False)
    early = amounts_of(lines_of([replace(one, month="2026-03") for one in months], table), "2026-03", table)
    assert (early.net_yen, early.unpriced, early.is_verified) == (0, 3, False)


def test_a_table_of_prices_names_every_fault() -> None:
    wrong = {
        "prices": [
            {"from": "2026-4", "yen_per_kwh": "x", "source": "", "colour": 1},
            {"from": "2026-04", "yen_per_kwh": "1", "source": "a"},
            {"from": "2026-06", "yen_per_kwh": "1", "source": "a"},
        ],
        "tax": [{"from": "2026-04", "rate": "10"}],
    }
    with pytest.raises(TableError) as caught:
        price_table(wrong)
    said = str(caught.value)
    for part in (
        "prices[0].from",
        "prices[0].yen_per_kwh",
        "unknown field 'colour'",
        "prices[2]: holds",
        "tax[0].rate",
    ):
        assert part in said
    with pytest.raises(TableError, match="prices: want a list"):
        price_table(None)


# --- CO2 --------------------------------------------------------------------------------------------------------------


def test_a_report_uses_the_factor_of_the_year_before_or_an_older_one() -> None:
    rows = [
        {
            "retailer": "a",
            "menu": "b",
            "fiscal_year": year,
            "kind": "basic",
            "t_per_kwh": value,
            "source": "s",
            "verified": year == 2024,
        }
        for year, value in ((2022, "0.000450"), (2024, "0.000423"))
    ]
    table = factor_table({"version": "t", "use": {"retailer": "a", "menu": "b", "kind": "basic"}, "factors": rows})
    own, is_own = table.factor(2025) or (None, None)
    assert own is not None
    assert (own.fiscal_year, is_own, own.verified) == (2024, True, True)
    older, is_own = table.factor(2024) or (None, None)
    assert older is not None
    assert (older.fiscal_year, is_own) == (2022, False)
    assert table.factor(2022) is None
    assert avoided_t(12_345_678, own) == Decimal("5.222")
    with pytest.raises(TableError, match="too high"):
        factor_table({"use": {}, "factors": [{**rows[0], "t_per_kwh": "0.45"}]})
    with pytest.raises(TableError, match="stands twice"):
        factor_table({"use": {"retailer": "a", "menu": "b", "kind": "basic"}, "factors": [rows[0], rows[0]]})


def test_the_samples_say_that_they_are_unverified(tmp_path: Path) -> None:
    from central.reports.tables import load_tables

    tables = load_tables(AccountingSettings())
    assert not any(one.verified for one in tables.prices.prices)
    assert not any(one.verified for one in tables.factors.factors)
    assert tables.factors.kind in FactorKind
    assert tables.factors.factor(2026) is not None
    bad = tmp_path / "prices.yaml"
    bad.write_text(yaml.safe_dump({"prices": [], "tax": []}), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"prices\.yaml: tax: name at least one rate"):
        load_tables(AccountingSettings(prices=bad))
    with pytest.raises(SettingsError, match=r"absent\.yaml"):
        load_tables(AccountingSettings(factors=tmp_path / "absent.yaml"))
    assert emissions.LAG_YEARS == 1
    assert prices.WH_PER_KWH == 1_000


# --- Held back, stretches ---------------------------------------------------------------------------------------------


def test_what_was_held_back_follows_from_neighbours() -> None:
    numbers = days_of_month("2026-10")
    others = {f"E{n}": [day(number, site=f"E{n}") for number in numbers] for n in range(3)}
    own = [day(number, pv=800) for number in numbers]
    held = [*([0] * 10), *([800] * 38)]
    own[5] = replace(own[5], wh={**own[5].wh, Flow.PV: held}, beside=Beside(limited=frozenset(range(10))))
    sizes = {**dict.fromkeys(others, 10.0), SITE: 10.0}
    assert curtailed_wh("2026-10", {**others, SITE: own}, sizes) == {SITE: 8_000}
    assert curtailed_wh("2026-10", {**others, SITE: [day(number) for number in numbers]}, sizes) == {}
    assert curtailed_wh("2026-10", {"E0": others["E0"], SITE: own}, sizes) == {SITE: 0}


def forgetful(days: list[SiteDay], flow: Flow, wh: int) -> list[SiteDay]:
    """Two days between readings in which a counter began anew: so many Wh of each of its half hours are left."""
    hit = [replace(one, wh={**one.wh, flow: [wh] * SLOTS}, marks={**one.marks, flow: "l" * SLOTS}) for one in days[5:7]]
    return [*days[:5], *hit, *days[7:]]


def test_pv_energy_that_a_counter_forgot_follows_from_neighbours() -> None:
    numbers = days_of_month("2026-10")
    others = {f"E{n}": [day(number, site=f"E{n}") for number in numbers] for n in range(3)}
    sizes = {**dict.fromkeys(others, 10.0), SITE: 10.0}
    own = forgetful(october(pv=800), Flow.PV, 300)
    assert lost_wh("2026-10", {**others, SITE: own}, sizes) == {SITE: {Flow.PV: 2 * 48 * 500}}
    assert lost_wh("2026-10", {**others, SITE: october(pv=800)}, sizes) == {}
    more = forgetful(october(pv=800), Flow.PV, 900)
    assert lost_wh("2026-10", {**others, SITE: more}, sizes) == {SITE: {Flow.PV: 0}}, "never less than was counted"
    assert lost_wh("2026-10", {"E0": others["E0"], SITE: own}, sizes) == {}, "too few neighbours"


def test_what_a_meter_forgot_follows_from_the_shelters_own_days_that_are_alike() -> None:
    numbers = days_of_month("2026-10")

    def lived(number: int, site: str) -> SiteDay:
        """Weekends buy less, dull days sell less."""
        is_weekend, is_dull = date_of(number).weekday() >= 5, number % 3 == 0
        pv, sold = (400, 50) if is_dull else (1_000, 300)
        bought = (100 if is_weekend else 500) + (200 if is_dull else 0)
        return day(number, site=site, pv=pv, **{Flow.IMPORT.value: bought, Flow.EXPORT.value: sold})

    others = {f"E{n}": [lived(number, f"E{n}") for number in numbers] for n in range(3)}
    true = [lived(number, SITE) for number in numbers]
    own = forgetful(forgetful(true, Flow.IMPORT, 40), Flow.EXPORT, 10)
    sizes = {**dict.fromkeys(others, 10.0), SITE: 10.0}
    assert [date_of(one.day).weekday() for one in own[5:7]] == [1, 2], "working days"
    truth = {flow: sum(one.total_wh(flow) for one in true[5:7]) for flow in (Flow.IMPORT, Flow.EXPORT)}
    counted = {Flow.IMPORT: 2 * SLOTS * 40, Flow.EXPORT: 2 * SLOTS * 10}
    found = lost_wh("2026-10", {**others, SITE: own}, sizes)
    assert found == {SITE: {flow: truth[flow] - counted[flow] for flow in truth}}
    # Without neighbours nobody knows the sun of those days: the shelter's nearest days of the same kind stand in.
    alone = lost_wh("2026-10", {SITE: own}, sizes)
    assert alone[SITE].keys() == truth.keys()
    few = own[4:8]
    assert lost_wh("2026-10", {SITE: few[:3]}, sizes) == {}, "no day that is like them"


def test_stretches_follow_from_what_was_told() -> None:
    told = [(10, True), (20, True), (40, False), (45, False), (90, True)]
    changes = [Change(site="a", at_ms=at, holds=holds) for at, holds in reversed(told)]
    found = stretches(changes, from_ms=30, to_ms=100)["a"]
    assert [(one.from_ms, one.to_ms, one.goes_on) for one in found] == [(30, 40, False), (90, 100, True)]
    assert stretches(changes, from_ms=50, to_ms=80) == {}
    midnight = start_of_day(OCTOBER)
    over = stretches(
        [Change(site="a", at_ms=midnight - 1, holds=True), Change(site="a", at_ms=midnight + 1, holds=False)],
        from_ms=0,
        to_ms=midnight + 9,
    )
    assert days_touched(over["a"]) == 2
