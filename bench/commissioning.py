"""Does a check find a wrong profile and a wrong cable, name it, and keep quiet at a right plant?

Every inverter family and meter of the library is read from simulated registers with one mistake at a time: a sign, a
scale, the other byte or word order, one address off, a sign that is not read, a mark for "no value" taken for a number,
and the mistakes of an installation that the simulator plants. ``caught``: the check warns. ``named``: it names this
mistake (and, of a single point, this point). ``false_alarms``: right plants that draw a warning.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.report import Target, finish, progress
from bench.watched import HOUR_MS, NOON_MS, Watch, inverters, meters, site
from device_profiles.model import DeviceMap, Field, Table, ValueType, WordOrder
from edge_agent.core.judging.decoding import Recorded, judge_decoding, shifted
from edge_agent.core.judging.finding import Finding, Severity
from edge_agent.core.judging.judge import judge
from simulator.planted import Planted
from simulator.site import SimulatedSite

MORNING_MS = NOON_MS - 2 * HOUR_MS
NIGHT_MS = NOON_MS + 10 * HOUR_MS
READS, EVERY_S = 8, 60.0
Image = dict[tuple[Table, int], int]
Change = Callable[[DeviceMap], DeviceMap]

SCALED = (
    "pv.power_w",
    "battery.power_w",
    "battery.voltage_v",
    "battery.current_a",
    "battery.soc_pct",
    "battery.charge_energy_wh",
    "inverter.power_w",
    "inverter.frequency_hz",
    "inverter.l1_voltage_v",
    "grid.power_w",
    "grid.l1_voltage_v",
    "grid.frequency_hz",
    "grid.import_energy_wh",
)
SIGNED = ("pv.power_w", "battery.power_w", "battery.current_a", "inverter.power_w", "grid.power_w")
FACTORS = (10.0, 0.1, 1000.0)
NAMES: dict[str, tuple[str, ...]] = {
    "pv.power_w": ("pv_scale", "pv_sign"),
    "battery.power_w": ("battery_scale", "battery_sign", "signedness", "battery_product"),
    "battery.voltage_v": ("battery_voltage", "battery_product"),
    "battery.current_a": ("battery_current", "battery_product"),
    "battery.soc_pct": ("soc_scale", "soc_stands"),
    "battery.charge_energy_wh": ("counter_scale", "counters_stand"),
    "inverter.power_w": ("inverter_scale", "inverter_sign", "signedness"),
    "grid.power_w": ("phase_sum", "swapped_ct", "ct_ratio", "meters_differ"),
    "grid.import_energy_wh": ("counter_scale", "counters_stand"),
}
"""Kinds that name a mistake at a point, beside ``implausible``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One mistake at one family."""

    kind: str
    profile: str
    device: str
    names: frozenset[str]
    point: str = ""
    parts: frozenset[str] = frozenset()
    """The fields that the point is the sum of."""
    change: Change | None = None
    spoil: Callable[[DeviceMap, Image], Image] | None = None
    fault: Planted | None = None
    at_ms: int = MORNING_MS


def shelter(profile: str, device: str, at_ms: int, faults: Iterable[Planted] = ()) -> SimulatedSite:
    """A shelter in which everything flows: the battery charges, power crosses the connection."""
    is_meter = device == "meter"
    made = site(
        "goodwe-et" if is_meter else profile,
        meter=profile if is_meter else "sdm630",
        at_ms=at_ms,
        faults=faults,
        soc_pct=55.0,
    )
    made.world.controls.forced_charge_power_w = 0.4 * made.spec.plant.charge_w
    made.world.controls.forced_charge_on = True
    made.world.touch()
    made.advance(at_ms + 60_000)
    return made


def fields_of(known: DeviceMap, point: str) -> frozenset[str]:
    """The point, or the parts of which it is the sum."""
    parts = next((s.of for s in known.sums if s.point == point), ())
    return frozenset(parts) if parts else frozenset({point})


def changed(points: Iterable[str], change: Callable[[Field], Field]) -> Change:
    """A map with these points' fields changed."""

    def apply(known: DeviceMap) -> DeviceMap:
        wanted = frozenset(part for point in points for part in fields_of(known, point))
        return replace(known, fields=tuple(change(f) if f.point in wanted else f for f in known.fields))

    return apply


def scaled(by: float) -> Callable[[Field], Field]:
    return lambda field: replace(field, scale=field.scale * by, offset=field.offset * by)


