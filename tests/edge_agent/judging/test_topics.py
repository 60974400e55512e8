"""Single judgements at their edges, over small watches written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from edge_agent.core.judging.battery import fits_chemistry, judge_battery
from edge_agent.core.judging.bounds import is_implausible
from edge_agent.core.judging.clock import judge_clocks
from edge_agent.core.judging.counters import judge_counters
from edge_agent.core.judging.finding import Finding, Judged, Result
from edge_agent.core.judging.generator import judge_generator
from edge_agent.core.judging.meter import judge_meters
from edge_agent.core.judging.powers import judge_balance
from edge_agent.core.judging.runs import resolution, steady_runs
from edge_agent.core.judging.series import Place, Sample, Series
from edge_agent.core.judging.step import judge_step
from edge_agent.core.judging.sun import elevation_deg, elevations_deg, most_w_per_m2
from edge_agent.core.judging.views import judge_views

Values = Mapping[str, float]


def watch(
    *rounds: Mapping[str, Values], every_s: float = 4.0, at_s: float = 1.8e9, place: Place | None = None
) -> Series:
    """Rounds of device → point → value."""
    devices = {device for each in rounds for device in each}
    return Series(
        samples=tuple(Sample(at_s + n * every_s, each) for n, each in enumerate(rounds)),
        points={d: frozenset(point for each in rounds for point in each.get(d, {})) for d in devices},
        place=place or Place(),
    )


def kinds(judged: list[Judged]) -> list[str]:
    return [finding.kind for each in judged for finding in each.findings]


def first(judged: list[Judged]) -> Finding:
    return next(finding for each in judged for finding in each.findings)


def hybrid(pv: float, battery: float, inverter: float, **more: float) -> dict[str, dict[str, float]]:
    powers = {"pv.power_w": pv, "battery.power_w": battery, "inverter.power_w": inverter}
    return {"i": powers | {name.replace("__", "."): value for name, value in more.items()}}


def test_zeros_of_a_device_that_can_not_say_whether_its_meter_answers_prove_nothing() -> None:
    zeros = judge_meters(watch(*[{"gx": {"grid.power_w": 0.0, "grid.l1_power_w": 0.0}}] * 3))
    assert [each.verdict.result for each in zeros if each.verdict.kind == "meter"] == [Result.NOT_JUDGED]
    alive = judge_meters(watch(*[{"gx": {"grid.power_w": 0.0, "grid.frequency_hz": 50.0}}] * 3))
    assert [each.verdict.result for each in alive if each.verdict.kind == "meter"] == [Result.PASSED]


@pytest.mark.parametrize(
    ("pv", "battery", "inverter", "kind", "point"),
    [
        (5_000, -1_000, 3_800, "", ""),
        (5_000, 1_000, 3_800, "battery_sign", "battery.power_w"),
        (50_000, -1_000, 3_800, "pv_scale", "pv.power_w"),
        (500, -1_000, 3_800, "pv_scale", "pv.power_w"),
        (5_000_000, -1_000, 3_800, "pv_scale", "pv.power_w"),
        (5_000, -1_000, 38_000, "inverter_scale", "inverter.power_w"),
        (5_000, -10_000, 3_800, "battery_scale", "battery.power_w"),
        (5_000, -1_000, -3_800, "inverter_sign", "inverter.power_w"),
        (-5_000, -1_000, 3_800, "pv_sign", "pv.power_w"),
        (5_000, 64_536, 3_800, "signedness", "battery.power_w"),
        (5_000, -1_000, 1_500, "balance_off", ""),
    ],
)
def test_the_mistake_that_mends_the_balance_is_named(
    pv: float, battery: float, inverter: float, kind: str, point: str
) -> None:
    judged = judge_balance(watch(*[hybrid(pv, battery, inverter)] * 3))
    assert kinds(judged) == [kind] * bool(kind)
    if point:
        assert first(judged).facts["point"] == point


def test_a_battery_is_judged_by_whole_cells() -> None:
    assert all(fits_chemistry(volts) for volts in (51.2, 48.0, 102.4, 333.0, 450.0, 800.0))
    assert not any(fits_chemistry(volts) for volts in (5.1, 25.0, 30.0))


@pytest.mark.parametrize(
    ("volts", "amperes", "kind"),
    [
        (400.0, 5.0, ""),
        (300.0, 5.0, "battery_voltage"),
        (400.0, 50.0, "battery_product"),
        (400.0, -5.0, "battery_current"),
        (40.0, 5.0, "battery_product"),
        (400.0, 5_000.0, "battery_current"),
        (4.0, 5.0, "battery_voltage"),
    ],
)
def test_the_battery_s_power_is_voltage_times_current(volts: float, amperes: float, kind: str) -> None:
    seen = hybrid(0, 2_000, 1_900, battery__voltage_v=volts, battery__current_a=amperes)
    assert kinds(judge_battery(watch(*[seen] * 3))) == [kind] * bool(kind)


def test_a_low_charge_is_odd_only_where_nobody_charges() -> None:
    low = {"battery__soc_pct": 5.5, "battery__reserve_soc_pct": 30.0}
    assert kinds(judge_battery(watch(hybrid(0, 800, 750, **low)))) == ["soc_scale"]
    assert kinds(judge_battery(watch(hybrid(3_000, -2_000, 950, **low)))) == []
    islanded = hybrid(0, 800, 750, **low, inverter__islanded=1.0)
    assert kinds(judge_battery(watch(islanded))) == []


def test_charge_that_moves_against_its_power_or_not_at_all() -> None:
    def hours(*socs: float) -> Series:
        rounds = [
            hybrid(0, 3_600, 3_500, battery__soc_pct=soc, battery__capacity_wh=1_000, battery__voltage_v=51.2)
            for soc in socs
        ]
        return watch(*rounds, every_s=100)

    assert kinds(judge_battery(hours(80, 70, 60))) == []
    assert kinds(judge_battery(hours(60, 70, 80))) == ["battery_sign"]
    assert kinds(judge_battery(hours(8, 7, 6))) == ["soc_scale"]
    assert kinds(judge_battery(hours(55, 55, 55))) == ["soc_stands"]


def test_a_counter_is_judged_when_it_should_have_moved_by_several_steps() -> None:
    def counted(*counts: tuple[float, float]) -> Series:
        rounds = [
            {"m": {"grid.power_w": 36_000.0, "grid.import_energy_wh": i, "grid.export_energy_wh": e}} for i, e in counts
        ]
        return watch(*rounds, every_s=100)

    assert kinds(judge_counters(counted((1_001, 57), (2_001, 57), (3_001, 57), (4_001, 57)))) == []
    assert kinds(judge_counters(counted(*[(1_001, 57)] * 4))) == ["counters_stand"]
    assert kinds(judge_counters(counted((57, 1_001), (57, 2_001), (57, 3_001), (57, 4_001)))) == ["swapped_counters"]
    assert kinds(judge_counters(counted((1_001, 57), (11_001, 57), (21_001, 57), (31_001, 57)))) == ["counter_scale"]
    assert kinds(judge_counters(counted((9_001, 57), (10_001, 57), (5_001, 57), (5_001, 57)))) == [
        "counters_stand",
        "counter_falls",
    ]
    (coarse,) = judge_counters(counted(*[(100_000, 0)] * 4))
    assert (coarse.verdict.result, coarse.verdict.why) == (Result.NOT_JUDGED, "watch_short")


def test_a_run_ends_where_the_power_turns() -> None:
    rounds = [{"m": {"grid.power_w": w, "grid.import_energy_wh": 0.0}} for w in (3_600, 3_600, -7_200, -7_200, -36_000)]
    runs = steady_runs(watch(*rounds, every_s=100), "m", "grid.power_w", "grid.import_energy_wh")
    assert [run.energy_wh for run in runs] == pytest.approx([100, -200])
    far = steady_runs(watch(*rounds, every_s=300), "m", "grid.power_w", "grid.import_energy_wh")
    assert far == []


def test_a_counter_s_step_is_never_taken_too_fine() -> None:
    assert resolution([1_200, 3_400]) == 100
    assert resolution([1_201, 3_400]) == 1
    assert resolution([194_862_438]) == pytest.approx(23.2, abs=0.1)


@pytest.mark.parametrize(
    ("off_s", "seen"),
    [(30, ""), (-9 * 3_600, "utc"), (86_400, "days"), (-7 * 86_400, "days"), (3 * 3_600, "hours"), (900, "minutes"),
     (-1.79e9, "unset")],
)  # fmt: skip
def test_a_clock_that_is_off_is_named(off_s: float, seen: str) -> None:
    judged = judge_clocks(watch({"i": {"inverter.clock_s": 1.8e9 + off_s}}))
    assert [finding.facts["seen"] for each in judged for finding in each.findings] == [seen] * bool(seen)


def test_the_sun_stands_where_an_almanac_says() -> None:
    # Solstice noon in Akashi (135° E, 34.65° N): 90° - 34.65° + 23.44°.
    noon = datetime(2026, 6, 21, 3, 2, tzinfo=UTC).timestamp()
    assert elevation_deg(noon, 34.65, 135.0) == pytest.approx(78.8, abs=0.3)
    midnight = datetime(2026, 12, 21, 15, 0, tzinfo=UTC).timestamp()
    low, high = elevations_deg(midnight, Place())
    assert low < high < -60
    assert most_w_per_m2(-10) == 0 < most_w_per_m2(5) < most_w_per_m2(60) < 1_800


def test_the_sun_bounds_the_generator() -> None:
    noon = datetime(2026, 6, 21, 3, 0, tzinfo=UTC).timestamp()
    night = datetime(2026, 6, 21, 15, 0, tzinfo=UTC).timestamp()
    sized = Place(pv_rated_w=10_000)
    assert kinds(judge_generator(watch({"i": {"pv.power_w": 9_000.0}}, at_s=noon, place=sized))) == []
    assert kinds(judge_generator(watch({"i": {"pv.power_w": 90_000.0}}, at_s=noon, place=sized))) == ["pv_too_high"]
    assert kinds(judge_generator(watch({"i": {"pv.power_w": 0.0}}, at_s=noon))) == ["pv_dark"]
    assert kinds(judge_generator(watch({"i": {"pv.power_w": 350.0}}, at_s=night))) == ["pv_at_night"]
    assert kinds(judge_generator(watch({"i": {"pv.power_w": 40.0}}, at_s=night))) == []


def meter(powers: tuple[float, float, float], shares: tuple[float, float, float] = (1, 1, 1)) -> dict[str, float]:
    """A meter with these powers by phase, and currents such that V × I times the share is the power."""
    found = {"grid.power_w": sum(powers)}
    for n, (watts, share) in enumerate(zip(powers, shares, strict=True), start=1):
        found |= {
            f"grid.l{n}_power_w": watts,
            f"grid.l{n}_voltage_v": 116.0,
            f"grid.l{n}_current_a": watts / share / 116,
        }
    return found


def test_two_phases_at_half_power_the_wrong_way_round_are_crossed() -> None:
    crossed = watch(*[{"m": meter((900, -400, -420), (0.98, 0.5, 0.5))}] * 3)
    assert kinds(judge_meters(crossed)) == ["crossed_phases"]
    assert first(judge_meters(crossed)).facts["phases"] == "L2, L3"
    # A motor at half load has half the power too, but the same direction.
    assert kinds(judge_meters(watch({"m": meter((900, 400, 420), (0.98, 0.5, 0.5))}))) == []


def test_a_phase_whose_load_would_be_negative_is_turned() -> None:
    inverter = {"inverter.power_w": 0.0, **{f"inverter.l{n}_power_w": 0.0 for n in (1, 2, 3)}, "pv.power_w": 0.0}
    one = watch(*[{"m": meter((900, -800, 700)), "i": inverter}] * 3)
    assert kinds(judge_meters(one)) == ["one_ct_turned"]
    every = watch(*[{"m": meter((-900, -800, -700)), "i": inverter}] * 3)
    assert kinds(judge_meters(every)) == ["swapped_ct"]


def test_a_total_that_is_not_the_sum_of_its_phases_is_told() -> None:
    assert kinds(judge_meters(watch({"m": meter((500, 600, 700)) | {"grid.power_w": 18_000.0}}))) == ["phase_sum"]
    assert kinds(judge_meters(watch({"m": {"grid.power_w": 18_000.0, **dict.fromkeys(("grid.l1_power_w",
        "grid.l2_power_w", "grid.l3_power_w"), 0.0)}}))) == []  # fmt: skip


@pytest.mark.parametrize(
    ("one_w", "other_w", "kind"),
    [(-2_950, 3_000, "swapped_ct"), (2_950, 3_000, ""), (-120, 100, ""), (600, 3_000, "ct_ratio")],
)
def test_two_meters_of_one_connection_are_compared(one_w: float, other_w: float, kind: str) -> None:
    series = watch(*[{"m": {"grid.power_w": one_w}, "i": {"grid.power_w": other_w, "inverter.power_w": 9_000.0}}] * 3)
    assert kinds(judge_views(series)) == [kind] * bool(kind)


def test_one_phase_that_opposes_is_found_by_the_other_meter_s_phases_or_by_its_total() -> None:
    right, turned = meter((600, 700, 800)), meter((600, -700, 800))
    by_phase = watch(*[{"m": turned, "i": {**right, "inverter.power_w": 0.0}}] * 3)
    by_total = watch(*[{"m": turned, "i": {"grid.power_w": 2_100.0, "inverter.power_w": 0.0}}] * 3)
    for series in (by_phase, by_total):
        assert [(f.kind, f.facts["phases"]) for j in judge_views(series) for f in j.findings] == [
            ("one_ct_turned", "L2")
        ]


STEP_BEFORE = meter((300, 300, 300))


@pytest.mark.parametrize(
    ("after", "own", "kind", "said"),
    [
        ((2_300, 300, 300), 0, "step_right", "L1"),
        ((300, 2_300, 300), 0, "step_other_phase", "L2"),
        ((-1_700, 300, 300), 0, "step_turned", "L1"),
        ((700, 300, 300), 0, "step_ratio", ""),
        ((300, 300, 300), 0, "step_unseen", ""),
        ((300, 300, 300), 2_000, "step_covered", ""),
        ((1_633, -367, -367), 2_000, "step_right", "L1"),
    ],
)
def test_a_known_load_tells_how_the_transformers_sit(
    after: tuple[float, float, float], own: float, kind: str, said: str
) -> None:
    before = watch({"m": STEP_BEFORE, "i": {"inverter.power_w": 500.0}})
    later = watch({"m": meter(after), "i": {"inverter.power_w": 500.0 + own}})
    finding = first(judge_step(before, later, 2_000, phase="l1"))
    assert finding.kind == kind
    assert finding.facts.get("phases", "") == said


def test_what_no_building_has_is_implausible() -> None:
    assert is_implausible("grid.frequency_hz", 6.5, "good")
    assert is_implausible("grid.power_w", 1e-40, "good")
    assert not is_implausible("grid.power_w", 1e-7, "good")
    assert is_implausible("pv.power_w", 327_680_000.0, "good")
    assert is_implausible("pv.power_w", None, "out_of_range")
    assert not is_implausible("pv.power_w", None, "timeout")
