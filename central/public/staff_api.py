"""``/api/v1``: what staff say for the public, for other systems of the city (those that open shelters) and commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from central.api.gate import needs, person
from central.api.problems import Problem, nearest
from central.api.routes import ERRORS, SiteId
from central.core.access import Principal, Right
from central.core.city import Site
from central.core.facts import PERSON_CHARS_MAX, FactError, signed_by
from central.core.publication import LANGS, NOTE_CHARS_MAX, Crowding, Openness, Service, Statement, StatementError
from central.public.desk import PublicDesk
from central.public.models import moment
from central.public.telling import Said, tell_site, tell_ward

Reader = Annotated[Principal, Depends(needs(Right.READ))]
Teller = Annotated[Principal, Depends(needs(Right.TELL))]
By = Annotated[str, Field(max_length=PERSON_CHARS_MAX, description="Only a command on the service's machine names it")]
Services = Annotated[list[Service], Field(max_length=20, description="What there is to use")]
Note = Annotated[str, Field(max_length=NOTE_CHARS_MAX)]
_SITE: Final = "E0000000001111"
_AT: Final = "2026-11-24T03:10:05Z"
_SAID: Final[dict[str, Any]] = {
    "opening": "open",
    "crowding": "room",
    "services": ["charging", "medical"],
    "notes": {"ja": "正門から入ってください。"},
}
_OUT: Final[dict[str, Any]] = {"site": _SITE, "ward": "中央区", **_SAID, "by": "田中", "said_at": _AT, "since_at": _AT}


class PublicStatusIn(BaseModel):
    """What is said of a shelter from now on, all of it: what is left out is not said any more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SAID]})

    opening: Openness = Field(description="`unknown`: nothing is said")
    crowding: Crowding = Field(Crowding.UNKNOWN, description="Kept only while it is open or full")
    services: Services = []
    notes: Annotated[dict[str, Note], Field(max_length=len(LANGS), description="Language (BCP 47) → one line")] = {}
    by: By = ""


class PublicWardIn(BaseModel):
    """What is said of every shelter of a ward. Crowding and notes stay as they are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"opening": "open", "services": ["charging", "light"]}]}
    )

    opening: Openness = Field(description="`unknown`: nothing is said")
    services: Services | None = Field(None, description="Left out: what each of them offers stays as it is")
    by: By = ""


class PublicStatusOut(BaseModel):
    """What staff say of a shelter. What the public sees of it is at `/public/api/v1`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_OUT]})

    site: str = Field(description="National common shelter ID")
    ward: str = Field(description="Japanese name of the ward")
    opening: Openness = Field(description="What staff say")
    crowding: Crowding = Field(description="What staff say")
    services: list[Service] = Field(description="What there is to use")
    notes: dict[str, str] = Field(description="Language (BCP 47) → one line")
    by: str = Field(description="Who said it; the public does not see it")
    said_at: datetime = Field(description="When")
    since_at: datetime = Field(description="Since when the opening is what it is")


class PublicStatusList(BaseModel):
    """Shelters of which something was said."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"statuses": [_OUT]}]})

    statuses: list[PublicStatusOut] = Field(description="By ward and name")


class PublicChanged(BaseModel):
    """What came of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"changed": 33}]})

    changed: int = Field(description="Shelters of which something else was said before")


def status_out(said: Statement, site: Site) -> PublicStatusOut:
    """A statement as a body."""
    return PublicStatusOut(
        site=said.site,
        ward=site.ward,
        opening=said.opening,
        crowding=said.crowding,
        services=[service for service in Service if service in said.services],
        notes=dict(said.notes),
        by=said.by,
        said_at=moment(said.at_ms),
        since_at=moment(said.since_ms),
    )


def router(desk: PublicDesk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["public"], responses=ERRORS)
    find = _finder(desk)

    @routes.get("/public-status", summary="What staff say of shelters for the public")
    async def every(
        _: Reader,
        ward: Annotated[str | None, Query(max_length=60, description="Only this ward, by its Japanese name")] = None,
    ) -> PublicStatusList:
        """Shelters of which nobody said anything are not in it."""
        sites = [site for site in desk.sites() if site.id in desk.told and ward in {None, site.ward}]
        return PublicStatusList(statuses=[status_out(desk.told[site.id], site) for site in sites])

    @routes.put("/sites/{site_id}/public-status", summary="Say something of a shelter for the public")
    async def one(site_id: SiteId, body: PublicStatusIn, who: Teller) -> PublicStatusOut:
        """It is public at once, and stands in the audit log. What is so already changes nothing."""
        site = find(site_id)
        said = Said(
            opening=body.opening,
            crowding=body.crowding,
            services=frozenset(service.value for service in body.services),
            notes=body.notes,
        )
        try:
            await tell_site(desk, who, _by(who, body.by), site, said)
        except StatementError as error:
            raise _wrong(error) from None
        return status_out(desk.told[site_id], site)

    @routes.put("/public-status/wards/{ward}", summary="Say the same of all shelters of a ward")
    async def whole(
        ward: Annotated[str, Path(max_length=60, description="Japanese name", examples=["中央区"])],
        body: PublicWardIn,
        who: Teller,
    ) -> PublicChanged:
        """Open or close a ward at once."""
        services = None if body.services is None else frozenset(service.value for service in body.services)
        by = _by(who, body.by)
        try:
            return PublicChanged(changed=await tell_ward(desk, who, by, ward, body.opening, services))
        except StatementError as error:
            raise _wrong(error) from None

    return routes


def _by(who: Principal, named: str) -> str:
    try:
        return signed_by(person(who, named) or who.name)
    except FactError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "No name", f"{error}.", where="body: by") from None


def _finder(desk: PublicDesk) -> Callable[[str], Site]:
    def find(site_id: str) -> Site:
        sites = {site.id: site for site in desk.sites()}
        if site_id in sites:
            return sites[site_id]
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "Unknown site",
            f"No shelter has the id {site_id[:60]!r}.",
            where="path: site_id",
            attempt="Use one of the ids in 'nearest', or list all by GET /api/v1/sites.",
            nearest=nearest(site_id, sites),
        )

    return find


def _wrong(error: StatementError) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "This can't be told", f"{error.part}: {error}.", where=f"body: {error.part}"
    )