def all_fields(change: Callable[[Field], Field]) -> Change:
    return lambda known: replace(known, fields=tuple(map(change, known.fields)))


def other_words(field: Field) -> Field:
    order = WordOrder.LITTLE if field.word_order is WordOrder.BIG else WordOrder.BIG
    return replace(field, word_order=order)


def unsigned(field: Field) -> Field:
    kinds = {ValueType.S16: ValueType.U16, ValueType.S32: ValueType.U32, ValueType.S64: ValueType.U64}
    return replace(field, type=kinds.get(field.type, field.type), sentinels=frozenset())


def other_bytes(_: DeviceMap, image: Image) -> Image:
    bits = (Table.COIL, Table.DISCRETE)
    return {key: word if key[0] in bits else (word & 0xFF) << 8 | word >> 8 for key, word in image.items()}


def marked(known: DeviceMap, image: Image, point: str) -> Image:
    """The point's registers hold what its type knows as "no value"."""
    field = next(f for f in known.fields if f.point == point)
    is_signed = field.type in (ValueType.S16, ValueType.S32, ValueType.S64)
    words = [0x8000 if is_signed else 0xFFFF] + [0 if is_signed else 0xFFFF] * (field.width - 1)
    if field.word_order is WordOrder.LITTLE:
        words.reverse()
    return image | {(field.table, field.address + n): word for n, word in enumerate(words)}


def blind(known: DeviceMap) -> DeviceMap:
    return replace(known, fields=tuple(replace(f, sentinels=frozenset()) for f in known.fields))


def cases_of(profile: str, device: str, known: DeviceMap, values: dict[str, float]) -> Iterator[Case]:
    """Every mistake that shows at this device: a zero is right in every scale."""
    here = {f.point: f for f in known.fields}
    points = {*here, *(s.point for s in known.sums)}
    for point in SCALED:
        if point not in points or not values.get(point):
            continue
        names = frozenset({"implausible", *NAMES.get(point, ())})
        for by in FACTORS:
            parts = fields_of(known, point)
            yield Case(f"×{by:g}", profile, device, names, point, parts, changed([point], scaled(by)))
        if point in SIGNED and point in here:
            yield Case("sign", profile, device, names, point, change=changed([point], scaled(-1.0)))
            if values[point] * (here[point].scale or 1.0) < 0 and here[point].type in (ValueType.S16, ValueType.S32):
                yield Case("unsigned", profile, device, names, point, change=changed([point], unsigned))
    wide = [f for f in known.fields if f.width in (2, 4) and values.get(f.point)]
    if len(wide) >= 3:
        yield Case("words", profile, device, frozenset({"swapped_words"}), change=all_fields(other_words))
        both = frozenset({"swapped_bytes"})
        yield Case("bytes+words", profile, device, both, change=all_fields(other_words), spoil=other_bytes)
    yield Case("bytes", profile, device, frozenset({"swapped_bytes"}), spoil=other_bytes)
    for by in (1, -1):
        off = frozenset({"off_by_one"})
        yield Case("off_by_one", profile, device, off, change=all_fields(lambda f, by=by: shifted(f, by)))  # type: ignore[misc]
    for point in ("inverter.temperature_c", "battery.power_w", "battery.soc_pct", "pv.power_w", "grid.power_w"):
        field = here.get(point)
        if field is None or field.terms or field.type in (ValueType.F32, ValueType.F64):
            continue
        names = frozenset({"sentinel", "implausible"})
        spoil = lambda known, image, point=point: marked(known, image, point)  # noqa: E731
        yield Case("sentinel", profile, device, names, point, change=blind, spoil=spoil)


def planted_cases() -> Iterator[Case]:
    """The mistakes of an installation that the simulator knows, where the family can show them."""
    hours = {Planted.PV_AT_NIGHT: NIGHT_MS, Planted.SOC_SCALE: NIGHT_MS}
    by_wire = (Planted.SWAPPED_WORDS, Planted.OFF_BY_ONE, Planted.PHASE_ORDER)
    of_orders = tuple(Planted)[tuple(Planted).index(Planted.WRITE_IGNORED) :]  # Only a control test can see them.
    for profile in ("goodwe-et", "huawei-sun2000", "sungrow-sh"):
        for fault in Planted:
            if fault in (*by_wire, *of_orders):
                continue
            names = frozenset({fault.value})
            yield Case(fault.value, profile, "inverter", names, fault=fault, at_ms=hours.get(fault, MORNING_MS))


