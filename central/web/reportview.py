"""A commissioning report as its page shows it. Pure. Every text of it was written by somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import PointNow
from central.core.stages import ReportRecord
from central.web import figures
from central.web.catalogue import Catalogue, Lang
from central.web.proofview import MISSING_SHOWN, key_shown, missing_words, plain
from contract.commissioning import (
    CheckVerdict,
    Report,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    ReportedPhoto,
    ReportedValue,
    judge,
)
from contract.points import POINTS
from contract.readings import Quality

DEVICES_SHOWN: Final = 40
VALUES_SHOWN: Final = 150
"""Of one device. The list of points is hardly longer."""
IDENTITY_SHOWN: Final = 12
CHECKS_SHOWN: Final = 200
CONTROLS_SHOWN: Final = 100
PHOTOS_SHOWN: Final = 100
OUTAGE_TEST: Final = "outage_test"
"""Our word for the report's outage test; a control called ``backup`` is the device's own way of being ready."""
BIG: Final = 1e12
"""A number from here on is written with an exponent."""
_ORDER: Final = (CheckVerdict.FAILED, CheckVerdict.WARNED, CheckVerdict.PASSED, CheckVerdict.NOT_JUDGED)
_SIGNS: Final = {"passed": "✓", "failed": "✕", "not_restored": "✕", "warned": "!"}
"""Signs of verdicts; a dash for what was not judged or not tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A check or a control test: its verdict as a sign and in words, and the rest of its row."""

    verdict: str
    sign: str
    verdict_words: str
    title: str
    text: str
    attempt: str = ""
    numbers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A value as it was read."""

    point: str
    words: str
    value: str
    quality: str
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceShown:
    """One device with its values."""

    id: str
    is_online: bool
    facts: Sequence[tuple[str, str]]
    values: Sequence[ValueRow]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportShown:
    """The page of a report."""

    sha256: str
    site: str
    name: str
    stage: str
    stage_words: str
    means: str
    missing: Sequence[str]
    missing_more: int
    facts: Sequence[tuple[str, str]]
    remarks: str
    checks: Sequence[Row]
    checks_more: int
    is_sign_proven: bool
    controls: Sequence[Row]
    controls_more: int
    has_backup: bool
    devices: Sequence[DeviceShown]
    devices_more: int
    photos: Sequence[tuple[str, str, str, str]]
    """Name, caption, size, digest."""
    photos_more: int
    is_synthetic: bool


def shown(report: Report, kept: ReportRecord, words: Catalogue) -> ReportShown:
    """A report in words. Judged here and now, by the rule that both sides share."""
    judged = judge(report)
    tests = [_control(test, words) for test in report.controls[:CONTROLS_SHOWN]]
    if report.backup is not None:
        tests.insert(0, _control(report.backup, words, OUTAGE_TEST))
    checks = sorted(report.checks, key=lambda check: _ORDER.index(check.verdict))
    return ReportShown(
        sha256=kept.sha256,
        site=report.site,
        name=plain(report.name),
        stage=judged.stage.value,
        stage_words=words.term("stage", judged.stage.value),
        means=words.term("stage_means", judged.stage.value),
        missing=missing_words(judged.missing, words),
        missing_more=_more(judged.missing, MISSING_SHOWN),
        facts=_facts(report, kept, words),
        remarks=plain(report.remarks),
        checks=[_check(check, words) for check in checks[:CHECKS_SHOWN]],
        checks_more=_more(checks, CHECKS_SHOWN),
        is_sign_proven=report.sign_proven,
        controls=tests,
        controls_more=_more(report.controls, CONTROLS_SHOWN),
        has_backup=report.backup is not None,
        devices=[_device(device, words) for device in report.devices[:DEVICES_SHOWN]],
        devices_more=_more(report.devices, DEVICES_SHOWN),
        photos=[_photo(photo, words) for photo in report.photos[:PHOTOS_SHOWN]],
        photos_more=_more(report.photos, PHOTOS_SHOWN),
        is_synthetic=report.is_synthetic,
    )


def _more(items: Sequence[object], limit: int) -> int:
    return max(0, len(items) - limit)


