"""Judgements over watches of simulated shelters: no alarm at a right plant, and every planted mistake by its name."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.points import POINTS
from edge_agent.core.judging.finding import SEVERITIES, Result, Severity
from edge_agent.core.judging.judge import judge
from edge_agent.core.judging.series import Place
from edge_agent.says import SAYS, remedy, what
from edge_agent.words_checks import CHECKS, WHY
from simulator.planted import Planted
from simulator.site import SimulatedSite
from tests.edge_agent.judging.parts import HOUR_MS, NOON_MS, Watch, findings, inverters, loud, meters, site

YEAR_H = 365 * 24
SATURATED_W = 30_000.0
"""Past 32 kW the simulated SunSpec meter's 16-bit power stands at its end: what it says then is wrong."""


def drawn_site(data: st.DataObject) -> SimulatedSite:
    """A right shelter of any family at any time of the year, in any mode."""
    at_ms = NOON_MS + data.draw(st.integers(0, YEAR_H * 60)) * 60_000
    made = site(
        data.draw(st.sampled_from(inverters())),
        at_ms=at_ms,
        meter=data.draw(st.sampled_from(meters())),
        seed=data.draw(st.integers(0, 4)),
        soc_pct=data.draw(st.one_of(st.none(), st.floats(3, 100))),
    )
    controls = made.world.controls
    match data.draw(st.sampled_from(["free", "charge", "islanded", "blocked", "no_export"])):
        case "charge":
            controls.forced_charge_on = True
            controls.forced_charge_power_w = made.spec.plant.charge_w * data.draw(st.floats(0.1, 1))
        case "islanded":
            made.world.grid_up = False
        case "blocked":
            controls.discharge_blocked = True
        case "no_export":
            controls.export_limit_on = True
            controls.export_limit_w = 0.0
    made.world.touch()
    made.advance(at_ms + 5_000)
    return made


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_right_plant_gives_no_fault_and_no_warning(data: st.DataObject) -> None:
    made = drawn_site(data)
    spec = made.spec
    known = Place(latitude_deg=spec.latitude, longitude_deg=spec.longitude, pv_rated_w=spec.plant.pv_w)
    reads, every_s = data.draw(st.sampled_from([(1, 4), (3, 1), (6, 4), (8, 60), (8, 300)]))
    series = Watch.of(made).look(reads=reads, every_s=every_s, place=data.draw(st.sampled_from([None, known])))
    if any(abs(watts) > SATURATED_W for d in series.points for _, watts in series.track(d, "grid.power_w")):
        return
    assert not loud(series)
    for each in judge(series):
        assert each.verdict.result is not Result.FAILED
        assert (each.verdict.result is Result.NOT_JUDGED) == bool(each.verdict.why)
        assert all(each.verdict.why in WHY[lang] for lang in WHY if each.verdict.why)
        assert all(each.verdict.kind in CHECKS[lang] for lang in CHECKS)


BY_DAY = [
    Planted.SWAPPED_CT,
    Planted.ONE_CT_TURNED,
    Planted.CROSSED_PHASES,
    Planted.CT_RATIO,
    Planted.SWAPPED_COUNTERS,
    Planted.BATTERY_SIGN,
    Planted.BATTERY_VOLTAGE,
    Planted.COUNTERS_STAND,
    Planted.DEAD_STRING,
    Planted.PV_SCALE,
    Planted.FROZEN,
    Planted.METER_OFFLINE,
    Planted.CLOCK_OFF,
]
BY_NIGHT = [Planted.PV_AT_NIGHT, Planted.SOC_SCALE, Planted.BATTERY_SIGN, Planted.BATTERY_VOLTAGE]
FAMILIES = ["goodwe-et", "huawei-sun2000", "sungrow-sh"]
"""Hybrid inverters with a meter, a clock and strings of their own: all of these mistakes show."""


def planted(family: str, fault: Planted, at_ms: int, **more: str) -> Watch:
    made = site(family, at_ms=at_ms, faults=[fault], **more)  # type: ignore[arg-type]
    made.advance(at_ms + 60_000)
    return Watch.of(made)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("fault", "at_ms"),
    [*((fault, NOON_MS) for fault in BY_DAY), *((fault, NOON_MS + 11 * HOUR_MS) for fault in BY_NIGHT)],
)
def test_a_planted_mistake_has_one_name(family: str, fault: Planted, at_ms: int) -> None:
    series = planted(family, fault, at_ms).look(reads=8, every_s=60)
    told = loud(series)
    assert {finding.kind for finding in told} == {fault.value}
    for finding in told:
        assert finding.device
        assert all(what(finding, lang) and remedy(finding, lang) for lang in SAYS)


def test_a_reversed_phase_order_is_told_by_a_meter_that_can_say_so() -> None:
    series = planted("goodwe-et", Planted.PHASE_ORDER, NOON_MS, meter="carlo-gavazzi").look()
    assert [(f.kind, f.device) for f in loud(series)] == [("phase_order", "meter")]


@pytest.mark.parametrize("fault", [Planted.SWAPPED_CT, Planted.CT_RATIO])
def test_one_look_warns_where_a_watch_accuses(fault: Planted) -> None:
    watch = planted("huawei-sun2000", fault, NOON_MS)
    (short,) = loud(watch.look(reads=1))
    (long,) = loud(watch.look(reads=6))
    assert (short.kind, short.severity) == (fault.value, Severity.WARNING)
    assert (long.kind, long.severity) == (fault.value, Severity.FAULT)


def test_a_dark_meter_and_an_idle_battery_are_not_called_right() -> None:
    made = site("huawei-sun2000", at_ms=NOON_MS + 7 * HOUR_MS)
    made.advance(NOON_MS + 7 * HOUR_MS + 60_000)
    verdicts = {(j.verdict.kind, j.verdict.device): j.verdict for j in judge(Watch.of(made).look())}
    direction = verdicts["grid_direction", "meter"]
    assert (direction.result, direction.why) == (Result.NOT_JUDGED, "nothing_imported")


def test_every_kind_has_words() -> None:
    said = {key.partition(".")[0] for key in SAYS["ja"]}
    assert set(SEVERITIES) <= said
    assert SAYS["ja"].keys() == SAYS["en"].keys()
    assert CHECKS["ja"].keys() == CHECKS["en"].keys()
    assert WHY["ja"].keys() == WHY["en"].keys()


def test_a_lone_meter_is_said_to_be_unproven() -> None:
    made = site("sunspec")
    made.advance(NOON_MS + 60_000)
    series = Watch.of(made).look()
    assert [f.kind for f in findings(series) if f.severity is Severity.NOTE and f.kind == "ct_unproven"]
    assert all(point in POINTS for points in series.points.values() for point in points)
