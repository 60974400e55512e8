"""Incidents as alerts of the Common Alerting Protocol 1.2 (OASIS). Pure.

Everybody reads these, so they say what the city wants of its shelters by ward, and nothing of a single shelter, of a
person, or of a reason that staff wrote. What a shelter has proven is not said: "is switching" is the city's order.

An incident's life is a chain: confirmed → Alert, stood down → Update, closed → Cancel; each names those before it. What
was only declared was never told to anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from central.core.city import Site
from central.core.incidents import Incident
from contract.steering import Mode

TOKYO: Final = timezone(timedelta(hours=9))
GEOCODE: Final = "JIS-X0402"
"""Five digits: prefecture (JIS X 0401) and municipality or ward (JIS X 0402), without a check digit."""
SHOWN_AFTER_MS: Final = 7 * 86_400_000
"""A closed incident stays in the feed for so long, so that who asks seldom sees that it is over."""


class Status(StrEnum):
    """Whether it is meant."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"
    """Of invented shelters: a demonstration must not look like an alert."""


class Kind(StrEnum):
    """CAP's ``msgType``."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A ward. ``geocode``: see ``GEOCODE``; empty where nobody said it."""

    name_ja: str
    name_en: str
    geocode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What is said in one language."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of an incident's chain."""

    identifier: str
    incident: str
    sender: str
    sent_ms: int
    status: Status
    kind: Kind
    note: str
    references: tuple[str, ...]
    """``sender,identifier,sent`` of all that it replaces."""
    response: str
    urgency: str
    severity: str
    certainty: str
    infos: tuple[Info, ...]
    areas: tuple[Area, ...]

    @property
    def reference(self) -> str:
        """How later messages name this one."""
        return f"{self.sender},{self.identifier},{sent_text(self.sent_ms)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who speaks. ``sender``: without blanks, commas, < and &. ``geocodes``: ward → five digits."""

    city_ja: str
    city_en: str
    sender: str
    geocodes: Mapping[str, str]


