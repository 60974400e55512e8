"""A check as text for a terminal, from the phone's 40 columns on: the verdict first, then powers, devices, summary."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from contract.points import POINTS
from edge_agent.check import DeviceSeen, SiteSeen
from edge_agent.core.judging.bounds import CLOCK
from edge_agent.findings import Finding, PointSeen, Result, Severity, Verdict, implausible
from edge_agent.says import remedy, what
from edge_agent.words import LANGUAGES, WORDS, meaning, tokyo_time
from edge_agent.words_checks import CHECKS, RESULTS, why

WIDTH_MIN: Final = 40
WIDTH_MAX: Final = 100
_POINT_COLUMNS: Final = 30
_VALUE_COLUMNS: Final = 13
_CHECK_COLUMNS: Final = 26
_REGISTERS_FROM: Final = 72
"""Columns from which on the registers are shown."""
_COLOURS: Final = {"fault": "31;1", "warning": "33;1", "note": "36", "ok": "32;1", "title": "1"}
_WRONG_MAP: Final = frozenset({"wrong_profile", "swapped_words", "swapped_bytes", "off_by_one"})
_CLOSING: Final = "、。)」』〕,."


class Page:
    """Lines of text that fit their width; colours only where they are wanted."""

    def __init__(self, lang: str, width: int, *, colour: bool) -> None:
        self.words = WORDS[lang]
        self.lang = lang
        self.width = min(max(width, WIDTH_MIN), WIDTH_MAX)
        self.lines: list[str] = []
        self._colour = colour

    def paint(self, text: str, kind: str) -> str:
        """The text in the colour of its kind."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self._colour and text else text

    def put(self, text: str = "", *, kind: str = "", indent: int = 0) -> None:
        """A paragraph; its first word, up to the first space, has the colour of ``kind``."""
        for n, line in enumerate(wrap(text, self.width, indent)):
            word, space, rest = line.partition(" ")
            self.lines.append(self.paint(word, kind) + space + rest if kind and not n else line)


