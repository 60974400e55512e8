"""Two devices that measure the same connection to the grid, and the load that comes of each."""

from __future__ import annotations

from typing import Final

from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.meter import GRID, LOAD_W_MIN, phase_point
from edge_agent.core.judging.powers import BATTERY, INVERTER, PV
from edge_agent.core.judging.series import PHASES, Row, Series, listed, mostly

W_MIN: Final = 200.0
"""Below this the direction of a power may be noise."""
_LIKE: Final = 0.2
_OTHERWISE_W: Final = 300.0
_CT_LIKE: Final = 0.5
"""Two that disagree by more than this share measure different things, not signs."""

Pairs = list[tuple[float, float]]


def judge_views(series: Series) -> list[Judged]:
    """Direction and ratio of the meters, by comparing them."""
    meters = [device for device in _meters_first(series) if series.typical(device, GRID) is not None]
    if not meters:
        return [not_judged("grid_direction", "", "islanded" if series.is_islanded else "no_meter")]
    load = _load(series, meters[0])
    if len(meters) == 1:
        if load:
            return [judged("grid_direction", meters[0], load)]
        unproven = found("ct_unproven", meters[0])
        lone = not_judged("grid_direction", meters[0], "one_meter")
        return [Judged(lone.verdict, (unproven,)), not_judged("ct_ratio", meters[0], "one_meter")]
    result: list[Judged] = []
    for other in meters[1:]:
        direction = _direction(series, meters[0], other) or load
        ratio = () if direction else _ratio(series, meters[0], other)
        if not direction and not ratio and not _flows(series, meters[0], other):
            result += [
                not_judged(k, meters[0], "nothing_imported", limit_w=W_MIN) for k in ("grid_direction", "ct_ratio")
            ]
            continue
        result += [judged("grid_direction", meters[0], direction), judged("ct_ratio", meters[0], ratio)]
    return result


def _meters_first(series: Series) -> list[str]:
    inverters = set(series.givers(INVERTER))
    return sorted(series.givers(GRID), key=lambda device: device in inverters)


def _pairs(series: Series, one: str, other: str, point: str) -> Pairs:
    return [
        (a, b)
        for sample in series.samples
        if (a := sample.values.get(one, {}).get(point)) is not None
        and (b := sample.values.get(other, {}).get(point)) is not None
    ]


def _flows(series: Series, meter: str, other: str) -> bool:
    """Whether enough crosses the connection to tell its direction."""
    return mostly(_pairs(series, meter, other, GRID), lambda pair: max(map(abs, pair)) > W_MIN)


def _one_turned(series: Series, meter: str, other: str) -> list[str]:
    """The phase of the meter that, taken the other way round, gives the total that the other device sees."""
    points = [phase_point(phase) for phase in PHASES]
    rows: list[Row] = []
    for sample in series.samples:
        own = [sample.values.get(meter, {}).get(point) for point in points]
        total = sample.values.get(other, {}).get(GRID)
        if total is not None and None not in own:
            rows.append((total, *(w for w in own if w is not None)))
    strong = [row for row in rows if min(map(abs, row[1:])) > W_MIN / 2]
    fitting = [
        phase
        for n, phase in enumerate(PHASES)
        if mostly(strong, lambda row, n=n: abs(sum(row[1:]) - 2 * row[n + 1] - row[0]) < _LIKE / 2 * abs(row[0]))  # type: ignore[misc]
    ]
    as_read = mostly(strong, lambda row: abs(sum(row[1:]) - row[0]) < _LIKE * abs(row[0]))
    return fitting if len(fitting) == 1 and not as_read else []


def _opposes(pairs: Pairs) -> bool:
    strong = [pair for pair in pairs if min(map(abs, pair)) > W_MIN]
    return mostly(strong, lambda p: p[0] * p[1] < 0 and abs(p[0] + p[1]) < _CT_LIKE * max(abs(p[0]), abs(p[1])))


