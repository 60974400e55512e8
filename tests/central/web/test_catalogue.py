"""Both languages say everything, and nothing that is shown lacks a word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from importlib import resources
from pathlib import Path
from string import Formatter

import pytest

from central.core.city import Fate, SiteKind, SiteState
from central.web import figures
from central.web.catalogue import CATALOGUES, TEXTS, Lang, choose
from contract.commissioning import CheckVerdict, ControlVerdict, SiteStage
from contract.messages import ClockState, EventKind, LossReason, Severity
from contract.points import POINTS, BatteryState, InverterState
from contract.readings import Quality
from device_profiles.model import Confidence, ControlKind
from edge_agent.core.judging.finding import SEVERITIES

WORDS_WITH_KANJI_OR_KANA = re.compile(r"[぀-ヿ一-鿿]")
ONE_SIDED = {"data_before", "data_after"}
"""Parts of a sentence whose order differs between the languages."""
WEB = Path(str(resources.files("central.web")))
TERMS: dict[str, Iterable[StrEnum]] = {
    "state": SiteState,
    "state_means": SiteState,
    "kind": SiteKind,
    "fate": Fate,
    "fate_means": Fate,
    "reason": LossReason,
    "quality": Quality,
    "event": EventKind,
    "severity": Severity,
    "clock": ClockState,
    "inverter_state": InverterState,
    "battery_state": BatteryState,
    "stage": SiteStage,
    "stage_means": SiteStage,
    "verdict": [*CheckVerdict, *ControlVerdict],
    "control": ControlKind,
    "confidence": Confidence,
}


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_there_in_both_languages_with_the_same_places(key: str) -> None:
    japanese, english = TEXTS[key]
    if key not in ONE_SIDED:
        assert japanese.strip()
        assert english.strip()
    places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (japanese, english)]
    assert places[0] == places[1]
    if key != "switch_lang":
        assert not WORDS_WITH_KANJI_OR_KANA.search(english), "this is not English"


@pytest.mark.parametrize("group", TERMS)
def test_every_value_of_our_own_lists_has_a_word(group: str) -> None:
    for value in TERMS[group]:
        assert f"{group}.{value.value}" in TEXTS


def test_checks_with_words_are_checks_that_the_edge_makes() -> None:
    worded = {key.removeprefix("check.") for key in TEXTS if key.startswith("check.")}
    assert worded
    assert worded <= SEVERITIES.keys()


@pytest.mark.parametrize("lang", Lang)
def test_every_point_has_words(lang: Lang) -> None:
    said = [figures.point_words(name, CATALOGUES[lang]) for name in POINTS]
    assert [text for text in said if "_" in text or text.startswith(" ")] == []
    assert len(set(said)) == len(POINTS)


def test_templates_and_code_use_only_keys_that_exist_and_no_key_is_left_over() -> None:
    sources = [path.read_text() for path in (*WEB.glob("templates/*"), *WEB.rglob("*.py"))]
    used = {key for text in sources for key in re.findall(r"""\b(?:t|words)\(\s*["']([a-z0-9_.]+)["']""", text)}
    assert {key for key in used if not key.endswith(".")} <= TEXTS.keys()
    everything = "".join(sources)
    plain = [key for key in TEXTS if "." not in key]
    assert [key for key in plain if not re.search(rf"\b{key.removesuffix('_try')}\b", everything)] == []


@pytest.mark.parametrize(
    ("asked", "accepted", "lang"),
    [
        (None, None, Lang.JA),
        ("en", None, Lang.EN),
        ("ja", "en", Lang.JA),
        (None, "en-GB,en;q=0.9,ja;q=0.8", Lang.EN),
        (None, "ja,en;q=0.9", Lang.JA),
        (None, "en;q=0.3,ja;q=0.7", Lang.JA),
        (None, "fr,de;q=0.5", Lang.JA),
        (None, "fr,en;q=0.1", Lang.EN),
        (None, "en;q=0", Lang.JA),
        (None, "en;q=x,;;,", Lang.JA),
        ("tlh", "en", Lang.EN),
        (None, "*", Lang.JA),
    ],
)
def test_the_readers_language_is_chosen(asked: str | None, accepted: str | None, lang: Lang) -> None:
    assert choose(asked, accepted) is lang
