"""What the city knows of its shelters as NGSI-LD entities. Pure.

One shelter is a DesignatedShelter (what the city designated), an EvacuationShelter (open or not; only while somebody
says so), a Building, a ShelterEnergyStatus (ours), its PV and battery as devices, and a measurement for each device
that measures them or the grid. Alerts are shelters in trouble and incidents that hold shelters. Values are fresh and
good, or not there; the registry's own figures carry no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from central.core.city import CityNow, PointNow, Site, SiteKind, SiteNow, SiteState
from central.core.incidents import Incident, Phase
from central.core.ngsi.values import Attr, Entity, Kind, Source, iso
from contract.points import BatteryState
from contract.readings import Quality

KWT, WTT, KWH, P1, HTZ, VLT, CEL, HUR = "KWT", "WTT", "KWH", "P1", "HTZ", "VLT", "CEL", "HUR"
"""UN/CEFACT Recommendation 20: kW, W, kWh, %, Hz, V, °C, h."""
C62: Final = "C62"
"""One: a ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Whether a shelter takes people in, as staff say. ``status``: open, closed, full or requested."""

    status: str
    label_ja: str = ""
    evacuees: int | None = None
    opened_ms: int | None = None
    closed_ms: int | None = None
    said_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that entities are made of."""

    city: CityNow
    incidents: tuple[Incident, ...] = ()
    openings: Mapping[str, Opening] = field(default_factory=dict)
    """Shelter → what staff say. A shelter of which nobody said anything is not in it."""


def urn(kind: str, *parts: str) -> str:
    """An entity's id."""
    return ":".join(("urn:ngsi-ld", kind, *parts))


def entities(seen: Seen, types: Iterable[str] | None = None, *, site: str | None = None) -> Iterator[Entity]:
    """The entities of these types (or of all), of all shelters or of one, in the order of types and shelters."""
    wanted = set(MAKERS) if types is None else set(types)
    shelters = [one for one in seen.city.sites if site is None or one.site.id == site]
    for kind, make in MAKERS.items():
        if kind in wanted:
            for shelter in shelters:
                yield from make(shelter, seen)
    if "Alert" in wanted and site is None:
        yield from _incident_alerts(seen)


def _point_of(site: Site) -> Attr:
    return Attr(kind=Kind.GEO, value={"type": "Point", "coordinates": [site.longitude, site.latitude]})


def _to(kind: str, *parts: str) -> Attr:
    return Attr(kind=Kind.RELATIONSHIP, value=urn(kind, *parts))


def _said(**told: Any) -> dict[str, Attr]:
    """Properties without a time; what is empty is left out."""
    return {name: Attr(value=value) for name, value in told.items() if value not in ("", None)}


def _common(site: Site) -> dict[str, Attr]:
    made = _said(name=site.name, nameEn=site.name_en, ward=site.ward, wardEn=site.ward_en)
    made["location"] = _point_of(site)
    if site.synthetic:
        made["synthetic"] = Attr(value=True)
    return made


def _designated(now: SiteNow, _: Seen) -> Iterator[Entity]:
    site = now.site
    attrs = _common(site) | _said(nationalShelterId=site.id, shelterType="general")
    yield Entity(id=urn("DesignatedShelter", site.id), type="DesignatedShelter", attrs=attrs)


def _evacuation(now: SiteNow, seen: Seen) -> Iterator[Entity]:
    site, told = now.site, seen.openings.get(now.site.id)
    attrs = _common(site) | _said(nationalShelterId=site.id)
    attrs["shelter"] = _to("DesignatedShelter", site.id)
    if told is not None:
        at_ms = told.said_ms
        attrs["openingStatus"] = Attr(value=told.status, observed_ms=at_ms)
        if told.label_ja:
            attrs["statusLabel"] = Attr(value=told.label_ja, observed_ms=at_ms)
        if told.evacuees is not None:
            attrs["evacueeTotal"] = Attr(value=told.evacuees, observed_ms=at_ms)
        for name, moment in (("openedAt", told.opened_ms), ("closedAt", told.closed_ms)):
            if moment is not None:
                attrs[name] = Attr(value={"@type": "DateTime", "@value": iso(moment)})
    yield Entity(id=urn("EvacuationShelter", site.id), type="EvacuationShelter", attrs=attrs)


