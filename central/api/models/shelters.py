"""A shelter and the city as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import iso, moment
from central.api.models.proof import ProofOut, proof
from central.core.city import CityNow, PointNow, Site, SiteKind, SiteNow, SiteState
from central.core.orders import Outcome
from central.core.steering import SteeringNow
from contract.commissioning import SiteStage
from contract.points import POINTS
from contract.readings import Quality
from contract.steering import GridState, Mode, Reason, Source, Stage

Watts = Annotated[float | None, Field(description="W; positive feeds the building; null: no fresh value")]
SHELTER_EXAMPLE: dict[str, Any] = {
    "id": "E0000000001111",
    "name": "中央第一小学校",
    "name_en": "Chuo Daiichi Elementary School",
    "ward": "中央区",
    "ward_en": "Chuo",
    "kind": "elementary_school",
    "latitude": 35.60932,
    "longitude": 140.128119,
    "pv_kw": 47.52,
    "inverter_kw": 33.0,
    "battery_kwh": 26.1,
    "synthetic": True,
    "stage": "verified",
    "switchable": True,
    "mode": "normal",
    "wanted_mode": None,
    "state": "on_grid",
    "last_reading_at": "2026-11-24T03:00:05Z",
    "pv_w": 18250.0,
    "load_w": 21030.0,
    "grid_w": 1780.0,
    "battery_w": 1000.0,
    "soc_pct": 62.5,
    "reserve_pct": 30.0,
    "stored_wh": 16312.5,
    "devices_dark": [],
}


class Shelter(BaseModel):
    """One shelter: as registered, and at a glance."""

    model_config = ConfigDict(json_schema_extra={"examples": [SHELTER_EXAMPLE]})

    id: str = Field(description="National common shelter ID")
    name: str = Field(description="Name in Japanese")
    name_en: str = Field(description="Name in English, may be empty")
    ward: str = Field(description="Ward in Japanese")
    ward_en: str = Field(description="Ward in English, may be empty")
    kind: SiteKind = Field(description="What building it is")
    latitude: float = Field(description="Degrees north, WGS 84")
    longitude: float = Field(description="Degrees east, WGS 84")
    pv_kw: float = Field(description="Rated power of the PV modules, kW")
    inverter_kw: float = Field(description="Rated power of the inverter, kW")
    battery_kwh: float = Field(description="Rated energy of the battery, kWh")
    synthetic: bool = Field(description="Invented for a simulation; whoever shows it has to say so")
    stage: SiteStage = Field(description="planned: no commissioning report; installed: not proven; verified: proven")
    switchable: bool = Field(description="Whether it counts as able to go into backup mode: verified only")
    mode: Mode | None = Field(
        description="Mode that it has proven: registers read back, and the plant behaves so. null: not known, on its "
        "way, or so no more"
    )
    wanted_mode: Mode | None = Field(description="Mode that the city wants; null: it never wanted any")
    state: SiteState = Field(
        description="islanded: runs without the grid; fault: inverter fault or a device does not answer; "
        "offline: no connection; stale: connected, no fresh reading for three intervals; never_seen; on_grid"
    )
    last_reading_at: datetime | None = Field(description="Time of the newest reading, UTC")
    pv_w: Watts
    load_w: Watts
    grid_w: Watts
    battery_w: Watts
    soc_pct: float | None = Field(description="State of charge, %")
    reserve_pct: float | None = Field(description="State of charge that is kept for an outage, %")
    stored_wh: float | None = Field(description="Energy in the battery, Wh")
    devices_dark: list[str] = Field(description="Devices that do not answer")


class ShelterPage(BaseModel):
    """Some of the shelters."""

    at: datetime = Field(description="When the view was made, UTC")
    total: int = Field(description="Shelters that match the filters")
    offset: int = Field(description="Shelters that were passed over")
    limit: int = Field(description="Most shelters of a page")
    next: str | None = Field(description="Address of the next page; null on the last")
    sites: list[Shelter] = Field(description="The shelters, by id")


class City(BaseModel):
    """The whole city. Each total is the sum over `reporting` shelters, not over all."""

    at: datetime = Field(description="When the view was made, UTC")
    sites: int = Field(description="Registered shelters")
    counts: dict[SiteState, int] = Field(description="Shelters by state")
    pv_w: float = Field(description="PV generation, W")
    load_w: float = Field(description="What the shelters use, W")
    grid_w: float = Field(description="W; positive: from the grid, negative: to the grid")
    stored_wh: float = Field(description="Energy in the batteries, Wh")
    reporting: dict[str, int] = Field(description="Total → number of shelters with a fresh value")


class DeviceOut(BaseModel):
    """One device as the shelter's agent sees it."""

    id: str = Field(description="Name of the device, as points have it")
    profile: str = Field(description="Profile by which its registers are read")
    online: bool = Field(description="Whether it answered when it was last asked")
    last_answer_at: datetime | None = Field(description="When it last answered, UTC")
    model: str = Field(description="Model, as the device says")
    serial: str = Field(description="Serial number, as the device says")
    firmware: str = Field(description="Firmware, as the device says")