def cells(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrap(text: str, width: int, indent: int = 0) -> list[str]:
    """Lines of a paragraph; Japanese breaks anywhere but before closing marks. ``indent`` is of the other lines."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line.strip() and cells(line + piece.rstrip()) > width and piece not in _CLOSING:
            lines.append(line.rstrip())
            line = " " * indent + piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for c in text:
        if cells(c) == 2 or c in _CLOSING[:-2]:
            if word:
                yield word
            word = ""
            yield c
        else:
            word += c
            if c == " ":
                yield word
                word = ""
    if word:
        yield word


def number(point: str, value: float) -> str:
    """A value with the decimals that its point has."""
    return f"{value:,.{POINTS[point].decimals}f}"


def page(seen: SiteSeen, lang: str, width: int, *, colour: bool = False) -> str:
    """The whole answer. The first line is what matters most, the last one says who answers."""
    made = Page(lang, width, colour=colour)
    _head(made, seen)
    _powers(made, seen)
    for device in seen.devices:
        is_wrong = any(f.device == device.device and f.kind in _WRONG_MAP for f in seen.findings)
        _device(made, device, is_wrong=is_wrong)
    _checks(made, seen)
    made.put()
    made.put(made.words["spent"].format(requests=seen.requests, seconds=seen.seconds))
    loud = [finding for finding in seen.findings if finding.severity is not Severity.NOTE]
    if loud:
        counts = {each.value: sum(f.severity is each for f in loud) for each in Severity}
        made.put(made.words["more"].format(**counts))
    made.put(summary(seen, lang))
    return "\n".join(made.lines) + "\n"


def summary(seen: SiteSeen, lang: str) -> str:
    """Who answers, in one line."""
    up = ", ".join(device.device for device in seen.devices if device.online)
    dark = ", ".join(device.device for device in seen.dark)
    faulty = dict.fromkeys(f.device or f.kind for f in seen.findings if f.severity is Severity.FAULT)
    count = len(seen.devices)
    kinds = ("last_some", "last_none") if dark else ("last_fault", "last_ok")
    key = kinds[0] if (up if dark else faulty) else kinds[1]
    figures = {"count": count, "up": count - len(seen.dark), "names": up, "dark": dark, "faulty": ", ".join(faulty)}
    return WORDS[lang][key].format(**figures)


def verdict(seen: SiteSeen, lang: str) -> str:
    """What matters most, in one line."""
    loud = next((finding for finding in seen.findings if finding.leads), None)
    if loud is not None:
        return f"{WORDS[lang][loud.severity.value]} {what(loud, lang)}"
    return f"{WORDS[lang]['ok']} {WORDS[lang]['first_ok'].format(count=len(seen.devices))}"


def as_json(seen: SiteSeen) -> dict[str, Any]:
    """The same for machines, with the words of every language beside the facts."""

    def spoken(finding: Finding) -> dict[str, Any]:
        words = {lang: {"what": what(finding, lang), "try": remedy(finding, lang)} for lang in LANGUAGES}
        return asdict(finding) | words

    told = asdict(seen) | {"ok": seen.is_ok, "findings": [spoken(finding) for finding in seen.findings]}
    told["checks"] = [
        asdict(check) | {lang: {"name": CHECKS[lang][check.kind], "why": why(check, lang)} for lang in LANGUAGES}
        for check in seen.checks
    ]
    told["verdict"] = {lang: verdict(seen, lang) for lang in LANGUAGES}
    told["summary"] = {lang: summary(seen, lang) for lang in LANGUAGES}
    return told


def _head(made: Page, seen: SiteSeen) -> None:
    if not any(finding.leads for finding in seen.findings):
        made.put(verdict(seen, made.lang), kind="ok")
    for finding in seen.findings:
        made.put(f"{made.words[finding.severity.value]} {what(finding, made.lang)}", kind=finding.severity.value)
        error = str(finding.facts.get("error", ""))
        if error:
            made.put(f"  ({error})", indent=3)
        made.put(f"  {made.words['try']}: {remedy(finding, made.lang)}", indent=4)
    made.put()
    made.lines.append(made.paint(f"{seen.site} {seen.name}".rstrip(), "title"))
    made.put(f"{made.words['time']}: {tokyo_time(time.time())}")


def _powers(made: Page, seen: SiteSeen) -> None:
    words, balance = made.words, seen.balance
    soc = next((p.value for d in seen.devices for p in d.points if p.point == "battery.soc_pct"), None)
    charge = "" if soc is None else words["soc"].format(soc=soc)
    rows = (
        ("pv", "pv.power_w", balance.pv_w, ""),
        ("battery", "battery.power_w", balance.battery_w, charge),
        ("grid", "grid.power_w", balance.grid_w, ""),
        ("load", "load.power_w", balance.load_w, words["load_is"]),
    )
    for key, point, value, more in rows:
        shown = "-" if value is None else f"{value:,.0f} W {meaning(point, value, made.lang)}".rstrip()
        amount, _, rest = shown.partition(" ")
        made.put(f"{_padded('  ' + words[key], 16)}{amount:>8} {rest} {more}".rstrip(), indent=16)
    key = "load" if balance.verdict == "ok" and balance.error_w is None else balance.verdict
    figures = {"error": abs(balance.error_w or 0), "limit": balance.limit_w or 0}
    made.put(f"{words['balance']}: {words[f'balance_{key}'].format(**figures)}", indent=2)


def _device(made: Page, device: DeviceSeen, *, is_wrong: bool) -> None:
    words = made.words
    state = made.paint(words["online"], "ok") if device.online else made.paint(words["dark"], "fault")
    made.put()
    made.put(f"[{device.device}] {device.profile}, {device.address} {words['unit']} {device.unit}: {state}", indent=2)
    if not device.online:
        return
    known = " ".join(device.identity.values())
    if known:
        made.put(f"  {known}", indent=2)
    spent = words["spent"].format(requests=device.requests, seconds=device.seconds)
    made.put(f"  {words['points'].format(good=device.good, count=len(device.points))}{words['comma']}{spent}", indent=2)
    # A wrong profile has a page of refused registers: on a phone it would only push away what matters.
    shown = [point for point in device.points if not is_wrong or point.value is not None]
    _rows(made, shown)
    if len(shown) < len(device.points):
        made.put(words["left_out"].format(count=len(device.points) - len(shown)))


def _checks(made: Page, seen: SiteSeen) -> None:
    """What was judged, in one line a check; what was not judged says why."""
    words = made.words
    made.put()
    made.lines.append(made.paint(words["checks"].format(reads=seen.reads), "title"))
    by_kind: dict[str, list[Verdict]] = {}
    for check in seen.checks:
        by_kind.setdefault(check.kind, []).append(check)
    for kind, checks in by_kind.items():
        results = {check.result for check in checks}
        worst = next(r for r in (Result.FAILED, Result.PASSED, Result.NOT_JUDGED) if r in results)
        colour = {Result.FAILED: "fault", Result.PASSED: "ok", Result.NOT_JUDGED: "note"}[worst]
        name = _padded(f"  {CHECKS[made.lang][kind]}", _CHECK_COLUMNS)
        made.lines.append(name + made.paint(RESULTS[made.lang][worst], colour))
        reasons: dict[str, list[str]] = {}
        for check in checks:
            if check.result is Result.NOT_JUDGED:
                reasons.setdefault(why(check, made.lang), []).append(check.device)
        for reason, devices in reasons.items():
            where = ", ".join(filter(None, devices))
            made.put(f"    {where}: {reason}" if where else f"    {reason}", indent=4)


def _rows(made: Page, points: Sequence[PointSeen]) -> None:
    has_registers = made.width >= _REGISTERS_FROM
    words = made.words
    columns = _POINT_COLUMNS + _VALUE_COLUMNS if has_registers else min(made.width, _POINT_COLUMNS + _VALUE_COLUMNS)
    head = _padded(words["point"], columns - cells(words["value"])) + words["value"]
    if has_registers:
        head = _padded(head, 57) + words["register"]
    made.lines.append(made.paint(head, "title"))
    for point in points:
        if point.value is None:
            value, kind = words[point.quality], "warning"
        else:
            sense = meaning(point.point, point.value, made.lang)
            amount, unit = number(point.point, point.value), f"{point.unit:<2}" if has_registers else point.unit
            if point.point == CLOCK:
                amount, sense, unit = tokyo_time(point.value), "", ""
            kind = "warning" if implausible(point) else ""
            parts = (f"{amount:>{_VALUE_COLUMNS}}" if has_registers else amount, unit, sense)
            value = " ".join(part for part in parts if part)
        _row(made, point, value, kind, has_registers=has_registers)


def _row(made: Page, point: PointSeen, value: str, kind: str, *, has_registers: bool) -> None:
    shown = made.paint(value, kind) if kind else value
    if has_registers:
        gap = " " * max(1, 57 - _POINT_COLUMNS - cells(value))
        room = made.width - max(57, _POINT_COLUMNS + cells(value) + 1)
        register = point.register if len(point.register) <= room else point.register[: room - 1] + "…"
        made.lines.append(f"{_padded(point.point, _POINT_COLUMNS)}{shown}{gap}{register}".rstrip())
    elif len(point.point) + 1 + cells(value) <= made.width:
        made.lines.append(point.point + " " * (made.width - len(point.point) - cells(value)) + shown)
    else:
        made.lines += [point.point, " " * max(0, made.width - cells(value)) + shown]


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cells(text))