def _facts(report: Report, kept: ReportRecord, words: Catalogue) -> list[tuple[str, str]]:
    finished = figures.date_time(report.at_ms, words.lang)
    if not report.clock_is_set:
        finished = f"{finished} ({words('report_clock_guess')})"
    company = f" ({plain(report.company)})" if report.company else ""
    return [
        (words("report_technician"), f"{plain(report.technician)}{company}"),
        (words("report_started"), figures.date_time(report.started_ms, words.lang)),
        (words("report_finished"), finished),
        (words("report_received"), figures.date_time(kept.received_ms, words.lang)),
        (words("report_software"), plain(report.software)),
        (words("report_signature"), words("report_signed", key=key_shown(kept.public_key))),
    ]


def _verdict(verdict: str, words: Catalogue) -> tuple[str, str, str]:
    return verdict, _SIGNS.get(verdict, figures.DASH), words.term("verdict", verdict)


def _check(check: ReportedCheck, words: Catalogue) -> Row:
    is_ja = words.lang is Lang.JA
    verdict, sign, verdict_words = _verdict(check.verdict.value, words)
    text = (check.ja or check.en) if is_ja else (check.en or check.ja)
    attempt = (check.try_ja or check.try_en) if is_ja else (check.try_en or check.try_ja)
    text = text or words.term("check", check.kind)
    return Row(
        verdict=verdict,
        sign=sign,
        verdict_words=verdict_words,
        title="" if check.device in text else plain(check.device),
        text=plain(text),
        attempt=plain(attempt),
    )


def _control(test: ReportedControl, words: Catalogue, name: str = "") -> Row:
    verdict, sign, verdict_words = _verdict(test.verdict.value, words)
    said = (test.ja or test.en) if words.lang is Lang.JA else (test.en or test.ja)
    numbers = (test.before, test.written, test.read_back, test.restored)
    return Row(
        verdict=verdict,
        sign=sign,
        verdict_words=verdict_words,
        title=f"{plain(test.device)}: {_control_name(name or test.control, words)}",
        text=plain(said),
        numbers=[figures.DASH if n is None else f"{number(n)} {plain(test.unit)}".rstrip() for n in numbers],
    )


def _control_name(control: str, words: Catalogue) -> str:
    tier = control.removeprefix("tier")
    if control != tier and tier.isascii() and tier.isdecimal():
        return f"{words('control.tier')} {tier}"
    return plain(words.term("control", control))


def _device(device: ReportedDevice, words: Catalogue) -> DeviceShown:
    answer = words("device_online" if device.online else "device_offline")
    cause = f": {plain(device.cause)}" if device.cause else ""
    facts = [
        (words("report_answer"), f"{answer}{cause}"),
        (words("report_profile"), plain(device.profile)),
        (words("report_address"), words("report_unit", address=plain(device.address), unit=device.unit)),
        (words("report_confidence"), plain(words.term("confidence", device.confidence))),
    ]
    told = list(device.identity.items())[:IDENTITY_SHOWN]
    facts += [(plain(words.term("identity", name)), plain(text)) for name, text in told]
    return DeviceShown(
        id=plain(device.id),
        is_online=device.online,
        facts=facts,
        values=[_value(device.id, value, words) for value in device.values[:VALUES_SHOWN]],
        more=_more(device.values, VALUES_SHOWN),
    )


def _value(device: str, value: ReportedValue, words: Catalogue) -> ValueRow:
    is_good = value.quality == Quality.GOOD.value
    return ValueRow(
        point=plain(value.point),
        words=figures.point_words(value.point, words) if value.point in POINTS else "",
        value=_figure(device, value, words),
        quality=plain(words.term("quality", value.quality)),
        is_good=is_good,
    )


def _figure(device: str, value: ReportedValue, words: Catalogue) -> str:
    """In the looks of the live pages where the unit is the point's own; else as the report has it."""
    point = POINTS.get(value.point)
    if value.value is None:
        return figures.DASH
    if point is None or value.unit != point.unit or not point.low <= value.value <= point.high:
        return f"{number(value.value)} {plain(value.unit)}".rstrip()
    return figures.point_value(PointNow(device, value.point, value.value, Quality.GOOD, 0), words)


def _photo(photo: ReportedPhoto, words: Catalogue) -> tuple[str, str, str, str]:
    size = words("report_photo_size", n=f"{photo.bytes / 1_000:,.0f}")
    return plain(photo.name), plain(photo.caption), size, plain(photo.sha256)


def number(value: float) -> str:
    """A number of a report, without needless decimals."""
    if abs(value) >= BIG:
        return f"{value:g}"
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
