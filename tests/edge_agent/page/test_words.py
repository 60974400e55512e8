"""Both languages say everything, and every key that is used is there."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from contract.points import POINTS
from edge_agent.commissioning.draft import Step, StepState
from edge_agent.page import words_progress
from edge_agent.page.jobs import JobState
from edge_agent.page.words import TEXTS, words_of
from edge_agent.page.words_points import group_name, group_of, point_name
from edge_agent.page.words_progress import LOAD_ON

FOLDER = Path(words_progress.__file__).parent
SOURCES = sorted([*FOLDER.glob("*.py"), *(FOLDER / "templates").glob("*.html")])
JAPANESE = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")
SAME = {"switch_lang"}
TABLES = {"texts": TEXTS, "load": {"load_on": LOAD_ON}}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_both_languages_say_it_with_the_same_facts(table: dict[str, tuple[str, str]]) -> None:
    for key, (ja, en) in table.items():
        assert ja.strip()
        assert en.strip()
        assert places(ja) == places(en), key
        if key not in SAME:
            assert not JAPANESE.search(en), key


def test_japanese_is_japanese() -> None:
    latin_only = {key for key, (ja, _) in TEXTS.items() if not JAPANESE.search(ja)}
    assert latin_only <= {"switch_lang"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_key_that_is_used_has_words(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    used = set(re.findall(r"""\bt\(\s*['"]([a-z0-9_]+)['"]\s*[,)]""", source))
    used |= set(re.findall(r"""(?:FormError|refused)\((?:request, )?"([a-z0-9_]+)\"""", source))
    assert not used - TEXTS.keys()


@pytest.mark.parametrize("step", Step)
def test_every_step_has_its_words(step: Step) -> None:
    assert {f"step_{step.value}", f"about_{step.value}"} <= TEXTS.keys()


def test_every_state_has_its_word() -> None:
    assert {f"step_is_{state.value}" for state in StepState} <= TEXTS.keys()
    assert {f"state_{state.value}" for state in JobState} <= TEXTS.keys()
    for kind in ("scan", "check", "load_step", "control", "backup", "finish", "mend"):
        assert f"job_{kind}" in TEXTS


def test_a_refusal_always_says_what_to_try() -> None:
    for key in (
        "not_found",
        "bad_request",
        "too_large",
        "page_failed",
        "wrong_host",
        "foreign_form",
        "old_form",
        "busy",
    ):
        assert f"{key}_try" in TEXTS


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_point_has_a_name(lang: str) -> None:
    for point in POINTS:
        assert point.partition(".")[2] not in point_name(point, lang)
        assert group_name(group_of(point), lang) != group_of(point)


def test_an_unknown_key_is_a_mistake_that_shows() -> None:
    with pytest.raises(KeyError):
        words_of("ja")("no such key")
