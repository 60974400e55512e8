"""What happened in the city, as others want to be told of it: streams, webhooks, notifications, CAP. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class NewsKind(StrEnum):
    """What happened."""

    SITE_SILENT = "site_silent"
    """A shelter is offline or stale."""
    SITE_HEARD = "site_heard"
    ISLANDED = "islanded"
    GRID_BACK = "grid_back"
    FAULT = "fault"
    FAULT_OVER = "fault_over"
    MODE_PROVEN = "mode_proven"
    """A shelter has proven a mode: ``values.mode``."""
    NOT_OBEYED = "not_obeyed"
    """A shelter did not prove what was wanted within its deadline: ``values.cause``."""
    HOURS_LOW = "hours_low"
    """Critical loads last less than the limit (P10): ``values.hours``."""
    HOURS_OK = "hours_ok"
    INCIDENT_DECLARED = "incident_declared"
    INCIDENT_CONFIRMED = "incident_confirmed"
    INCIDENT_STANDING_DOWN = "incident_standing_down"
    INCIDENT_CLOSED = "incident_closed"
    BREAK_GLASS = "break_glass"
    PROPOSED = "proposed"
    """A rule proposes an incident to staff."""
    SHELTER_OPENED = "shelter_opened"
    SHELTER_CLOSED = "shelter_closed"
    SHELTER_CROWDED = "shelter_crowded"
    ALERT = "alert"
    """A rule of the alert rules holds: ``values.rule``."""
    ALERT_OVER = "alert_over"


class Severity(StrEnum):
    """How much it matters to the person on duty."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing that happened. ``n`` rises with every one and survives a restart; 0: not kept yet."""

    n: int = 0
    at_ms: int
    kind: NewsKind
    severity: Severity
    site: str = ""
    ward: str = ""
    incident: str = ""
    is_drill: bool = False
    group: str = ""
    """What has the same cause carries the same text, so that a city-wide outage is one message."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """JSON values."""
