"""From a half hour back to the readings that its energies come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from central.core.accounting.counters import LETTERS, around, count, thinned
from central.core.accounting.days import ends_of_days, joined, unpack_readings
from central.core.accounting.exchanges import changed
from central.core.accounting.flows import Rated
from central.core.accounting.halfhours import HALF_HOUR_MS, day_of, half_hour_of, slot_of
from central.core.city import Site
from central.reports.desk import NoSuchError
from central.store.accounting import EnergyRows
from central.web import figures
from central.web.catalogue import Lang


async def trace_of(rows: EnergyRows, sites: Iterable[Site], site: str, at_ms: int) -> dict[str, Any]:
    """The half hour's flows as they are kept, and each counter's readings around its two ends.

    Raises:
        NoSuchError: no such shelter, or nothing is counted of that half hour.
        StoreError: the records do not answer.
    """
    found = next((one for one in sites if one.id == site), None)
    if found is None:
        raise NoSuchError(f"{site}: no such shelter (shelter-central sites list names all)")
    day, slot, from_ms = day_of(at_ms), slot_of(at_ms), half_hour_of(at_ms)
    kept = await rows.days(day, day, site=site)
    if not kept:
        raise NoSuchError(
            f"{site}: nothing is counted of {figures.day(at_ms, Lang.EN)} (month recount reads the store)"
        )
    before, after = await rows.neighbours(site, day, day)
    packed = await rows.evidence(site, day if before is None else before, day if after is None else after)
    readings = joined(unpack_readings(each) for each in packed.values())
    rated = Rated(pv_kw=found.pv_kw, inverter_kw=found.inverter_kw, battery_kwh=found.battery_kwh)
    moments = changed(await rows.exchanges(site))
    one = kept[0]
    ends = ends_of_days(day, 1)[slot : slot + 2]
    counters = []
    for (device, point), each in sorted(readings.items()):
        own = moments.get(device, ())
        counted = count(each, ends, max_w=rated.max_w(point), changed_ms=own)
        healed = thinned(each, max_w=rated.max_w(point), changed_ms=own)
        counters.append(
            {
                "device": device,
                "point": point,
                "wh": int(counted.wh[0]),
                "mark": LETTERS[counted.marks[0]],
                "from": [{"at_ms": at, "wh": wh} for at, wh in around(healed, from_ms)],
                "to": [{"at_ms": at, "wh": wh} for at, wh in around(healed, from_ms + HALF_HOUR_MS)],
            }
        )
    return {
        "site": site,
        "name": found.name,
        "from_ms": from_ms,
        "to_ms": from_ms + HALF_HOUR_MS,
        "flows": {flow.value: {"wh": values[slot], "mark": one.marks[flow][slot]} for flow, values in one.wh.items()},
        "adds_up": slot not in one.odd,
        "pv_basis": one.pv_basis.value,
        "load_basis": one.load_basis.value,
        "counters": counters,
    }


def as_text(found: Mapping[str, Any]) -> str:
    """The trace for a terminal; times in Tokyo."""
    lines = [
        f"{found['name']} ({found['site']})  {_at(found['from_ms'])} - {_at(found['to_ms'])[11:]} Tokyo",
        f"adds up: {'yes' if found['adds_up'] else 'NO'}   PV by: {found['pv_basis']}   load by: {found['load_basis']}",
    ]
    lines += [f"  {name:<10} {one['wh']:>10,} Wh  {one['mark']}" for name, one in found["flows"].items()]
    for one in found["counters"]:
        lines.append(f"{one['device']}  {one['point']}  {one['wh']:,} Wh  {one['mark']}")
        for end in ("from", "to"):
            read = "   ".join(f"{_at(each['at_ms'])} {each['wh']:,} Wh" for each in one[end])
            lines.append(f"  {end:<4} {read or 'no reading'}")
    lines.append(
        "m measured, r counter restarted, i interpolated (gap up to 2 h), s known as a sum only, l the same: at least, "
        "- unknown"
    )
    return "\n".join(lines)


def _at(at_ms: int) -> str:
    return f"{figures.local(at_ms):%Y-%m-%d %H:%M:%S}"
