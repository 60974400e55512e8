"""Faults between the parts of a site file: what stands twice, and what does not go together.

They are looked for in the raw file, so that they are told together with the faults of each part.
"""

from __future__ import annotations

from collections import Counter
from typing import Any


def crossed(raw: dict[str, Any]) -> list[str]:
    """Every fault between parts."""
    faults: list[str] = []
    fast, slow = raw.get("interval_s", 5.0), raw.get("slow_interval_s", 60.0)
    if isinstance(fast, int | float) and isinstance(slow, int | float) and slow < fast:
        faults.append(f"slow_interval_s: {slow:g} is shorter than interval_s {fast:g}")
    buses = [bus for bus in raw.get("buses") or () if isinstance(bus, dict)] if _is_list(raw.get("buses")) else []
    for kind in ("tcp", "rtu"):
        places = [(f"buses[{n}].{kind}", _address(bus.get(kind))) for n, bus in enumerate(buses)]
        faults += _twice("address of a line", places)
    faults += _twice("bus id", [(f"buses[{n}].id", bus.get("id")) for n, bus in enumerate(buses)])
    devices = [
        (f"buses[{n}].devices[{m}]", n, device)
        for n, bus in enumerate(buses)
        if _is_list(bus.get("devices"))
        for m, device in enumerate(bus["devices"])
        if isinstance(device, dict)
    ]
    faults += _twice("device id", [(f"{place}.id", device.get("id")) for place, _, device in devices])
    for n in range(len(buses)):
        units = [(f"{place}.unit", device.get("unit", 1)) for place, bus, device in devices if bus == n]
        faults += _twice("unit on this bus", units)
    return faults


def _address(line: object) -> str | None:
    if not isinstance(line, dict):
        return None
    return f"{line['host']}:{line.get('port', 502)}" if "host" in line else line.get("port")


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _twice(what: str, named: list[tuple[str, Any]]) -> list[str]:
    counts = Counter(str(value) for _, value in named if value is not None)
    seen: set[str] = set()
    faults = []
    for place, value in named:
        if value is None:
            continue
        if str(value) in seen:
            faults.append(f"{place}: {what} {value!r} is there {counts[str(value)]} times")
        seen.add(str(value))
    return faults