def _direction(series: Series, meter: str, other: str) -> list[Finding]:
    facts: dict[str, str | float]
    total = _pairs(series, meter, other, GRID)
    by_phase = {phase: _pairs(series, meter, other, phase_point(phase)) for phase in PHASES}
    known = [phase for phase, pairs in by_phase.items() if any(min(map(abs, pair)) > W_MIN for pair in pairs)]
    turned = [phase for phase in known if _opposes(by_phase[phase])]
    if turned and len(turned) < len([p for p in PHASES if by_phase[p]]):
        crossed = _crossed(by_phase)
        if crossed:
            return [found("crossed_phases", meter, phases=listed(p.upper() for p in crossed))]
        one, two = by_phase[turned[0]][-1]
        if not _is_all(by_phase, turned):
            names = listed(p.upper() for p in turned)
            facts = {
                "seen": "two",
                "phases": names,
                "one_w": round(one),
                "other": other,
                "other_w": round(two),
            }
            return [found("one_ct_turned", meter, **facts)]
    crossed = _crossed(by_phase)
    if crossed:
        return [found("crossed_phases", meter, phases=listed(p.upper() for p in crossed))]
    if not any(by_phase.values()) and (lone := _one_turned(series, meter, other)):
        one, two = total[-1]
        facts = {
            "seen": "two",
            "phases": lone[0].upper(),
            "one_w": round(one),
            "other": other,
            "other_w": round(two),
        }
        return [found("one_ct_turned", meter, **facts)]
    if _opposes(total):
        one, two = total[-1]
        guilty = _guilty(series, meter, other)
        seen = (one, two) if guilty == meter else (two, one)
        witness = other if guilty == meter else meter
        facts = {
            "seen": "two",
            "point": GRID,
            "one": guilty,
            "one_w": round(seen[0]),
            "other": witness,
            "other_w": round(seen[1]),
        }
        return [found("swapped_ct", guilty, **facts)]
    return []


def _is_all(by_phase: dict[str, Pairs], turned: list[str]) -> bool:
    """Whether the phases that are not named carry too little to speak against all being turned."""
    rest = [pair for phase, pairs in by_phase.items() if phase not in turned for pair in pairs]
    return all(min(map(abs, pair)) <= W_MIN for pair in rest)


def _crossed(by_phase: dict[str, Pairs]) -> list[str]:
    """Two phases of the meter that show half of each other's power, the wrong way round."""
    for n, one in enumerate(PHASES):
        for two in PHASES[n + 1 :]:
            rows = [
                (a[0], b[1], b[0], a[1])
                for a, b in zip(by_phase[one], by_phase[two], strict=False)
                if min(abs(a[1]), abs(b[1])) > W_MIN
            ]
            if mostly(rows, lambda row: _is_half(row[0], row[1]) and _is_half(row[2], row[3])):
                return [one, two]
    return []


def _is_half(shown: float, real: float) -> bool:
    return abs(shown + real / 2) < _LIKE * abs(real) / 2 + 20


def _guilty(series: Series, meter: str, other: str) -> str:
    """Which of two that oppose each other is wrong: the one whose load would be negative, else the meter."""
    bad = [device for device in (meter, other) if any(f.kind == "swapped_ct" for f in _load(series, device))]
    return bad[0] if len(bad) == 1 else meter


def _ratio(series: Series, meter: str, other: str) -> list[Finding]:
    points = [GRID, *(phase_point(phase) for phase in PHASES)]
    ratios: list[float] = []
    for point in points:
        pairs = [p for p in _pairs(series, meter, other, point) if max(map(abs, p)) > W_MIN and p[1]]
        if pairs:
            ratios.append(sorted(a / b for a, b in pairs)[len(pairs) // 2])
    if not ratios or all(abs(ratio - 1) < 0.3 for ratio in ratios):
        return []
    one, two = series.typical(meter, GRID) or 0.0, series.typical(other, GRID) or 0.0
    facts: dict[str, str | float] = {
        "one_w": round(one),
        "other": other,
        "other_w": round(two),
        "point": GRID,
        "ratio": round(ratios[0], 3),
    }
    low, high = min(ratios), max(ratios)
    alike = low > 0 and high / low < 1 + _LIKE
    if alike and not 0.7 < ratios[0] < 1.4:
        return [found("ct_ratio", meter, **facts)]
    apart = mostly(
        _pairs(series, meter, other, GRID),
        lambda p: abs(p[0] - p[1]) > _OTHERWISE_W + 0.3 * max(abs(p[0]), abs(p[1])),
    )
    return [found("meters_differ", meter, **facts)] if apart else []


def _load(series: Series, meter: str) -> list[Finding]:
    """What the building would take by this meter; below zero is impossible."""
    sources = [(d, PV) for d in series.givers(PV)] + [(d, BATTERY) for d in series.givers(BATTERY)]
    if not sources:
        sources = [(d, INVERTER) for d in series.givers(INVERTER)]
    totals: list[tuple[float]] = []
    for sample in series.samples:
        watts = [sample.values.get(device, {}).get(point) for device, point in (*sources, (meter, GRID))]
        if None not in watts:
            totals.append((sum(w for w in watts if w is not None),))
    if not mostly(totals, lambda row: row[0] < -LOAD_W_MIN):
        return []
    grid = series.typical(meter, GRID) or 0.0
    load = sorted(totals)[len(totals) // 2][0]
    if load - 2 * grid > 0:
        facts: dict[str, str | float] = {"seen": "load", "point": GRID, "one_w": round(grid), "load_w": round(load)}
        return [found("swapped_ct", meter, **facts)]
    return [found("load_negative", meter, load_w=round(load))]