_CATEGORIES: Final = {
    SiteKind.ELEMENTARY_SCHOOL: ["school"],
    SiteKind.JUNIOR_HIGH_SCHOOL: ["school"],
    SiteKind.COMMUNITY_CENTRE: ["civic"],
}


def _building(now: SiteNow, _: Seen) -> Iterator[Entity]:
    attrs = _common(now.site)
    if now.site.kind in _CATEGORIES:
        attrs["category"] = Attr(value=_CATEGORIES[now.site.kind])
    yield Entity(id=urn("Building", now.site.id), type="Building", attrs=attrs)


def _status(now: SiteNow, _: Seen) -> Iterator[Entity]:
    site, at_ms = now.site, now.last_reading_ms
    attrs = _common(site)
    attrs["refBuilding"] = _to("Building", site.id)
    attrs["powerState"] = Attr(value=now.state.value)
    if now.steering.mode is not None:
        attrs["operatingMode"] = Attr(value=now.steering.mode.value, observed_ms=now.steering.said_ms)
    if at_ms is not None:
        attrs["lastReadingAt"] = Attr(value={"@type": "DateTime", "@value": iso(at_ms)})
    figures: tuple[tuple[str, float | None, float, str, str], ...] = (
        ("pvPower", now.pv_w, 1e-3, KWT, "pv.power_w"),
        ("loadPower", now.load_w, 1e-3, KWT, "load.power_w"),
        ("gridPower", now.grid_w, 1e-3, KWT, "grid.power_w"),
        ("batteryPower", now.battery_w, 1e-3, KWT, "battery.power_w"),
        ("stateOfChargePercent", now.soc_pct, 1.0, P1, "battery.soc_pct"),
        ("reservePercent", now.reserve_pct, 1.0, P1, "battery.reserve_soc_pct"),
        ("storedEnergy", now.stored_wh, 1e-3, KWH, ""),
    )
    for name, value, factor, unit, point in figures:
        holding = sorted({one.device for one in now.points if one.point == point})
        source = Source(site.id, holding[0], point, factor) if len(holding) == 1 else None
        if value is not None:
            scaled = round(value * factor, 6)
            attrs[name] = Attr(value=scaled, unit_code=unit, observed_ms=at_ms, source=source)
        elif source is not None:
            attrs[name] = Attr(value=None, unit_code=unit, source=source)
    if now.hours is not None:
        told = now.hours
        hours = (("hoursLeftLow", told.p10_h), ("hoursLeftMedian", told.p50_h), ("hoursLeftHigh", told.p90_h))
        for name, value in hours:
            if value is not None:
                attrs[name] = Attr(value=round(value, 2), unit_code=HUR, observed_ms=told.at_ms)
        attrs["hoursLeftText"] = Attr(value=told.says_ja, observed_ms=told.at_ms)
    if now.devices_dark:
        attrs["darkDevices"] = Attr(value=list(now.devices_dark))
    yield Entity(id=urn("ShelterEnergyStatus", site.id), type="ShelterEnergyStatus", attrs=attrs)


def _rated(name: str, value: float, unit: str) -> dict[str, Attr]:
    return {name: Attr(value=value, unit_code=unit)} if value > 0 else {}


def _pv_device(now: SiteNow, _: Seen) -> Iterator[Entity]:
    site = now.site
    if site.pv_kw > 0 or _has(now, "pv.power_w"):
        attrs = _common(site) | _rated("NominalPower", site.pv_kw, KWT)
        attrs |= _rated("inverterRatedPower", site.inverter_kw, KWT) | {"refBuilding": _to("Building", site.id)}
        yield Entity(id=urn("PhotovoltaicDevice", site.id), type="PhotovoltaicDevice", attrs=attrs)