class OutboxOut(BaseModel):
    """What waits at the shelter."""

    waiting: int = Field(description="Entries that the city does not have yet")
    oldest_at: datetime | None = Field(description="Time of the oldest of them, UTC")
    bytes: int = Field(description="Size of the outbox on the shelter's disk")
    bytes_max: int = Field(description="Size from which on it thins its oldest data")


class AgentOut(BaseModel):
    """The agent in the shelter, by its last status message."""

    online: bool = Field(description="Whether it is connected")
    at: datetime | None = Field(description="When it said so, UTC")
    version: str = Field(description="Version of its software")
    interval_s: float = Field(description="Time between two readings of fast points, s")
    clock: str = Field(description="known, or unknown after a power cut without network")
    devices: list[DeviceOut] = Field(description="Its configured devices")
    outbox: OutboxOut | None = Field(description="What waits at the shelter; null: it has not said")


class SteeringOut(BaseModel):
    """A shelter's modes: what it says, and what became of the city's order."""

    claimed: Mode | None = Field(description="Mode that it says it is in or on its way to; a claim, not a proof")
    source: Source | None = Field(description="Who decided that, by its word")
    grid: GridState = Field(description="What it knows of the grid; unknown is never taken for lost")
    said_at: datetime | None = Field(description="When it said so, by its clock, UTC")
    revision: int = Field(description="Order that holds; 0: it never got one")
    drill: bool = Field(description="Whether that order is a drill")
    outcome: Outcome | None = Field(description="What became of it")
    stage: Stage | None = Field(description="Its newest receipt")
    reason: Reason = Field(description="The shelter's reason")
    overdue: bool = Field(description="Whether it should have been proven by now")
    by_hand_ja: str = Field(description="What somebody has to do there")
    by_hand_en: str = Field(description="What somebody has to do there")


class ShelterDetail(Shelter):
    """One shelter with its agent."""

    agent: AgentOut | None = Field(description="By its last status message; null: none came yet")
    proof: ProofOut = Field(description="What technicians' reports prove of it")
    steering: SteeringOut = Field(description="Its modes and the order that holds")


class PointOut(BaseModel):
    """Newest reading of one point of one device."""

    device: str = Field(description="Device that was read")
    point: str = Field(description="Name of the point")
    value: float | None = Field(description="In `unit`; null when `quality` is not good")
    unit: str = Field(description="Unit of the value; empty for a state")
    quality: Quality = Field(description="good, or why there is no value that may be used")
    at: datetime = Field(description="Time of the reading, UTC")
    age_s: float = Field(description="Age when asked, s")


class Latest(BaseModel):
    """Every point of one shelter."""

    site: str = Field(description="ID of the shelter")
    at: datetime = Field(description="When the view was made, UTC")
    state: SiteState = Field(description="As of the shelter")
    points: list[PointOut] = Field(description="By device and name")


def _at(at_ms: int | None) -> datetime | None:
    return moment(at_ms) if at_ms else None


