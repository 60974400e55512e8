"""From what was seen and tested to the report: every value, every check judged or not and why, every control."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from msgspec.structs import replace

from contract.commissioning import (
    CheckVerdict,
    ControlVerdict,
    Report,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    ReportedValue,
)
from device_profiles.load import load
from device_profiles.model import Confidence, ProfileError
from edge_agent.check import DeviceSeen, SiteSeen
from edge_agent.commissioning.control_test import Tested
from edge_agent.commissioning.draft import CheckDone, ControlDone, Draft, LoadStepDone, Said
from edge_agent.commissioning.left import Left
from edge_agent.commissioning.words_tests import control_result
from edge_agent.core.judging.finding import Finding, Result, Severity, Verdict
from edge_agent.findings import time_given
from edge_agent.says import remedy, what
from edge_agent.words_checks import CHECKS, why

_TEXT_MAX: Final = 2_000
_SHORT_MAX: Final = 200
_VERDICTS: Final = {
    Severity.FAULT: CheckVerdict.FAILED,
    Severity.WARNING: CheckVerdict.WARNED,
    Severity.NOTE: CheckVerdict.NOT_JUDGED,
}
STEP: Final = "load_step"
STEP_RIGHT: Final = "step_right"
SYNTHETIC: Final = ("SIM", "Shelter Simulator")
"""Identity texts of simulated devices begin with one of these."""


def check_done(seen: SiteSeen, at_ms: int, *, given_s: float | None = None) -> CheckDone:
    """The result of a check; ``given_s``: the moment by which it was judged, when that was not the real one."""
    is_synthetic = any(_is_synthetic(device) for device in seen.devices)
    findings = list(seen.findings)
    if given_s is not None:
        # A real cabinet that is judged by another hour than its own is not proven.
        findings.append(time_given(given_s, Severity.NOTE if is_synthetic else Severity.FAULT))
    return CheckDone(
        at_ms=at_ms,
        devices=tuple(_device(device, seen) for device in seen.devices),
        checks=_checks(findings, seen.checks),
        is_synthetic=is_synthetic,
    )


def load_step_done(seen: SiteSeen, load_w: float, at_ms: int) -> LoadStepDone:
    """The result of the test with a known load."""
    findings = [finding for finding in seen.findings if finding.kind.startswith("step_")]
    checks = [verdict for verdict in seen.checks if verdict.kind == STEP]
    is_proven = (
        any(verdict.result is Result.PASSED for verdict in checks)
        and any(finding.kind == STEP_RIGHT for finding in findings)
        and all(finding.severity is Severity.NOTE for finding in findings)
    )
    return LoadStepDone(at_ms=at_ms, load_w=load_w, is_proven=is_proven, checks=_checks(findings, checks))


def control_done(tested: Tested, at_ms: int) -> ControlDone:
    """The result of a control test."""
    reported, advice = control_result(tested)
    return ControlDone(at_ms=at_ms, result=replace(reported, at_ms=at_ms), kind=tested.kind, advice=advice)


def _checks(findings: Iterable[Finding], verdicts: Iterable[Verdict]) -> tuple[ReportedCheck, ...]:
    """Findings first, as they were told; then what passed and what could not be judged."""
    told = [
        ReportedCheck(
            kind=finding.kind,
            verdict=CheckVerdict.PASSED if finding.kind == STEP_RIGHT else _VERDICTS[finding.severity],
            device=finding.device[:128],
            ja=what(finding, "ja")[:_TEXT_MAX],
            en=what(finding, "en")[:_TEXT_MAX],
            try_ja=remedy(finding, "ja")[:_TEXT_MAX],
            try_en=remedy(finding, "en")[:_TEXT_MAX],
        )
        for finding in findings
    ]
    told += [_verdict(verdict) for verdict in verdicts if verdict.result is not Result.FAILED]
    return tuple(told)


def _verdict(verdict: Verdict) -> ReportedCheck:
    texts = {}
    for lang in ("ja", "en"):
        colon = ":" if lang == "ja" else ": "
        where = f"{verdict.device}{colon}" if verdict.device else ""
        reason = why(verdict, lang) if verdict.result is Result.NOT_JUDGED else ""
        texts[lang] = (where + CHECKS[lang][verdict.kind] + (f"{colon}{reason}" if reason else ""))[:_TEXT_MAX]
    passed = verdict.result is Result.PASSED
    return ReportedCheck(
        kind=verdict.kind,
        verdict=CheckVerdict.PASSED if passed else CheckVerdict.NOT_JUDGED,
        device=verdict.device[:128],
        ja=texts["ja"],
        en=texts["en"],
    )


def _device(device: DeviceSeen, seen: SiteSeen) -> ReportedDevice:
    values = [
        ReportedValue(point=point.point, value=point.value, unit=point.unit, quality=point.quality)
        for point in device.points
    ]
    return ReportedDevice(
        id=device.device,
        profile=_profile_name(device.profile),
        confidence=_confidence(device.profile),
        address=device.address[:_SHORT_MAX],
        unit=device.unit,
        online=device.online,
        cause=_cause(device, seen),
        identity={name: text[:_SHORT_MAX] for name, text in device.identity.items()},
        values=values,
    )


def _cause(device: DeviceSeen, seen: SiteSeen) -> str:
    if device.online:
        return ""
    told = next((f for f in seen.findings if device.device in f.device.split(", ")), None)
    return (what(told, "ja") + " / " + what(told, "en") if told is not None else device.cause)[:_SHORT_MAX]


def _profile_name(profile: str) -> str:
    return (profile.rpartition("/")[2] if profile.endswith((".yaml", ".yml")) else profile)[:_SHORT_MAX]


def _confidence(profile: str) -> str:
    try:
        return load(profile).confidence.value
    except ProfileError:
        return Confidence.UNVERIFIED.value


def _is_synthetic(device: DeviceSeen) -> bool:
    """Whether it is no real device: it says so, or it lives inside this machine, where no cabinet is."""
    if any(text.startswith(SYNTHETIC) for text in device.identity.values()):
        return True
    if device.address.startswith("/dev/pts/"):
        return True
    host = device.address.rpartition(":")[0]
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def report_of(
    draft: Draft,
    *,
    left: Left = Left(),  # noqa: B008  (frozen)
    site: str,
    name: str,
    at_ms: int,
    clock_is_set: bool,
    software: str,
    request_sha256: str,
    config_sha256: str,
) -> Report:
    """The report of a draft as far as it has come; what was not done is simply not proven.

    What is left in a device counts more than what its test said before.
    """
    check = draft.check
    step = draft.load_step
    return Report(
        site=site,
        name=name[:_SHORT_MAX],
        started_ms=draft.started_ms or at_ms,
        at_ms=at_ms,
        clock_is_set=clock_is_set,
        technician=draft.technician,
        company=draft.company,
        software=software,
        devices=[] if check is None else list(check.devices),
        checks=[
            *(() if check is None else check.checks),
            *(() if step is None else step.checks),
            *_control_checks(draft.controls),
            *draft.dropped,
            *left.checks,
        ],
        controls=_controls(draft.controls, left),
        backup=None if draft.backup is None else draft.backup.result,
        sign_proven=step is not None and step.is_proven,
        checked_ms=0 if check is None else check.at_ms,
        sign_proven_ms=step.at_ms if step is not None and step.is_proven else 0,
        photos=list(draft.photos),
        remarks=draft.remarks,
        config_sha256=config_sha256,
        request_sha256=request_sha256,
        is_synthetic=check is not None and check.is_synthetic,
    )


def _controls(controls: Iterable[ControlDone], left: Left) -> list[ReportedControl]:
    is_left = {(each.device, each.control) for each in left.controls}
    return [
        *(done.result for done in controls if (done.result.device, done.result.control) not in is_left),
        *left.controls,
    ]


def _control_checks(controls: Iterable[ControlDone]) -> Iterable[ReportedCheck]:
    """What a control test found wrong is a finding of the report too, under its own name."""
    for done in controls:
        result = done.result
        if result.verdict not in (ControlVerdict.FAILED, ControlVerdict.NOT_RESTORED) or not done.kind:
            continue
        advice = done.advice or Said(ja="", en="")
        yield ReportedCheck(
            kind=done.kind,
            verdict=CheckVerdict.FAILED,
            device=result.device,
            ja=f"{result.device}: {result.ja}"[:_TEXT_MAX],
            en=f"{result.device}: {result.en}"[:_TEXT_MAX],
            try_ja=advice.ja,
            try_en=advice.en,
        )