def _battery_device(now: SiteNow, _: Seen) -> Iterator[Entity]:
    site = now.site
    if site.battery_kwh > 0 or _has(now, "battery.soc_pct"):
        attrs = _common(site) | _rated("storableEnergy", site.battery_kwh, KWH)
        attrs["application"] = Attr(value=["energyStorage", "emergencyStorage"])
        attrs["refBuilding"] = _to("Building", site.id)
        yield Entity(id=urn("StorageBatteryDevice", site.id), type="StorageBatteryDevice", attrs=attrs)


def _has(now: SiteNow, point: str) -> bool:
    return any(one.point == point for one in now.points)


_Measure = tuple[str, str, float, str]
"""Attribute, point, what one of the point's unit is in the attribute's, unit code."""
_PV: Final[tuple[_Measure, ...]] = (("activePower", "pv.power_w", 1e-3, KWT),)
_BATTERY: Final[tuple[_Measure, ...]] = (
    ("stateOfCharge", "battery.soc_pct", 1e-2, C62),
    ("stateOfHealth", "battery.soh_pct", 1e-2, C62),
    ("activePower", "battery.power_w", 1e-3, KWT),
    ("temperature", "battery.temperature_c", 1.0, CEL),
)
_GRID: Final[tuple[_Measure, ...]] = (
    ("totalActivePower", "grid.power_w", 1.0, WTT),
    ("totalActiveEnergyImport", "grid.import_energy_wh", 1e-3, KWH),
    ("totalActiveEnergyExport", "grid.export_energy_wh", 1e-3, KWH),
    ("frequency", "grid.frequency_hz", 1.0, HTZ),
)


def _measured(now: SiteNow, kind: str, measures: tuple[_Measure, ...]) -> Iterator[tuple[Entity, dict[str, PointNow]]]:
    """For every device that has the first of the points (or any, for the grid): what it measures."""
    by_device: dict[str, dict[str, PointNow]] = {}
    for one in now.points:
        by_device.setdefault(one.device, {})[one.point] = one
    for device in sorted(by_device):
        points = by_device[device]
        if measures[0][1] not in points:
            continue
        attrs = {"location": _point_of(now.site)}
        newest = 0
        for name, point, factor, unit in measures:
            if point not in points:
                continue
            read, source = points[point], Source(now.site.id, device, point, factor)
            if read.quality is Quality.GOOD and read.value is not None:
                value = round(read.value * factor, 6)
                attrs[name] = Attr(value=value, unit_code=unit, observed_ms=read.at_ms, source=source)
                newest = max(newest, read.at_ms)
            else:
                attrs[name] = Attr(value=None, unit_code=unit, source=source)
        if newest:
            attrs["dateObserved"] = Attr(value={"@type": "DateTime", "@value": iso(newest)})
        if now.site.synthetic:
            attrs["synthetic"] = Attr(value=True)
        yield Entity(id=urn(kind, now.site.id, device), type=kind, attrs=attrs), points


def _with(entity: Entity, **more: Attr) -> Entity:
    return Entity(id=entity.id, type=entity.type, attrs={**entity.attrs, **more})


def _pv(now: SiteNow, _: Seen) -> Iterator[Entity]:
    for entity, _points in _measured(now, "PhotovoltaicMeasurement", _PV):
        more = _rated("nominalPeakPowerGeneration", now.site.pv_kw, KWT)
        yield _with(entity, refPhotovoltaicDevice=_to("PhotovoltaicDevice", now.site.id), **more)


_FLOWS: Final = {
    BatteryState.CHARGING: "consumingEnergy",
    BatteryState.DISCHARGING: "givingEnergy",
    BatteryState.STANDBY: "standby",
    BatteryState.FULL: "standby",
    BatteryState.EMPTY: "standby",
}
_IDLE_W: Final = 50.0


def _battery(now: SiteNow, _: Seen) -> Iterator[Entity]:
    for entity, points in _measured(now, "StorageBatteryMeasurement", _BATTERY):
        more = {"refStorageBatteryDevice": _to("StorageBatteryDevice", now.site.id)}
        flow = _flow(points.get("battery.state"), points.get("battery.power_w"))
        if flow is not None:
            more["batteryStatus"] = flow
        yield _with(entity, **more)


