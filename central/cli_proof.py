"""``shelter-central sites show|accept-key`` and ``reports``: what is proven of each shelter."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from central.core.stages import UNPROVEN, KeyRecord, ReportRecord, SiteProof
from contract.signing import PUBLIC_BYTES, fingerprint, of_text

if TYPE_CHECKING:
    from central.core.city import Site
    from central.store.records import Records

TOKYO: Final = timezone(timedelta(hours=9), "JST")


def key_shown(public_key: str) -> str:
    """A key as two people compare it by telephone; empty for none."""
    raw = of_text(public_key, length=PUBLIC_BYTES)
    return fingerprint(raw) if raw else ""


def tokyo(at_ms: int) -> str:
    """A moment as people write it."""
    return f"{datetime.fromtimestamp(at_ms / 1000, TOKYO):%Y-%m-%d %H:%M %Z}"


def proof_as_json(proof: SiteProof) -> dict[str, Any]:
    """What is proven, for machines."""
    report = proof.report
    return {
        "stage": proof.stage.value,
        "switchable": proof.is_switchable,
        "missing": list(proof.missing),
        "report": None if report is None else report_as_json(report),
        "key": key_shown(proof.public_key),
        "other_key": None if proof.other_key is None else report_as_json(proof.other_key),
    }


def report_as_json(report: ReportRecord) -> dict[str, Any]:
    """A report without its document, for machines."""
    return {
        "sha256": report.sha256,
        "site": report.site,
        "at_ms": report.at_ms,
        "received_ms": report.received_ms,
        "stage": report.stage.value,
        "missing": list(report.missing),
        "technician": report.technician,
        "key": key_shown(report.public_key),
    }


async def show_site(records: Records, site_id: str, *, as_json: bool) -> str | None:
    """Everything that is proven of a shelter, as text; None when there is no such shelter."""
    site = next((each for each in await records.sites() if each.id == site_id), None)
    if site is None:
        return None
    proof = (await records.proofs()).get(site_id, UNPROVEN)
    keys, reports = await records.keys(site_id), await records.reports(site_id)
    if as_json:
        told = asdict(site) | proof_as_json(proof)
        told["keys"] = [asdict(key) | {"fingerprint": key_shown(key.public_key)} for key in keys]
        told["reports"] = [report_as_json(report) for report in reports]
        return json.dumps(told, ensure_ascii=False)
    return "\n".join(_lines(site, proof, keys, reports))


def _lines(site: Site, proof: SiteProof, keys: list[KeyRecord], reports: list[ReportRecord]) -> list[str]:
    lines = [f"{site.id} {site.name} ({site.ward})", f"stage: {proof.stage.value}"]
    switchable = "yes" if proof.is_switchable else "no, only a verified shelter is"
    lines.append(f"counts as able to go into backup mode: {switchable}")
    lines += [f"  missing: {each}" for each in proof.missing]
    if proof.report:
        lines.append(f"by the report of {tokyo(proof.report.at_ms)}, {proof.report.technician}")
    elif any(report.is_synthetic for report in reports):
        lines.append("only reports of simulated cabinets: they prove nothing of a shelter that is not synthetic itself")
    else:
        lines.append("no report yet: its readings are not proven. Commission it with: shelter-edge commission")
    if proof.other_key:
        other = proof.other_key
        lines += [
            f"a newer report of {tokyo(other.at_ms)} is signed by another key, {key_shown(other.public_key)}",
            f"  was the box replaced? Then: shelter-central sites accept-key {site.id} {key_shown(other.public_key)}",
        ]
    for key in keys:
        who = f"accepted by {key.by}: {key.why}" if key.by else "key of the first report"
        lines.append(f"key {key_shown(key.public_key)} since {tokyo(key.since_ms)}, {who}")
    for r in reports:
        simulated = " (simulated cabinet)" if r.is_synthetic else ""
        lines.append(f"report {r.sha256[:12]} {tokyo(r.at_ms)} {r.stage.value} {r.technician}{simulated}")
    return lines


async def accept_key(records: Records, site_id: str, shown: str, *, by: str, why: str) -> str:
    """Let the key of a report that came hold for its shelter.

    Raises:
        ValueError: the shelter sent no report with such a key, or the key holds already; says which there are.
    """
    reports = await records.reports(site_id)
    known = {key_shown(report.public_key): report.public_key for report in reports}
    if shown not in known:
        there = ", ".join(known) or "none: it sent no report"
        raise ValueError(f"{site_id} sent no report with key {shown}; keys that came: {there}")
    keys = await records.keys(site_id)
    if keys and keys[-1].public_key == known[shown]:
        raise ValueError(f"{site_id}: key {shown} holds already")
    now_ms = time.time_ns() // 1_000_000
    await records.accept_key(KeyRecord(site=site_id, public_key=known[shown], since_ms=now_ms, by=by, why=why))
    proof = (await records.proofs())[site_id]
    return f"{site_id}: key {shown} holds from now on; stage {proof.stage.value}"


async def list_reports(records: Records, site_id: str | None, *, limit: int, as_json: bool) -> str:
    """Reports of one shelter or of all, newest first."""
    sites = [site_id] if site_id else [site.id for site in await records.sites()]
    found = [report for site in sites for report in await records.reports(site, limit=limit)]
    found.sort(key=lambda report: report.at_ms, reverse=True)
    if as_json:
        return json.dumps([report_as_json(report) for report in found[:limit]], ensure_ascii=False)
    lines = [
        "  ".join((r.sha256[:12], r.site, tokyo(r.at_ms), f"{r.stage.value:<9}", r.technician, ", ".join(r.missing)))
        for r in found[:limit]
    ]
    return "\n".join(lines or ["no report came yet"])


async def report_document(records: Records, digest: str) -> str:
    """The document of a report, by its digest or the beginning of it.

    Raises:
        ValueError: there is none, or several begin so.
    """
    sites = await records.sites()
    known = [r.sha256 for site in sites for r in await records.reports(site.id, limit=1_000)]
    fitting = sorted({each for each in known if each.startswith(digest.lower())})
    if len(fitting) != 1:
        raise ValueError(f"{len(fitting)} reports begin with {digest!r}; shelter-central reports list shows them")
    report = await records.report(fitting[0])
    assert report is not None
    return report.document
