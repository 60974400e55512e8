"""Synthetic commissioning reports, so that the demo's city may switch its synthetic shelters.

A real report is what a technician proved at a cabinet in half an hour. These say of themselves that nobody did; the
city takes such reports for synthetic shelters alone. They travel as real ones do: spool, outbox, broker, judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from contract.commissioning import (
    CheckVerdict,
    ControlVerdict,
    Report,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    SignedReport,
    to_document,
)
from contract.signing import Signer
from device_profiles.load import load
from edge_agent.commissioning import spool

WHO: Final = "合成データ（実在しない人） / synthetic, nobody"
REMARKS: Final = "合成データ：誰も現地で試験していません。 / Synthetic: nobody tested anything at a cabinet."


def unproven_of(sites: Sequence[str], share: float) -> frozenset[str]:
    """Sites that get no report, spread over the list: a city that is not finished yet."""
    count = round(share * len(sites))
    return frozenset(sites[(2 * number + 1) * len(sites) // (2 * count)] for number in range(count))


def write_report(site_file: Path, signer: Signer, at_ms: int) -> Path:
    """Leave a report of a site for its agent to send.

    Raises:
        OSError: it cannot be written.
    """
    said = yaml.safe_load(site_file.read_text(encoding="utf-8"))
    outbox = site_file.parent / said["outbox"]["path"]
    document = to_document(report_of(said, at_ms))
    return spool.put(spool.spool_of(outbox), SignedReport(document, signer.public, signer.sign(document)), "synthetic")


def report_of(said: dict[str, object], at_ms: int) -> Report:
    """The report of a site file's content."""
    buses = said["buses"]
    assert isinstance(buses, list)
    devices = [
        ReportedDevice(
            id=device["id"],
            profile=device["profile"],
            confidence=load(device["profile"]).confidence.value,
            address=f"{bus['tcp']['host']}:{bus['tcp']['port']}",
            unit=device["unit"],
            online=True,
        )
        for bus in buses
        for device in bus["devices"]
    ]
    return Report(
        site=str(said["site"]),
        name=str(said["name"]),
        started_ms=at_ms,
        at_ms=at_ms,
        clock_is_set=True,
        technician=WHO,
        software="shelter-demo",
        devices=devices,
        checks=[ReportedCheck(kind="synthetic", verdict=CheckVerdict.NOT_JUDGED, ja=REMARKS, en=REMARKS)],
        controls=[ReportedControl(device="inverter", control="reserve", verdict=ControlVerdict.PASSED)],
        sign_proven=True,
        remarks=REMARKS,
        is_synthetic=True,
    )
