"""What the page of fleet health shows: lists of what is not well, each as rows of cells. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from central.core.city import DeadLetter, SiteNow, SiteState
from central.core.completeness import Completeness, DayShare
from central.web import figures
from central.web.catalogue import Catalogue
from central.web.cityview import name_of, ward_of
from central.web.proofview import missing_words, plain
from contract.commissioning import SiteStage
from contract.messages import ClockState
from contract.points import BatteryState, InverterState

AHEAD_MS: Final = 120_000
"""A reading so far in the future comes from a clock that is fast."""
BACKLOG_MS: Final = 600_000
"""Entries that wait longer than this do not go out as they should."""
WHOLE_SHARE: Final = 0.99
"""A shelter that has less of a week's data stands in the list."""
MEGA: Final = 1_048_576
ROWS_MAX: Final = 25
"""Of each list on the page; the file for a spreadsheet has all shelters."""
NAMED_MAX: Final = 8
_FAULTS: Final = {"inverter.state": InverterState.FAULT, "battery.state": BatteryState.FAULT}
_BITS: Final = ("inverter.fault_bits", "battery.fault_bits", "grid.fault_bits")

Rows = list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list. Its title, columns and what to do about it are words by ``key``."""

    key: str
    columns: Sequence[str]
    """Keys of the words of its columns; the first two are shelter and ward, where ``sites`` are given."""
    rows: Rows
    sites: Sequence[str] = ()
    """Shelter of each row, for its link; empty: the rows are not of shelters."""
    count: int = 0

    @property
    def more(self) -> int:
        """Rows that are left out."""
        return max(0, self.count - len(self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNow:
    """Everything that the page rests on, as of one moment."""

    at_ms: int
    shelters: Sequence[SiteNow]
    detail: Callable[[str], SiteNow | None]
    """A shelter with all its points; asked for the few that report a fault."""
    letters: Sequence[DeadLetter]
    completeness: Completeness | None
    names: Mapping[str, str] = field(default_factory=dict)


def listings(now: FleetNow, words: Catalogue) -> list[Listing]:
    """All lists, the one that hurts most first."""
    by_age = sorted(now.shelters, key=lambda one: one.last_reading_ms or 0)
    return [
        *(_silent(state, by_age, now.at_ms, words) for state in (SiteState.OFFLINE, SiteState.STALE)),
        _of_sites("never_seen", (), [(one, []) for one in by_age if one.state is SiteState.NEVER_SEEN], words),
        _devices(now, words),
        _clocks(now, words),
        _outboxes(now, words),
        _letters(now, words),
        _gaps(now, words),
        _stages(now, words),
        versions(now.shelters, words),
    ]


def _of_sites(
    key: str, columns: Sequence[str], found: Sequence[tuple[SiteNow, list[str]]], words: Catalogue
) -> Listing:
    shown = found[:ROWS_MAX]
    return Listing(
        key=key,
        columns=("col_site", "ward", *columns),
        rows=[[name_of(one, words.lang), ward_of(one, words.lang), *cells] for one, cells in shown],
        sites=[one.site.id for one, _ in shown],
        count=len(found),
    )


def _silent(state: SiteState, shelters: Iterable[SiteNow], at_ms: int, words: Catalogue) -> Listing:
    found = [
        (one, [figures.age(one.last_reading_ms, at_ms, words), figures.moment(one.last_reading_ms, words.lang)])
        for one in shelters
        if one.state is state
    ]
    return _of_sites(state.value, ("fleet_col_silent", "fleet_col_last"), found, words)


def _devices(now: FleetNow, words: Catalogue) -> Listing:
    found = []
    for one in now.shelters:
        told = {device.id: device for device in one.status.devices} if one.status else {}
        for device in one.devices_dark:
            known = told.get(device)
            answered = figures.moment(known.last_answer_ms if known else None, words.lang)
            model = plain(known.model or known.profile) if known else figures.DASH
            found.append((one, [plain(device), model, words("fleet_dark"), answered]))
        if one.state is SiteState.FAULT and not one.devices_dark:
            for device, said in faults(now.detail(one.site.id), words):
                known = told.get(device)
                found.append((one, [plain(device), plain(known.model or known.profile) if known else "", said, ""]))
        for known in told.values():
            if known.refused:
                said = words("fleet_refused", n=len(known.refused), points=plain(", ".join(known.refused[:3])))
                found.append((one, [plain(known.id), plain(known.model or known.profile), said, ""]))
    return _of_sites("devices", ("device", "device_model", "fleet_col_trouble", "device_answer"), found, words)


def faults(now: SiteNow | None, words: Catalogue) -> list[tuple[str, str]]:
    """Devices that report a fault, and what they say."""
    found = []
    for point in now.points if now else ():
        if not point.quality.is_good or point.value is None:
            continue
        if point.value == _FAULTS.get(point.point):
            found.append((point.device, words("fleet_fault")))
        elif point.point in _BITS and point.value:
            found.append((point.device, words("fleet_bits", bits=f"{int(point.value):#x}")))
    return found


def _clocks(now: FleetNow, words: Catalogue) -> Listing:
    found = []
    for one in now.shelters:
        ahead_ms = (one.last_reading_ms or 0) - now.at_ms
        if ahead_ms > AHEAD_MS:
            found.append((one, [words("fleet_ahead", min=f"{ahead_ms / 60_000:,.0f}")]))
        elif one.status and one.status.online and one.status.clock is ClockState.UNKNOWN:
            found.append((one, [words("fleet_clock_unknown")]))
    return _of_sites("clock", ("fleet_col_trouble",), found, words)


def _outboxes(now: FleetNow, words: Catalogue) -> Listing:
    behind = []
    for one in now.shelters:
        outbox = one.status.outbox if one.status else None
        if outbox and outbox.waiting and outbox.oldest_ms and now.at_ms - outbox.oldest_ms > BACKLOG_MS:
            behind.append((outbox, one))
    behind.sort(key=lambda pair: -pair[0].waiting)
    found = [
        (
            one,
            [
                f"{outbox.waiting:,}",
                figures.moment(outbox.oldest_ms, words.lang),
                f"{outbox.bytes / MEGA:,.1f} / {outbox.bytes_max / MEGA:,.0f} MB",
            ],
        )
        for outbox, one in behind
    ]
    return _of_sites("outbox", ("fleet_col_entries", "fleet_col_oldest", "fleet_col_used"), found, words)


def _letters(now: FleetNow, words: Catalogue) -> Listing:
    groups: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in now.letters:
        groups.setdefault((letter.reason, letter.site), []).append(letter)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = []
    for (reason, site), letters in ordered[:ROWS_MAX]:
        newest = max(letters, key=lambda letter: letter.received_ms)
        rows.append(
            [
                words.term("refusal", plain(reason)),
                now.names.get(site) or plain(site) or figures.DASH,
                f"{len(letters):,}",
                figures.moment(newest.received_ms, words.lang),
                plain(newest.detail[:120]),
            ]
        )
    columns = ("fleet_col_reason", "col_site", "fleet_col_count", "fleet_col_newest", "detail")
    return Listing(key="letters", columns=columns, rows=rows, count=len(groups))


def _gaps(now: FleetNow, words: Catalogue) -> Listing:
    by_site = now.completeness.by_site if now.completeness else {}
    found = []
    for one in now.shelters:
        week = sum(by_site.get(one.site.id, ()), DayShare())
        if week.share is not None and week.share < WHOLE_SHARE:
            found.append((week, one))
    found.sort(key=lambda pair: pair[0].share or 0.0)
    rows = [
        (
            one,
            [
                figures.share(week.share or 0.0, words),
                figures.share(week.waiting_ms / week.due_ms, words) if week.waiting_ms else figures.DASH,
            ],
        )
        for week, one in found
    ]
    return _of_sites("gaps", ("fleet_col_share", "fleet_col_waiting"), rows, words)


def _stages(now: FleetNow, words: Catalogue) -> Listing:
    found = []
    for one in now.shelters:
        if one.proof.stage is not SiteStage.VERIFIED:
            report = one.proof.report
            missing = missing_words(report.missing, words) if report else []
            found.append((one, [words.term("stage", one.proof.stage.value), missing[0] if missing else figures.DASH]))
    found.sort(key=lambda pair: (pair[0].proof.stage is SiteStage.PLANNED, pair[0].site.id))
    return _of_sites("stages", ("proof", "fleet_col_missing"), found, words)


def versions(shelters: Sequence[SiteNow], words: Catalogue) -> Listing:
    """Versions of the agents' software with the shelters that have another one than most."""
    by_version: dict[str, list[SiteNow]] = {}
    for one in shelters:
        if one.status and one.status.agent:
            by_version.setdefault(plain(one.status.agent), []).append(one)
    ordered = sorted(by_version.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = []
    for n, (version, found) in enumerate(ordered[:ROWS_MAX]):
        names = [name_of(one, words.lang) for one in found[:NAMED_MAX]] if n else []
        more = words("fleet_and_more", n=len(found) - NAMED_MAX) if n and len(found) > NAMED_MAX else ""
        rows.append([version, f"{len(found):,}", words("list_comma").join(names) + more if n else words("fleet_most")])
    return Listing(
        key="versions", columns=("agent_version", "fleet_col_count", "fleet_col_who"), rows=rows, count=len(ordered)
    )


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day of all shelters that are shown."""

    day: str
    share: str
    bar_pct: str
    waiting: str


def days(completeness: Completeness | None, shelters: Iterable[SiteNow], words: Catalogue) -> list[DayCell]:
    """Data of each day that is here, of the shelters that are shown; the newest day first.

    Days of which nothing was due, because no shelter had begun, are left out.
    """
    if completeness is None:
        return []
    shares = completeness.all(one.site.id for one in shelters)
    cells = []
    for day_ms, found in zip(completeness.days, shares, strict=True):
        share = found.share
        if share is None:
            continue
        cells.append(
            DayCell(
                figures.moment(day_ms, words.lang).rpartition(" ")[0],
                figures.share(share, words),
                f"{share * 100:.1f}",
                figures.share(found.waiting_ms / found.due_ms, words) if found.waiting_ms else figures.DASH,
            )
        )
    return cells[::-1]


def counts(shelters: Iterable[SiteNow]) -> Counter[SiteStage]:
    """Shelters by stage."""
    return Counter(one.proof.stage for one in shelters)


SHEET: Final = (
    "site_id",
    "col_site",
    "ward",
    "col_state",
    "fleet_col_last",
    "agent_version",
    "agent_clock",
    "site_dark",
    "fleet_col_entries",
    "fleet_col_oldest",
    "proof",
)
"""Columns of the file before those of the days."""


def sheet_columns(completeness: Completeness | None, words: Catalogue) -> list[str]:
    """Names of the file's columns."""
    named = [f"{figures.local(day_ms):%Y-%m-%d} %" for day_ms in completeness.days] if completeness else []
    return [*(words(key) for key in SHEET), *named]


def sheet_rows(now: FleetNow, words: Catalogue) -> list[list[str]]:
    """One row for each shelter, by id. Times are Tokyo's, in a form that a spreadsheet sorts."""
    rows = []
    for one in sorted(now.shelters, key=lambda one: one.site.id):
        status = one.status
        outbox = status.outbox if status else None
        week = now.completeness.by_site.get(one.site.id, ()) if now.completeness else ()
        rows.append(
            [
                one.site.id,
                name_of(one, words.lang),
                ward_of(one, words.lang),
                words.term("state", one.state.value),
                _sortable(one.last_reading_ms),
                plain(status.agent) if status else "",
                words.term("clock", status.clock.value) if status else "",
                plain(" ".join(one.devices_dark)),
                str(outbox.waiting) if outbox else "",
                _sortable(outbox.oldest_ms) if outbox else "",
                words.term("stage", one.proof.stage.value),
                *("" if day.share is None else f"{day.share * 100:.2f}" for day in week),
            ]
        )
    return rows


def _sortable(at_ms: int | None) -> str:
    return f"{figures.local(at_ms):%Y-%m-%d %H:%M:%S}" if at_ms else ""