def seen_in(case: Case) -> list[Finding]:
    """What a check would say of the case."""
    made = shelter(case.profile, case.device, case.at_ms, [case.fault] if case.fault else [])
    if case.fault in (Planted.PV_AT_NIGHT, Planted.SOC_SCALE):
        made.world.controls.forced_charge_power_w = 0.0
        made.advance(made.world.at_ms + 5_000)
    watch = Watch.of(made, {case.device: case.change} if case.change else None)
    spoil = case.spoil
    if spoil is not None:
        known = watch.maps[case.device]
        watch.spoil[case.device] = lambda image: spoil(known, image)
    told = [
        finding
        for name in watch.maps
        for finding in judge_decoding(name, made.devices[name].profile, Recorded(watch.maps[name], watch.image(name)))
    ]
    whole = {"swapped_words", "swapped_bytes", "off_by_one"}
    if any(finding.kind in whole for finding in told):
        return told
    series = watch.look(reads=READS, every_s=EVERY_S)
    told += [finding for each in judge(series) for finding in each.findings]
    return [finding for finding in told if finding.severity is not Severity.NOTE]


def is_named(case: Case, told: Sequence[Finding]) -> bool:
    """Whether one of the findings is this mistake, at this point."""
    for finding in told:
        if finding.kind not in case.names:
            continue
        where = str(finding.facts.get("point", finding.facts.get("points", "")))
        if (
            not case.point
            or any(point in where for point in (case.point, *case.parts))
            or finding.kind in NAMES.get(case.point, ())
        ):
            return True
    return False


def all_cases() -> Iterator[Case]:
    for profile, device in [*((p, "inverter") for p in inverters()), *((p, "meter") for p in meters())]:
        watch = Watch.of(shelter(profile, device, MORNING_MS))
        values = dict(watch.sample(first=True).values[device])
        yield from cases_of(profile, device, watch.maps[device], values)
    yield from planted_cases()


def false_alarms(seeds: int) -> tuple[int, int]:
    """Right plants looked at, and how many of them drew a warning."""
    looked = alarmed = 0
    for seed in range(seeds):
        for profile in inverters():
            for hour in (0, 5, 8, 11, 17, 21):
                at_ms = NOON_MS + (24 * 61 * seed + hour) * HOUR_MS
                made = site(profile, at_ms=at_ms, seed=seed % 5, meter=meters()[seed % len(meters())])
                made.advance(at_ms + 60_000)
                watch = Watch.of(made)
                told = [f for each in judge(watch.look(reads=READS, every_s=EVERY_S)) for f in each.findings]
                for name in watch.maps:
                    told += judge_decoding(name, name, Recorded(watch.maps[name], watch.image(name)))
                looked += 1
                alarmed += any(finding.severity is not Severity.NOTE for finding in told)
    return looked, alarmed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=commissioning", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=6, help="right plants: so many of each family and hour (default 6)"
    )
    parser.add_argument("--show", action="store_true", help="tell every mistake that was not caught or not named")
    options = parser.parse_args(arguments)
    total, caught, named = Counter[str](), Counter[str](), Counter[str]()
    for case in all_cases():
        told = seen_in(case)
        total[case.kind] += 1
        caught[case.kind] += bool(told)
        named[case.kind] += is_named(case, told)
        if options.show and not is_named(case, told):
            progress(
                f"{case.kind} {case.profile} {case.point}: {', '.join(sorted({f.kind for f in told})) or 'nothing'}"
            )
    looked, alarmed = false_alarms(options.seeds)
    cases = total.total()
    caught_share, named_share = caught.total() / cases, named.total() / cases
    return finish(
        "commissioning",
        {
            "caught_share": Target(0.95, at_least=True).judge(round(caught_share, 4)),
            "named_share": Target(0.80, at_least=True).judge(round(named_share, 4)),
            "false_alarms": Target(0).judge(alarmed),
        },
        cases=cases,
        caught_share=round(caught_share, 4),
        named_share=round(named_share, 4),
        false_alarms=alarmed,
        right_plants=looked,
        by_kind={k: {"cases": total[k], "caught": caught[k], "named": named[k]} for k in sorted(total)},
    )


if __name__ == "__main__":
    sys.exit(main())
