"""What the API answers: every field with its unit in its name and its meaning beside it. Times are UTC, ISO 8601.

Power is positive when it feeds the building: PV generation, battery discharge, grid import; so
``load_w = pv_w + battery_w + grid_w``. ``null`` means "no good, fresh value", never zero.
"""

from __future__ import annotations

from central.api.models.history import (
    EventOut,
    Events,
    Promise,
    SampleOut,
    Series,
    StretchOut,
    events,
    samples,
    stretches,
)
from central.api.models.intake import (
    DeadLetterOut,
    DeadLetters,
    Health,
    Ingest,
    dead_letters,
    ingest,
)
from central.api.models.proof import ProofOut, ReportOut, Reports, proof, report, reports
from central.api.models.shelters import (
    AgentOut,
    City,
    DeviceOut,
    Latest,
    OutboxOut,
    PointOut,
    Shelter,
    ShelterDetail,
    ShelterPage,
    city,
    detail,
    glance,
    point,
    registered,
    stream_row,
)

__all__ = [
    "AgentOut",
    "City",
    "DeadLetterOut",
    "DeadLetters",
    "DeviceOut",
    "EventOut",
    "Events",
    "Health",
    "Ingest",
    "Latest",
    "OutboxOut",
    "PointOut",
    "Promise",
    "ProofOut",
    "ReportOut",
    "Reports",
    "SampleOut",
    "Series",
    "Shelter",
    "ShelterDetail",
    "ShelterPage",
    "StretchOut",
    "city",
    "dead_letters",
    "detail",
    "events",
    "glance",
    "ingest",
    "point",
    "proof",
    "registered",
    "report",
    "reports",
    "samples",
    "stream_row",
    "stretches",
]
