"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from contract.commissioning import CheckVerdict, ReportedControl, judge
from edge_agent.commissioning.report_files import WrittenReport
from edge_agent.commissioning.report_page import missing_texts, proven_at
from edge_agent.commissioning.words_report import REPORT_WORDS
from edge_agent.commissioning.words_tests import control_name
from edge_agent.words import meaning, tokyo_time


def text_of(written: WrittenReport, lang: str) -> str:
    """The whole report."""
    return "\n".join(_lines(written, lang)) + "\n"


def _lines(written: WrittenReport, lang: str) -> Iterator[str]:
    words, report = REPORT_WORDS[lang], written.report
    judged = judge(report)
    yield f"{words['title']}  {report.site} {report.name}".rstrip()
    if report.is_synthetic:
        yield words["synthetic"]
    yield f"{words['result']}: {words['stages'][judged.stage.value]}"
    yield from (f"  - {text}" for text in missing_texts(judged.missing, lang))
    yield f"{words['technician']}: {report.technician} {report.company}".rstrip()
    yield f"{words['finished']}: {tokyo_time(report.at_ms / 1000)}"
    if not report.clock_is_set:
        yield f"  {words['clock_guess']}"
    yield f"{words['software']}: {report.software}"
    if report.remarks:
        yield f"{words['remarks']}: {report.remarks}"
    yield ""
    yield words["checks"]
    if report.checked_ms:
        yield f"  {words['checked']}: {tokyo_time(report.checked_ms / 1000)}"
    for verdict in (CheckVerdict.FAILED, CheckVerdict.WARNED, CheckVerdict.PASSED, CheckVerdict.NOT_JUDGED):
        for check in report.checks:
            if check.verdict is verdict:
                text, remedy = (check.ja, check.try_ja) if lang == "ja" else (check.en, check.try_en)
                yield f"  [{words['verdicts'][verdict.value]}] {text or check.kind}"
                if remedy and verdict in (CheckVerdict.FAILED, CheckVerdict.WARNED):
                    yield f"      {words['try']}: {remedy}"
    yield words["sign_proven" if report.sign_proven else "sign_not_proven"] + proven_at(report, lang)
    yield ""
    yield words["controls"]
    yield from (_control(test, lang) for test in report.controls)
    if not report.controls:
        yield f"  {words['no_controls']}"
    yield _control(report.backup, lang) if report.backup is not None else f"  {words['backup_not_tested']}"
    for device in report.devices:
        yield ""
        yield f"{device.id}  {device.profile}  {device.address} {words['unit']} {device.unit}  " + " ".join(
            device.identity.values()
        )
        if not device.online:
            yield f"  {device.cause}"
        for value in device.values:
            shown = "–" if value.value is None else f"{value.value:g} {value.unit}".rstrip()
            said = "" if value.value is None else meaning(value.point, value.value, lang)
            yield f"  {value.point:<32} {shown:>16}  {said}".rstrip()


def _control(test: ReportedControl, lang: str) -> str:
    words = REPORT_WORDS[lang]
    text = test.ja if lang == "ja" else test.en
    if test.at_ms:
        text = f"{text} [{words['tested_at'].format(time=tokyo_time(test.at_ms / 1000))}]"
    return (
        f"  [{words['control_verdicts'][test.verdict.value]}] {test.device} {control_name(test.control, lang)}: {text}"
    )
