"""An event that carries a commissioning report: taken apart, proven and judged. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from central.core.stages import ReportRecord
from contract.commissioning import ReportError, judge, of_detail, read_report
from contract.signing import fingerprint, in_text

AHEAD_MAX_MS: Final = 86_400_000
"""A report that claims to be finished later than this after it came is not believed."""


def report_of(site: str, detail: Mapping[str, object], received_ms: int) -> ReportRecord:
    """The report that a shelter's event carries.

    Raises:
        ReportError: it is none, nobody signed it, it is another shelter's, or it is from the future.
    """
    signed = of_detail(detail)
    if not signed.is_genuine:
        raise ReportError(
            f"the signature is not that of key {fingerprint(signed.public)}: changed on its way, or forged"
        )
    report = read_report(signed.document)
    if report.site != site:
        raise ReportError(f"it is of {report.site}, and came from {site}")
    if report.at_ms > received_ms + AHEAD_MAX_MS:
        raise ReportError("it was finished in the future: the shelter's clock was wrong; commission again")
    judged = judge(report)
    # A clock that nobody vouched for, or that is ahead, must not decide which of two reports is the newer one.
    at_ms = min(report.at_ms, received_ms) if report.clock_is_set else received_ms
    return ReportRecord(
        site=site,
        sha256=hashlib.sha256(signed.document).hexdigest(),
        at_ms=at_ms,
        received_ms=received_ms,
        public_key=in_text(signed.public),
        stage=judged.stage,
        missing=judged.missing,
        technician=report.technician,
        is_synthetic=report.is_synthetic,
        document=signed.document.decode("utf-8"),
    )


def short_detail(report: ReportRecord) -> dict[str, str | int | float | bool]:
    """What the event says of it once the report itself is kept elsewhere."""
    return {
        "sha256": report.sha256,
        "stage": report.stage.value,
        "missing": ", ".join(report.missing)[:2_000],
        "technician": report.technician,
        "at_ms": report.at_ms,
    }
