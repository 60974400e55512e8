"""What is proven of a shelter, over HTTP."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from central.core.stages import ReportRecord, SiteProof
from contract.commissioning import SiteStage
from contract.signing import Signer, fingerprint, in_text
from tests.central.api.conftest import Service

SIGNER = Signer.new()
DOCUMENT = '{"kind": "commissioning_report"}\n'


def kept(site: str) -> ReportRecord:
    return ReportRecord(
        site=site,
        sha256=hashlib.sha256(DOCUMENT.encode()).hexdigest(),
        at_ms=1_795_000_000_000,
        received_ms=1_795_000_060_000,
        public_key=in_text(SIGNER.public),
        stage=SiteStage.INSTALLED,
        missing=("sign_not_proven",),
        technician="T",
        document=DOCUMENT,
    )


async def test_without_a_report_a_shelter_is_planned_and_not_switchable(service: Service) -> None:
    site = next(iter(service.queries.shelters))
    answer = (await service.client.get(f"/api/v1/sites/{site}")).json()
    assert (answer["stage"], answer["switchable"]) == ("planned", False)
    assert answer["proof"]["report"] is None


async def test_the_stage_is_told_and_filtered_by(service: Service) -> None:
    first, second, *_ = service.queries.shelters
    report = kept(first)
    installed = SiteProof(
        stage=SiteStage.INSTALLED, missing=report.missing, report=report, public_key=report.public_key
    )
    service.queries.change(first, proof=installed)
    service.queries.change(second, proof=replace(installed, stage=SiteStage.VERIFIED, missing=()))
    answer = (await service.client.get(f"/api/v1/sites/{first}")).json()
    assert answer["proof"]["missing"] == ["sign_not_proven"]
    assert answer["proof"]["key"] == fingerprint(SIGNER.public)
    assert answer["proof"]["report"]["technician"] == "T"
    found = (await service.client.get("/api/v1/sites?stage=verified&stage=installed")).json()
    assert {each["id"]: each["switchable"] for each in found["sites"]} == {first: False, second: True}
    assert (await service.client.get("/api/v1/sites?stage=proven")).status_code == 422


async def test_reports_are_listed_and_a_document_comes_as_it_was_signed(service: Service) -> None:
    site = next(iter(service.queries.shelters))
    report = kept(site)
    service.queries.kept_reports.append(report)
    listed = (await service.client.get(f"/api/v1/sites/{site}/reports")).json()["reports"]
    assert [each["sha256"] for each in listed] == [report.sha256]
    answer = await service.client.get(f"/api/v1/reports/{report.sha256}")
    assert answer.content == DOCUMENT.encode()
    assert answer.headers["x-report-key"] == fingerprint(SIGNER.public)
    assert answer.headers["content-type"].startswith("application/json")


async def test_an_unknown_report_and_an_unknown_shelter_are_told_so(service: Service) -> None:
    answer = await service.client.get(f"/api/v1/reports/{'0' * 64}")
    assert answer.status_code == 404
    assert "lists a shelter's reports" in answer.text
    assert (await service.client.get("/api/v1/reports/nonsense")).status_code == 422
    assert (await service.client.get("/api/v1/sites/E0000000009991/reports")).status_code == 404
