"""The one picture of a shelter: where power flows, what stays on, for how long, which device is unwell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from central.api.live import Key
from central.core.city import PointNow, SiteNow, SiteState
from central.core.facts import Fact, FactName
from central.web import figures
from central.web.catalogue import Catalogue
from central.web.proofview import plain
from contract.messages import DeviceStatus

CODE: Final = "fault_code"
FAULTS: Final = (CODE, "fault_bits", "fault2_bits", "warning_bits")
CLOCK_OFF_S: Final = 60
"""A device's clock that is off by more is told."""
HOURS_SHOWN: Final = 72.0
"""Length of the band; what lasts longer ends at its edge."""
BITS: Final = 32


def flow_texts(now: SiteNow, words: Catalogue) -> dict[str, str]:
    """Ways of the arrows (``in`` to the building, ``out``, ``none``, ``unknown``), and all of it as a sentence."""
    is_cut = now.state is SiteState.ISLANDED
    return {
        "pv_way": way(now.pv_w),
        "battery_way": way(now.battery_w),
        "grid_way": "cut" if is_cut else way(now.grid_w),
        "load_way": "unknown" if now.load_w is None else "out" if now.load_w >= figures.REST_W else "none",
        "grid_word": words("grid_cut") if is_cut else figures.grid_flow(now.grid_w, words) or words("not_known"),
        "battery_word": figures.battery_flow(now.battery_w, words) or words("not_known"),
        "flow_says": words(
            "flow_says",
            pv=figures.kilo(now.pv_w),
            battery=f"{figures.kilo_size(now.battery_w)} kW {figures.battery_flow(now.battery_w, words)}".rstrip(),
            grid=words("grid_cut")
            if is_cut
            else f"{figures.kilo_size(now.grid_w)} kW {figures.grid_flow(now.grid_w, words)}".rstrip(),
            load=figures.kilo(now.load_w),
        ),
    }


def way(watts: float | None) -> str:
    """Where power flows, by the contract's sign: above zero to the building."""
    if watts is None:
        return "unknown"
    if abs(watts) < figures.REST_W:
        return "none"
    return "in" if watts > 0 else "out"


def band_texts(now: SiteNow, *, is_fresh: bool) -> dict[str, str]:
    """Where the band of hours lies, in percent of ``HOURS_SHOWN``; of zero width while nothing is known."""
    hours = now.hours
    if hours is None or not is_fresh or hours.p10_h is None or hours.p50_h is None or hours.p90_h is None:
        return {"band": "0 0", "band_mid": "-1", "band_sure": "0"}
    low, middle, high = (min(h, HOURS_SHOWN) / HOURS_SHOWN * 100 for h in (hours.p10_h, hours.p50_h, hours.p90_h))
    return {"band": f"{low:.1f} {max(high - low, 0.8):.1f}", "band_mid": f"{middle:.1f}", "band_sure": f"{low:.1f}"}


@dataclass(frozen=True, slots=True)
class Tier:
    """One load tier: its number, the owner of its live texts (empty: no relay tells), and what hangs on it."""

    number: int
    owner: str
    hangs: str


def tiers(now: SiteNow, facts: Mapping[FactName, Fact], words: Catalogue) -> list[Tier]:
    """Tiers that a relay tells of or that staff named, the most critical first."""
    owners: dict[int, str] = {}
    for point in now.points:
        group, _, quantity = point.point.partition(".")
        if quantity == "closed" and group.startswith("tier") and group[4:].isdecimal():
            owners.setdefault(int(group[4:]), f"{point.device}/{point.point}")
    said = facts.get(FactName.TIERS_W)
    loads = dict(enumerate(said.value.split(","), start=1)) if said else {}
    return [
        Tier(
            number,
            owners.get(number, ""),
            words("tier_load", kw=figures.kilo(float(loads[number]))) if number in loads else words("tier_unsaid"),
        )
        for number in sorted({*owners, *loads})
    ]


def device_key(device: str) -> str:
    """Owner of a device's live texts."""
    return f"device:{device}"


def device_texts(now: SiteNow, words: Catalogue) -> dict[Key, str]:
    """Whether each device answers, since when it does not, and what it says is wrong."""
    texts: dict[Key, str] = {}
    by_device: dict[str, list[PointNow]] = {}
    for point in now.points:
        by_device.setdefault(point.device, []).append(point)
    for device in now.status.devices if now.status else ():
        owner, points = device_key(device.id), by_device.get(device.id, [])
        is_heard = device.online and now.status is not None and now.status.online
        texts[owner, "answers"] = words("device_online" if is_heard else "device_offline")
        texts[owner, "well"] = "yes" if is_heard and not faults(points, words) else "no"
        texts[owner, "last"] = figures.iso(device.last_answer_ms)
        texts[owner, "faults"] = faults(points, words)
        texts[owner, "clock"] = clock(points, words)
    return texts


def faults(points: list[PointNow], words: Catalogue) -> str:
    """Faults that a device reports, by their codes: what a code means stands in its maker's list. Empty: none."""
    found = []
    for point in points:
        quantity = point.point.partition(".")[2]
        if quantity not in FAULTS or not point.value:
            continue
        number = int(point.value)
        if quantity == CODE:
            text = f"{number} (0x{number:X})"
        else:
            bits = ", ".join(str(n) for n in range(BITS) if number >> n & 1)
            text = words("fault_bits_text", hex=f"0x{number:08X}", bits=bits)
        found.append(f"{figures.point_words(point.point, words)} {text}")
    return " · ".join(found)


def clock(points: list[PointNow], words: Catalogue) -> str:
    """How far a device's own clock is off; empty where it has none or it is right."""
    for point in points:
        if point.point != figures.CLOCK or point.value is None or not point.quality.is_good:
            continue
        off_s = round(point.value - point.at_ms / 1_000)
        if abs(off_s) > CLOCK_OFF_S:
            return words("clock_ahead" if off_s > 0 else "clock_behind", min=f"{abs(off_s) / 60:,.0f}")
        return words("clock_right")
    return ""


def model_words(device: DeviceStatus) -> str:
    """Maker's words for a device, as far as it tells them."""
    return " · ".join(plain(part) for part in (device.model, device.serial, device.firmware) if part)
