"""Bodies of the open answers: what ``Shown`` holds, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from central.core.nearby import Found
from central.core.publication import Crowding, Openness, Power, PowerSource, Readiness, Service, Shown


class PublicOfferOut(BaseModel):
    """Something that a shelter offers."""

    service: Service = Field(description="`charging` (telephones), `medical` (outlet for a device), `light`, `water`")
    state: Readiness = Field(
        description="`ready`: it can be used, by fresh data; `not_known`: nobody can say now; `off`: switched off now"
    )


class PublicShelterOut(BaseModel):
    """A shelter as the public sees it. `null`: not published, or nobody has said it."""

    id: str = Field(description="National common shelter ID", examples=["E0000000001111"])
    name: str = Field(description="Japanese name", examples=["第一小学校"])
    name_en: str = Field(description="English name, may be empty", examples=["First Elementary School"])
    ward: str = Field(description="Japanese name of the ward", examples=["中央区"])
    ward_en: str = Field(description="English name of the ward, may be empty", examples=["Chuo"])
    latitude: float = Field(description="Degrees north, WGS 84", examples=[35.59220])
    longitude: float = Field(description="Degrees east, WGS 84", examples=[140.13590])
    synthetic: bool = Field(description="Invented for a simulation", examples=[True])
    opening: Openness | None = Field(description="What staff say; `unknown`: nobody has said", examples=["open"])
    announced_at: datetime | None = Field(
        description="When staff last said something of it", examples=["2026-11-24T02:40:00Z"]
    )
    crowding: Crowding | None = Field(description="What staff say", examples=["room"])
    power: Power | None = Field(description="`on` by fresh data alone, else `not_known`", examples=["on"])
    power_checked_at: datetime | None = Field(
        description="Minute of the newest measurement of it", examples=["2026-11-24T03:10:00Z"]
    )
    power_source: PowerSource | None = Field(
        description="`grid`, or `own`: the shelter's PV and battery, in a power cut", examples=["grid"]
    )
    hours_at_least: float | None = Field(
        description="Hours that it lasts at least in a power cut, by classes; 0: less than the smallest class",
        examples=[12.0],
    )
    services: list[PublicOfferOut] = Field(
        description="What it offers", examples=[[{"service": "charging", "state": "ready"}]]
    )
    notes: dict[str, str] = Field(
        description="Language (BCP 47) → what staff write for the public", examples=[{"ja": "正門から入ってください。"}]
    )
    distance_km: float | None = Field(
        default=None, description="From the place that was asked for, in a straight line", examples=[1.2]
    )


class PublicListOut(BaseModel):
    """Shelters, and of when it is."""

    as_of: datetime = Field(description="Minute that all of it is of", examples=["2026-11-24T03:10:00Z"])
    shelters: list[PublicShelterOut] = Field(description="By ward and name; with `near` the nearest first")


class PublicOneOut(BaseModel):
    """One shelter, and of when it is."""

    as_of: datetime = Field(description="Minute that all of it is of", examples=["2026-11-24T03:10:00Z"])
    shelter: PublicShelterOut = Field(description="The shelter")


def moment(at_ms: int) -> datetime:
    """UTC, to the second."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC)


def shelter_out(one: Shown, km: float | None = None) -> PublicShelterOut:
    """A shelter as a body."""
    return PublicShelterOut(
        id=one.id,
        name=one.name,
        name_en=one.name_en,
        ward=one.ward,
        ward_en=one.ward_en,
        latitude=one.latitude,
        longitude=one.longitude,
        synthetic=one.synthetic,
        opening=one.opening,
        announced_at=moment(one.said_ms) if one.said_ms is not None else None,
        crowding=one.crowding,
        power=one.power,
        power_checked_at=moment(one.checked_ms) if one.checked_ms is not None else None,
        power_source=one.power_source,
        hours_at_least=one.hours_at_least,
        services=[PublicOfferOut(service=offer.service, state=offer.readiness) for offer in one.offers],
        notes=dict(one.notes),
        distance_km=round(km, 1) if km is not None else None,
    )


def list_out(at_ms: int, found: list[Found]) -> PublicListOut:
    """A list as a body."""
    return PublicListOut(as_of=moment(at_ms), shelters=[shelter_out(one.shelter, one.km) for one in found])
