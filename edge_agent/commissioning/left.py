"""What control tests have left in devices, as the report says it: a report is never silent of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.commissioning import CheckVerdict, ControlVerdict, ReportedCheck, ReportedControl
from edge_agent.commissioning.words_tests import control_name
from edge_agent.core.saved import Saved
from edge_agent.words_orders import DAMAGED_TEXT, values_in_words

DROPPED_KIND = "restore_dropped"
DAMAGED_KIND = "restore_unknown"
_DROPPED = {
    "ja": (
        "{device} {name}: 試験前の値({values})に戻す処理を、作業者の判断で取りやめました。今の設定は機器の画面で確認。"
    ),
    "en": (
        "{device} {name}: the technician decided not to have it put back to what it was before a test ({values}). "
        "What is set now has to be seen at the device."
    ),
}
_DROPPED_DAMAGED = {
    "ja": "制御試験の控えに読めない行があり、作業者の判断で無視することにしました。設定は機器の画面で確認。",
    "en": (
        "Lines of the record of control tests cannot be read, and the technician decided to do without them. "
        "What is set now has to be seen at the device."
    ),
}


@dataclass(frozen=True, slots=True)
class Left:
    """What is not back to what it was when a report is signed."""

    controls: tuple[ReportedControl, ...] = ()
    checks: tuple[ReportedCheck, ...] = ()


def left_behind(pending: Sequence[Saved], damaged: int) -> Left:
    """The entries of a journal, and its lines that cannot be read, for a report."""
    controls = []
    for saved in pending:
        first = saved.registers[0] if saved.registers else None
        ja, en = (_not_back(saved, lang) for lang in ("ja", "en"))
        controls.append(
            ReportedControl(
                device=saved.device,
                control=saved.kind,
                verdict=ControlVerdict.NOT_RESTORED,
                before=None if first is None else first.value,
                ja=ja[:2_000],
                en=en[:2_000],
            )
        )
    checks: tuple[ReportedCheck, ...] = ()
    if damaged:
        checks = (
            ReportedCheck(kind=DAMAGED_KIND, verdict=CheckVerdict.FAILED, ja=DAMAGED_TEXT["ja"], en=DAMAGED_TEXT["en"]),
        )
    return Left(tuple(controls), checks)


def dropped(saved: Saved | None) -> ReportedCheck:
    """A person decided that an entry (None: the lines that cannot be read) is not put back."""
    said = {}
    for lang in ("ja", "en"):
        if saved is None:
            said[lang] = _DROPPED_DAMAGED[lang]
        else:
            name = control_name(saved.kind, lang)
            said[lang] = _DROPPED[lang].format(device=saved.device, name=name, values=values_in_words(saved))
    return ReportedCheck(
        kind=DROPPED_KIND,
        verdict=CheckVerdict.WARNED,
        device="" if saved is None else saved.device,
        ja=said["ja"][:2_000],
        en=said["en"][:2_000],
    )


def _not_back(saved: Saved, lang: str) -> str:
    values = values_in_words(saved)
    if lang == "ja":
        return f"中断した制御試験の前の値({values})に、まだ戻せていません。"
    return f"Not yet back to what it was before a control test that was cut short ({values})."
