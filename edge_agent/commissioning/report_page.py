"""The report as a page for people: one HTML file that needs nothing else and prints on A4."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from contract.commissioning import (
    CheckVerdict,
    Report,
    ReportedControl,
    ReportedDevice,
    ReportedValue,
    judge,
    to_document,
)
from contract.points import POINTS
from contract.signing import fingerprint
from edge_agent.commissioning.words_report import REPORT_WORDS
from edge_agent.words import WORDS, meaning, tokyo_time

if TYPE_CHECKING:
    from jinja2 import Template

_ORDER: Final = (CheckVerdict.FAILED, CheckVerdict.WARNED, CheckVerdict.PASSED, CheckVerdict.NOT_JUDGED)


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("edge_agent.commissioning", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("report.html")


def page_of(report: Report, public: bytes, lang: str) -> str:
    """The page of a report in ``ja`` or ``en``. ``public``: the key that signs it."""
    words = REPORT_WORDS[lang]
    judged = judge(report)
    tests = [*report.controls, *([report.backup] if report.backup is not None else [])]
    return _template().render(
        lang=lang,
        w=words,
        report=report,
        stage=judged.stage.value,
        missing=missing_texts(judged.missing, lang),
        started=tokyo_time(report.started_ms / 1000),
        finished=tokyo_time(report.at_ms / 1000),
        checked=tokyo_time(report.checked_ms / 1000) if report.checked_ms else "",
        proven_at=proven_at(report, lang),
        checks=_checks(report, lang),
        controls=[_control(test, lang) for test in tests],
        devices=[_device(device, lang) for device in report.devices],
        photos=report.photos,
        fingerprint=fingerprint(public),
        sha256=hashlib.sha256(to_document(report)).hexdigest(),
    )


def proven_at(report: Report, lang: str) -> str:
    """When the load was switched, to be put behind the sentence that says so."""
    at_ms = report.sign_proven_ms
    said: str = REPORT_WORDS[lang]["proven_at"]
    return said.format(time=tokyo_time(at_ms / 1000)) if report.sign_proven and at_ms else ""


def missing_texts(missing: Iterable[str], lang: str) -> list[str]:
    """What keeps a site from being verified, in words."""
    texts: Mapping[str, str] = REPORT_WORDS[lang]["missing"]
    found = []
    for each in missing:
        kind, _, of = each.partition(":")
        found.append(texts[kind].format(of=of))
    return found


def _checks(report: Report, lang: str) -> list[dict[str, str]]:
    ordered = sorted(report.checks, key=lambda check: _ORDER.index(check.verdict))
    return [
        {
            "verdict": check.verdict.value,
            "text": (check.ja if lang == "ja" else check.en) or check.kind,
            "remedy": check.try_ja if lang == "ja" else check.try_en,
        }
        for check in ordered
    ]


def _control(test: ReportedControl, lang: str) -> dict[str, Any]:
    words = REPORT_WORDS[lang]
    numbers = (test.before, test.written, test.read_back, test.restored)
    return {
        "verdict": test.verdict.value,
        "device": test.device,
        "name": words["control_names"].get(test.control, test.control),
        "text": test.ja if lang == "ja" else test.en,
        "at": words["tested_at"].format(time=tokyo_time(test.at_ms / 1000)) if test.at_ms else "",
        "numbers": ["–" if number is None else f"{number:g} {test.unit}".strip() for number in numbers],
    }


def _device(device: ReportedDevice, lang: str) -> dict[str, Any]:
    return {
        "id": device.id,
        "profile": device.profile,
        "address": device.address,
        "unit": device.unit,
        "online": device.online,
        "cause": device.cause,
        "confidence": device.confidence,
        "identity": list(device.identity.items()),
        "rows": [_row(value, lang) for value in device.values],
    }


def _row(value: ReportedValue, lang: str) -> dict[str, str]:
    if value.value is None:
        return {"point": value.point, "value": "–", "meaning": WORDS[lang].get(value.quality, value.quality)}
    known = POINTS.get(value.point)
    number = f"{value.value:,.{known.decimals if known else 2}f}"
    said = meaning(value.point, value.value, lang) if known else ""
    return {"point": value.point, "value": f"{number} {value.unit}".strip(), "meaning": said}