def _flow(state: PointNow | None, power: PointNow | None) -> Attr | None:
    """The model's word, by the device's own state, else by the power's sign."""
    if state is not None and state.quality is Quality.GOOD and state.value in _FLOWS:
        return Attr(value=_FLOWS[BatteryState(int(state.value))], observed_ms=state.at_ms)
    if power is None or power.quality is not Quality.GOOD or power.value is None:
        return None
    word = "standby" if abs(power.value) < _IDLE_W else "givingEnergy" if power.value > 0 else "consumingEnergy"
    return Attr(value=word, observed_ms=power.at_ms)


def _grid(now: SiteNow, _: Seen) -> Iterator[Entity]:
    for entity, points in _measured(now, "ACMeasurement", _GRID):
        phases: dict[str, float] = {}
        at_ms: list[int] = []
        for phase in ("l1", "l2", "l3"):
            read = points.get(f"grid.{phase}_voltage_v")
            if read is not None and read.quality is Quality.GOOD and read.value is not None:
                phases[phase.upper()] = read.value
                at_ms.append(read.at_ms)
        more = {"refTargetDevice": _to("Building", now.site.id)}
        if phases:
            more["phaseVoltage"] = Attr(value=phases, unit_code=VLT, observed_ms=min(at_ms))
        yield _with(entity, **more)


_TROUBLE: Final = {
    SiteState.ISLANDED: ("powerOutage", "high", "停電中: 商用電源なしで運転"),
    SiteState.FAULT: ("deviceFault", "high", "機器の異常"),
    SiteState.OFFLINE: ("silent", "medium", "通信断"),
    SiteState.STALE: ("silent", "medium", "計測値が古い"),
}


def _alerts(now: SiteNow, seen: Seen) -> Iterator[Entity]:
    if now.state not in _TROUBLE:
        return
    word, severity, text = _TROUBLE[now.state]
    attrs = _said(category="energy", subCategory=word, severity=severity, description=f"{now.site.name} {text}")
    attrs |= _common(now.site)
    attrs["alertSource"] = _to("ShelterEnergyStatus", now.site.id)
    attrs["dateIssued"] = Attr(value={"@type": "DateTime", "@value": iso(now.last_reading_ms or seen.city.at_ms)})
    yield Entity(id=urn("Alert", now.site.id, word), type="Alert", attrs=attrs)


def _incident_alerts(seen: Seen) -> Iterator[Entity]:
    for one in sorted(seen.incidents, key=lambda incident: incident.id):
        if one.phase is not Phase.ACTIVE:
            continue
        since = one.confirmed or one.declared
        attrs = _said(
            category="energy",
            subCategory="incident",
            severity="informational" if one.wish.is_drill else "high",
            description=one.declared.why,
            data={
                "mode": one.wish.mode.value,
                "isDrill": one.wish.is_drill,
                "shelters": sorted(urn("DesignatedShelter", site) for site in one.sites),
            },
        )
        for name in ("dateIssued", "validFrom"):
            attrs[name] = Attr(value={"@type": "DateTime", "@value": iso(since.at_ms)})
        yield Entity(id=urn("Alert", "incident", one.id), type="Alert", attrs=attrs)


MAKERS: Final[Mapping[str, Callable[[SiteNow, Seen], Iterator[Entity]]]] = {
    "DesignatedShelter": _designated,
    "EvacuationShelter": _evacuation,
    "Building": _building,
    "ShelterEnergyStatus": _status,
    "PhotovoltaicDevice": _pv_device,
    "PhotovoltaicMeasurement": _pv,
    "StorageBatteryDevice": _battery_device,
    "StorageBatteryMeasurement": _battery,
    "ACMeasurement": _grid,
    "Alert": _alerts,
}


def present(entity: Entity) -> Entity:
    """The entity as it is now: without attributes of which only a history is known."""
    attrs = {name: attr for name, attr in entity.attrs.items() if attr.value is not None}
    return Entity(id=entity.id, type=entity.type, attrs=attrs)
