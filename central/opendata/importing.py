"""Shelters from an uploaded list: what it would change, and doing it. ``POST /api/v1/sites/import``."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from central.api.gate import needs, within
from central.api.problems import Problem
from central.api.routes import ERRORS
from central.core.access import Principal, Right
from central.core.audit import Action, Decision
from central.core.opendata.changes import Plan, plan
from central.core.opendata.lines import Table
from central.registry import read_csv
from central.store.records import Imported, Records

UPLOAD_BYTES_MAX: Final = 5_000_000
WAITING_MAX: Final = 4
WAITS_MS: Final = 900_000
"""An upload that nobody confirms is forgotten after a quarter of an hour."""
Admin = Annotated[Principal, Depends(needs(Right.ADMIN))]
_CHANGED: Final[dict[str, Any]] = {"id": "E0000000001111", "name": "第一小学校", "fields": ["latitude", "longitude"]}
_EXAMPLE: Final[dict[str, Any]] = {
    "dry_run": True,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "added": [{"id": "E0000000002111", "name": "第二小学校", "fields": []}],
    "changed": [_CHANGED],
    "unchanged": 180,
    "faults": ["line 7: 緯度 is empty"],
    "notes": ["no pv_kw, inverter_kw, battery_kwh in the file: 0 for new shelters, as before for registered ones"],
    "saved": False,
}


class ImportedSite(BaseModel):
    """A shelter that an import adds or changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHANGED]})

    id: str = Field(description="National common shelter ID")
    name: str = Field(description="Name as in the file")
    fields: list[str] = Field(description="What changes; empty for a new one")


class ImportOut(BaseModel):
    """What an import would change, or has changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    dry_run: bool = Field(description="Whether it was only asked")
    sha256: str = Field(description="Of the file")
    added: list[ImportedSite] = Field(description="New shelters")
    changed: list[ImportedSite] = Field(description="Registered shelters that change")
    unchanged: int = Field(description="Registered shelters that stay as they are")
    faults: list[str] = Field(description="What is wrong, each with its line")
    notes: list[str] = Field(description="How the file was understood")
    saved: bool = Field(description="Whether the registry was changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was read, and what it would change."""

    sha256: str
    table: Table
    plan: Plan
    at_ms: int


class Importer:
    """Reads lists and changes the registry. Uploads that wait for a yes are few and kept for a short time."""

    def __init__(self, records: Records, now: Callable[[], int]) -> None:
        self._records = records
        self._now = now
        self._waiting: OrderedDict[str, Upload] = OrderedDict()

    async def read(self, data: bytes) -> Upload:
        """What a file would change.

        Raises:
            Problem: it is too large.
        """
        if len(data) > UPLOAD_BYTES_MAX:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "Too large",
                f"The file has {len(data):,} bytes, the limit is {UPLOAD_BYTES_MAX:,}.",
                where="body",
                attempt="Send the list in parts: an import removes nobody.",
            )
        # A large list takes a second or two: other answers do not wait for it.
        table = await asyncio.to_thread(read_csv, data)
        found = plan(table, await self._records.sites())
        return Upload(sha256=hashlib.sha256(data).hexdigest(), table=table, plan=found, at_ms=self._now())

    def keep(self, upload: Upload) -> None:
        """Wait for a yes."""
        self._waiting[upload.sha256] = upload
        self._waiting.move_to_end(upload.sha256)
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)

    async def waiting(self, sha256: str) -> Upload | None:
        """An upload that waits, against the registry as it is now; ``None``: forgotten, or never here."""
        upload = self._waiting.get(sha256)
        if upload is None or self._now() - upload.at_ms > WAITS_MS:
            self._waiting.pop(sha256, None)
            return None
        found = plan(upload.table, await self._records.sites())
        return Upload(sha256=sha256, table=upload.table, plan=found, at_ms=upload.at_ms)

    async def save(self, upload: Upload, who: Principal, *, skip_bad: bool = False) -> Imported:
        """Change the registry, and write into the book who did it.

        Raises:
            Problem: lines are wrong and nobody said to skip them, or it reaches beyond a person's wards.
        """
        if upload.table.faults and not (skip_bad and upload.table.sites):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "Not imported",
                "; ".join(upload.table.faults[:10]),
                where="body",
                attempt="Correct these lines, or ask with skip_bad=true to import the good ones.",
            )
        within(who, Right.ADMIN, upload.plan.wards)
        self._waiting.pop(upload.sha256, None)
        sites = upload.plan.to_save
        if not sites:
            return Imported(0, 0, len(upload.plan.unchanged))
        detail = {
            "added": len(upload.plan.added),
            "changed": len(upload.plan.changed),
            "faults": len(upload.table.faults),
            "sha256": upload.sha256,
        }
        entered = Decision(at_ms=self._now(), by=who.name, action=Action.SITES_IMPORTED, detail=detail)
        return await self._records.save_sites(sites, entered)


def router(importer: Importer) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/v1", tags=["shelters"], responses=ERRORS)

    @routes.post(
        "/sites/import",
        summary="Register shelters from a list (CSV)",
        responses={413: {**ERRORS[422], "description": "More than 5 MB"}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": "The file itself, at most 5 MB; UTF-8, the municipal list also CP932",
                "content": {
                    "text/csv": {
                        "schema": {"type": "string"},
                        "example": "id,name,ward,latitude,longitude\nE0000000001111,第一小学校,中央区,35.59,140.13\n",
                    }
                },
            }
        },
    )
    async def import_sites(
        request: Request,
        who: Admin,
        dry_run: Annotated[bool, Query(description="Only say what would change")] = True,
        skip_bad: Annotated[bool, Query(description="Import the good lines of a file with faults")] = False,
    ) -> ImportOut:
        """Our own columns (`shelter-central sites import --help`) or the municipal list 指定緊急避難場所一覧, by the
        names of its columns. Without `dry_run=false` nothing is changed. Nobody is ever removed, and what a list says
        nothing of (power of PV and battery) stays as it is; for new shelters it is 0."""
        upload = await importer.read(await request.body())
        if not dry_run:
            await importer.save(upload, who, skip_bad=skip_bad)
        return out(upload, dry_run=dry_run)

    return routes


def out(upload: Upload, *, dry_run: bool) -> ImportOut:
    """An upload as JSON."""
    found = upload.plan
    return ImportOut(
        dry_run=dry_run,
        sha256=upload.sha256,
        added=[ImportedSite(id=site.id, name=site.name, fields=[]) for site in found.added],
        changed=[ImportedSite(id=one.after.id, name=one.after.name, fields=list(one.fields)) for one in found.changed],
        unchanged=len(found.unchanged),
        faults=list(upload.table.faults),
        notes=list(upload.table.notes),
        saved=not dry_run and bool(found.to_save),
    )
