"""Alerts and alert rules as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import iso
from central.core.news import Severity
from central.core.watch.alerts import WHY_CHARS_MAX, AboutKind, Alert, AlertStep, Evidence, StepKind
from central.core.watch.readings import UNIT_NAMES, Family
from central.core.watch.rules import MINUTE_MS, Rule
from central.core.watch.words import FAMILIES, alert_words, evidence_words, over_words, rule_words

HOURS_MAX: Final = 720
_ALERT: Final[dict[str, Any]] = {
    "id": "A17",
    "family": "pv",
    "about": "site",
    "site": "E0000000001111",
    "ward": "中央区",
    "sites": ["E0000000001111"],
    "severity": "warning",
    "is_open": True,
    "says_ja": "太陽光発電の低下：7日間の発電量が近隣の71 %です（基準 80 %）",
    "says_en": "PV gives too little: PV gave 71 % of its neighbours' share in 7 days (limit 80 %)",
    "evidence": [
        {
            "rule": "pv-low-beside-neighbours",
            "quantity": "pv_of_neighbours_pct",
            "value": 71.4,
            "limit": 80.0,
            "unit": "%",
            "severity": "warning",
            "says_ja": "7日間の発電量が近隣の71 %です（基準 80 %）",
            "says_en": "PV gave 71 % of its neighbours' share in 7 days (limit 80 %)",
        }
    ],
    "raised_at": "2026-11-24T03:10:05.000Z",
    "acknowledged_by": "田中",
    "acknowledged_at": "2026-11-24T03:20:00.000Z",
    "acknowledged_until": "2026-11-25T03:20:00.000Z",
    "resolved_at": None,
    "resolved_by": "",
    "why": "業者に点検を依頼",
    "part_of": "",
}
_STEP: Final[dict[str, Any]] = {
    "n": 31,
    "at": "2026-11-24T03:20:00.000Z",
    "kind": "acked",
    "severity": "warning",
    "by": "田中",
    "why": "業者に点検を依頼",
    "sites": 1,
}
_RULE: Final[dict[str, Any]] = {
    "name": "pv-low-beside-neighbours",
    "family": "pv",
    "quantity": "pv_of_neighbours_pct",
    "unit": "%",
    "raise_at": 80.0,
    "clear_at": 88.0,
    "is_over": False,
    "raise_after_min": 0.0,
    "clear_after_min": 0.0,
    "severity": "warning",
    "says_ja": "7日間の発電量が近隣の80 %以下",
    "says_en": "PV gives 80 % of its neighbours' share in 7 days, or less",
    "over_ja": "88 %以上に戻ったとき",
    "over_en": "at 88 % or more",
}


class EvidenceOut(BaseModel):
    """A rule that holds, with what was read when the alert was raised or became worse."""

    model_config = ConfigDict(json_schema_extra={"examples": _ALERT["evidence"]})

    rule: str
    quantity: str
    value: float = Field(description="In `unit`")
    limit: float
    unit: str = Field(description="min, s, h, d, %, points, times, messages; empty: yes (1) or no (0)")
    severity: Severity
    says_ja: str
    says_en: str


class AlertOut(BaseModel):
    """One alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ALERT]})

    id: str
    family: Family = Field(description="What belongs together: one alert, however many rules of it hold")
    about: AboutKind = Field(description="A shelter, or many with one cause: a ward, the city; or the service itself")
    site: str = Field(description="Shelter's id; empty: it is about no single shelter")
    ward: str = Field(description="In Japanese; empty: the whole city, or the service")
    sites: list[str] = Field(description="All shelters that it is about")
    severity: Severity
    is_open: bool = Field(description="Whether it goes on")
    says_ja: str
    says_en: str
    evidence: list[EvidenceOut]
    raised_at: str
    acknowledged_by: str = Field(description="Who takes care of it; empty: nobody")
    acknowledged_at: str | None
    acknowledged_until: str | None = Field(description="None, though somebody acknowledged: until it is over")
    resolved_at: str | None
    resolved_by: str = Field(description="Empty: it went by itself, or goes on")
    why: str = Field(description="What who acknowledged or resolved it said")
    part_of: str = Field(description="Alert that it turned out to be a part of, where many had one cause")


class AlertList(BaseModel):
    """Alerts: those that go on first, the newest of each first."""

    alerts: list[AlertOut]
    looked_at: str | None = Field(
        description="When the rules last looked; None: not since the start", examples=["2026-11-24T03:10:05.000Z"]
    )
    trouble: str = Field(description="Why the last look could not be kept; empty: it could", examples=[""])