def registered(site: Site) -> dict[str, Any]:
    """The registry's fields of a shelter."""
    return {
        name: getattr(site, name)
        for name in (
            "id",
            "name",
            "name_en",
            "ward",
            "ward_en",
            "kind",
            "latitude",
            "longitude",
            "pv_kw",
            "inverter_kw",
            "battery_kwh",
            "synthetic",
        )
    }


def glance(now: SiteNow) -> dict[str, Any]:
    """All fields of ``Shelter``, with times as UTC."""
    return {
        **registered(now.site),
        "stage": now.proof.stage,
        "switchable": now.proof.is_switchable,
        "mode": now.steering.mode,
        "wanted_mode": now.steering.wanted,
        "state": now.state,
        "last_reading_at": _at(now.last_reading_ms),
        "pv_w": now.pv_w,
        "load_w": now.load_w,
        "grid_w": now.grid_w,
        "battery_w": now.battery_w,
        "soc_pct": now.soc_pct,
        "reserve_pct": now.reserve_pct,
        "stored_wh": now.stored_wh,
        "devices_dark": list(now.devices_dark),
    }


def city(now: CityNow) -> City:
    """The city's totals."""
    return City(
        at=moment(now.at_ms),
        sites=len(now.sites),
        counts={state: now.counts.get(state, 0) for state in SiteState},
        pv_w=now.pv_w,
        load_w=now.load_w,
        grid_w=now.grid_w,
        stored_wh=now.stored_wh,
        reporting=dict(now.reporting),
    )


def detail(now: SiteNow) -> ShelterDetail:
    """One shelter with its agent."""
    status = now.status
    if status is None:
        return ShelterDetail(**glance(now), agent=None, proof=proof(now.proof), steering=_steering(now.steering))
    box = status.outbox
    return ShelterDetail(
        **glance(now),
        proof=proof(now.proof),
        steering=_steering(now.steering),
        agent=AgentOut(
            online=status.online,
            at=_at(status.at_ms),
            version=status.agent,
            interval_s=status.interval_s,
            clock=status.clock.value,
            devices=[
                DeviceOut(
                    id=device.id,
                    profile=device.profile,
                    online=device.online,
                    last_answer_at=_at(device.last_answer_ms),
                    model=device.model,
                    serial=device.serial,
                    firmware=device.firmware,
                )
                for device in status.devices
            ],
            outbox=None
            if box is None
            else OutboxOut(waiting=box.waiting, oldest_at=_at(box.oldest_ms), bytes=box.bytes, bytes_max=box.bytes_max),
        ),
    )


def _steering(now: SteeringNow) -> SteeringOut:
    return SteeringOut(
        claimed=now.claimed,
        source=now.source,
        grid=now.grid,
        said_at=_at(now.said_ms),
        revision=now.revision,
        drill=now.is_drill,
        outcome=now.outcome,
        stage=now.stage,
        reason=now.reason,
        overdue=now.is_overdue,
        by_hand_ja=now.by_hand_ja,
        by_hand_en=now.by_hand_en,
    )


def point(now: PointNow, at_ms: int) -> PointOut:
    """One point with its unit and age."""
    known = POINTS.get(now.point)
    return PointOut(
        device=now.device,
        point=now.point,
        value=now.value if now.quality.is_good else None,
        unit=known.unit if known else "",
        quality=now.quality,
        at=moment(now.at_ms),
        age_s=max(0, at_ms - now.at_ms) / 1_000,
    )


def stream_row(now: SiteNow) -> Mapping[str, Any]:
    """What a stream sends of a shelter: the glance without the registry's fields."""
    return {
        "stage": now.proof.stage.value,
        "switchable": now.proof.is_switchable,
        "mode": now.steering.mode and now.steering.mode.value,
        "wanted_mode": now.steering.wanted and now.steering.wanted.value,
        "state": now.state.value,
        "last_reading_at": iso(now.last_reading_ms) if now.last_reading_ms else None,
        "pv_w": now.pv_w,
        "load_w": now.load_w,
        "grid_w": now.grid_w,
        "battery_w": now.battery_w,
        "soc_pct": now.soc_pct,
        "reserve_pct": now.reserve_pct,
        "stored_wh": now.stored_wh,
        "devices_dark": list(now.devices_dark),
    }
