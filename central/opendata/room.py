"""Opens the room: lists and alerts for everybody, the import for administrators."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from fastapi import FastAPI

from central.core.alerts.places import Places
from central.core.city import Queries, Site
from central.core.incidents import Incident
from central.core.opendata.cap import Publisher
from central.core.opendata.codes import with_check_digit
from central.core.opendata.listing import Terms
from central.opendata import alerts, importing, lists
from central.opendata.importing import Importer
from central.opendata.lists import Lists, Openings
from central.settings import Settings
from central.store.records import Records
from central.web import site_import
from central.web.render import Renderer

NOBODY = "shelter-energy.invalid"
"""Sender of alerts where the settings name none: a name that belongs to nobody (RFC 6761)."""


def open_room(
    app: FastAPI,
    settings: Settings,
    records: Records,
    queries: Queries,
    renderer: Renderer,
    *,
    incidents: Callable[[], Iterable[Incident]],
    places: Places,
    openings: Openings = dict,
    now: Callable[[], int],
) -> None:
    """Add its routes. ``places``: codes of the wards; ``openings``: what staff say of shelters."""
    told, city = settings.opendata, settings.city
    terms = Terms(city_ja=city.name, city_en=city.name_en, licence=told.licence, licence_url=told.licence_url)
    wards = {ward.name: ward.town[:5] for ward in places.wards if len(ward.town) >= 5}
    codes = {ward: with_check_digit(code) for ward, code in wards.items()}
    public_url = settings.http.public_url or ""

    def sites() -> dict[str, Site]:
        return {each.site.id: each.site for each in queries.now().sites}

    def who() -> Publisher:
        known = tuple(sites().values())
        # Codes of the demonstration's wards go with its synthetic shelters, never with a city's own.
        geocodes = wards if not places.is_synthetic or all(site.synthetic for site in known) else {}
        whole = {site.ward: site.id[1:6] for site in known if site.ward == city.name and not site.synthetic}
        sender = told.cap_sender or urlsplit(public_url).hostname or NOBODY
        return Publisher(city_ja=city.name, city_en=city.name_en, sender=sender, geocodes={**geocodes, **whole})

    listed = Lists(queries, terms, ward_codes={} if places.is_synthetic else codes, openings=openings, now=now)
    told_alerts = alerts.Alerts(incidents, sites, who, terms, public_url=public_url, now=now)
    importer = Importer(records, now)
    for each in (lists.router(listed), alerts.router(told_alerts), importing.router(importer)):
        app.include_router(each)
    app.include_router(site_import.router(importer, renderer))
    # /sites/import would else be taken for a shelter of that name.
    app.router.routes.insert(0, app.router.routes.pop())