class StepOut(BaseModel):
    """One step of an alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STEP]})

    n: int
    at: str
    kind: StepKind
    severity: Severity
    by: str
    why: str
    sites: int = Field(description="How many shelters it was about after it")


class AlertDetail(BaseModel):
    """One alert with every step on its way."""

    alert: AlertOut
    steps: list[StepOut]


class RuleOut(BaseModel):
    """One rule."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULE]})

    name: str
    family: Family
    quantity: str
    unit: str
    raise_at: float
    clear_at: float = Field(description="The alert is over when the quantity is back here")
    is_over: bool = Field(description="Whether too much is bad; else too little")
    raise_after_min: float
    clear_after_min: float
    severity: Severity
    says_ja: str
    says_en: str
    over_ja: str
    over_en: str


class RuleList(BaseModel):
    """All rules, in the order of their file."""

    rules: list[RuleOut]
    fault: str = Field(
        default="",
        description="Why the file as it is now does not hold: the old rules do; empty: it holds",
        examples=[""],
    )


class AckIn(BaseModel):
    """Somebody takes care of an alert."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"by": "田中", "hours": 24, "why": "業者に点検を依頼"}]}
    )

    by: Annotated[str, Field(max_length=100, description="Only for commands on the service's machine")] = ""
    hours: Annotated[float | None, Field(gt=0, le=HOURS_MAX, description="None: until it is over")] = None
    why: Annotated[str, Field(max_length=WHY_CHARS_MAX)] = ""


class ResolveIn(BaseModel):
    """Somebody says that an alert is settled."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"by": "田中", "why": "計器の誤りと確認"}]}
    )

    by: Annotated[str, Field(max_length=100, description="Only for commands on the service's machine")] = ""
    why: Annotated[str, Field(min_length=1, max_length=WHY_CHARS_MAX)]


def alert_out(alert: Alert) -> AlertOut:
    """An alert as JSON."""
    said, family, ack = alert_words(alert), FAMILIES[alert.family], alert.ack
    return AlertOut(
        id=alert.id,
        family=alert.family,
        about=alert.about.kind,
        site=alert.about.name if alert.about.kind is AboutKind.SITE else "",
        ward=alert.ward,
        sites=list(alert.sites),
        severity=alert.severity,
        is_open=alert.is_open,
        says_ja=f"{family.ja}：{said.ja}",
        says_en=f"{family.en}: {said.en}",
        evidence=[_evidence_out(each) for each in alert.evidence],
        raised_at=iso(alert.raised_ms),
        acknowledged_by=ack.by if ack else "",
        acknowledged_at=iso(ack.at_ms) if ack else None,
        acknowledged_until=iso(ack.until_ms) if ack and ack.until_ms else None,
        resolved_at=iso(alert.resolved_ms) if alert.resolved_ms else None,
        resolved_by=alert.resolved_by,
        why=alert.why or (ack.why if ack else ""),
        part_of=f"A{alert.into}" if alert.into else "",
    )


def _evidence_out(evidence: Evidence) -> EvidenceOut:
    said = evidence_words(evidence)
    return EvidenceOut(
        rule=evidence.rule,
        quantity=evidence.quantity,
        value=round(evidence.value, 3),
        limit=evidence.limit,
        unit=UNIT_NAMES[evidence.quantity],
        severity=evidence.severity,
        says_ja=said.ja,
        says_en=said.en,
    )


def step_out(step: AlertStep) -> StepOut:
    """A step as JSON."""
    return StepOut(
        n=step.n,
        at=iso(step.at_ms),
        kind=step.kind,
        severity=step.severity,
        by=step.by,
        why=step.why,
        sites=step.sites,
    )


def rule_out(rule: Rule) -> RuleOut:
    """A rule as JSON."""
    said, over = rule_words(rule), over_words(rule)
    return RuleOut(
        name=rule.name,
        family=rule.family,
        quantity=rule.quantity.name,
        unit=rule.quantity.unit,
        raise_at=rule.raise_at,
        clear_at=rule.clear_at,
        is_over=rule.quantity.is_over,
        raise_after_min=rule.raise_after_ms / MINUTE_MS,
        clear_after_min=rule.clear_after_ms / MINUTE_MS,
        severity=rule.severity,
        says_ja=said.ja,
        says_en=said.en,
        over_ja=over.ja,
        over_en=over.en,
    )