def sent_text(at_ms: int) -> str:
    """A time as CAP writes it, in Tokyo: 2026-11-24T12:10:05+09:00. CAP knows no ``Z``."""
    return datetime.fromtimestamp(at_ms // 1_000, TOKYO).isoformat(timespec="seconds")


_EVENT: Final = {
    Mode.STORM_WATCH: ("避難所の蓄電池を満充電に", "Shelter batteries are being charged"),
    Mode.BACKUP: ("避難所の非常用電源運転", "Shelters on backup power"),
    Mode.ISOLATED: ("避難所の蓄電池の安全停止", "Shelter batteries are being shut off for safety"),
}
_DOES: Final = {
    Mode.STORM_WATCH: (
        "停電に備え、{where}の避難所で蓄電池を満充電にするよう、市が切り替えています。",
        "The city is having the batteries of shelters in {where} charged to full, in case the power fails.",
    ),
    Mode.BACKUP: (
        "停電に備え、{where}の避難所を、蓄電池で照明などの重要な電気をまかなう非常用運転に切り替えています。",
        "The city is switching shelters in {where} to backup mode, in which the battery carries what matters most.",
    ),
    Mode.ISOLATED: (
        "浸水などに備え、{where}の避難所の蓄電池を安全のため停止しています。停止中は蓄電池の電気は使えません。",
        "The city is shutting off the batteries of shelters in {where} for safety. While off, they give no power.",
    ),
}
_OVER: Final = {
    Kind.UPDATE: (
        "{where}の避難所を平常の運転に戻しています。",
        "Shelters in {where} are returning to normal operation.",
    ),
    Kind.CANCEL: (
        "{where}の避難所の電源に関するお知らせは終了しました。",
        "This notice about power at shelters in {where} is over.",
    ),
}
_INSTRUCTION: Final = (
    "避難指示ではありません。開いている避難所は市の発表で確かめてください。",
    "This is no evacuation order. Ask the city's announcements which shelters are open.",
)
_WEIGHT: Final = {
    Mode.STORM_WATCH: ("Prepare", "Future", "Moderate", "Likely"),
    Mode.BACKUP: ("Monitor", "Immediate", "Severe", "Likely"),
    Mode.ISOLATED: ("Monitor", "Immediate", "Severe", "Likely"),
}
_WEIGHT_OVER: Final = ("AllClear", "Past", "Minor", "Observed")
_NOTES: Final = {
    Status.ACTUAL: "",
    Status.EXERCISE: "訓練です。 / This is an exercise.",
    Status.TEST: "合成データによる試験です。実在の避難所の状態ではありません。 / Synthetic data: a technical test.",
}
_MARKS: Final = {
    Status.ACTUAL: ("", ""),
    Status.EXERCISE: ("【訓練】", "EXERCISE: "),
    Status.TEST: ("【試験】", "TEST: "),
}


def messages_of(incident: Incident, sites: Mapping[str, Site], who: Publisher) -> tuple[Message, ...]:
    """The chain of an incident, the oldest first; none before it was confirmed."""
    if incident.confirmed is None:
        return ()
    steps = [(Kind.ALERT, incident.confirmed)]
    steps += [(Kind.UPDATE, incident.stood_down)] if incident.stood_down else []
    steps += [(Kind.CANCEL, incident.closed)] if incident.closed else []
    status, areas = _status(incident, sites), _areas(incident, sites, who)
    found: list[Message] = []
    for n, (kind, step) in enumerate(steps, 1):
        response, urgency, severity, certainty = _WEIGHT[incident.wish.mode] if kind is Kind.ALERT else _WEIGHT_OVER
        found.append(
            Message(
                identifier=f"{incident.id}.{n}",
                incident=incident.id,
                sender=who.sender,
                sent_ms=step.at_ms,
                status=status,
                kind=kind,
                note=_NOTES[status],
                references=tuple(one.reference for one in found),
                response=response,
                urgency=urgency,
                severity=severity,
                certainty=certainty,
                infos=_infos(incident.wish.mode, kind, status, areas),
                areas=areas,
            )
        )
    return tuple(found)


def current(incidents: Iterable[Incident], sites: Mapping[str, Site], who: Publisher, *, now_ms: int) -> list[Message]:
    """The newest message of each incident that is not long over, the newest first."""
    found = [
        chain[-1]
        for incident in incidents
        if (incident.end_ms is None or now_ms - incident.end_ms < SHOWN_AFTER_MS)
        and (chain := messages_of(incident, sites, who))
    ]
    return sorted(found, key=lambda one: (-one.sent_ms, one.identifier))


def _status(incident: Incident, sites: Mapping[str, Site]) -> Status:
    known = [sites[site] for site in incident.sites if site in sites]
    if any(site.synthetic for site in known):
        return Status.TEST
    return Status.EXERCISE if incident.wish.is_drill else Status.ACTUAL


def _areas(incident: Incident, sites: Mapping[str, Site], who: Publisher) -> tuple[Area, ...]:
    wards = {sites[site].ward: sites[site].ward_en for site in sorted(incident.sites) if site in sites}
    if not wards:
        return (Area(name_ja=who.city_ja, name_en=who.city_en),)
    found = []
    for ward, ward_en in sorted(wards.items()):
        is_city = ward == who.city_ja
        found.append(
            Area(
                name_ja=ward if is_city else f"{who.city_ja}{ward}",
                name_en=who.city_en if is_city else f"{ward_en or ward}, {who.city_en}",
                geocode=who.geocodes.get(ward, ""),
            )
        )
    return tuple(found)


def _infos(mode: Mode, kind: Kind, status: Status, areas: tuple[Area, ...]) -> tuple[Info, ...]:
    where = ("、".join(area.name_ja for area in areas), "; ".join(area.name_en for area in areas))
    found = []
    for n, language in enumerate(("ja", "en")):
        said = (_DOES[mode] if kind is Kind.ALERT else _OVER[kind])[n].format(where=where[n])
        event, mark = _EVENT[mode][n], _MARKS[status][n]
        ended = ("（解除）", " (over)")[n] if kind is not Kind.ALERT else ""
        found.append(
            Info(
                language=language,
                event=f"{mark}{event}",
                headline=f"{mark}{event}{ended}",
                description=f"{mark}{said}",
                instruction=_INSTRUCTION[n],
            )
        )
    return tuple(found)
