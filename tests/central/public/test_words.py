"""The six catalogues: no string is missing, none is left over, every place is filled, and times read as they should."""

from __future__ import annotations

import re
import string
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from central.core.publication import LANGS, Crowding, Openness, Power, PowerSource, Readiness, Service
from central.public.words import NAMES, WORDS, messages_of
from tests.central.fake import NOW_MS

ROOT = Path(__file__).resolve().parents[3] / "central" / "public"
MADE = {
    *(f"opening.{one.value}" for one in Openness),
    *(f"crowding.{one.value}" for one in Crowding if one is not Crowding.UNKNOWN),
    *(f"power.{one.value}" for one in Power),
    *(f"source.{one.value}" for one in PowerSource),
    *(f"need.{one.value}" for one in Service),
    *(f"offer.ready.{one.value}" for one in Service),
    *(f"offer.{one.value}" for one in Readiness if one is not Readiness.READY),
}
"""Keys that are put together from values."""


def keys_asked_for() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (*ROOT.rglob("*.html"), *ROOT.glob("*.py"))]
    found = {key for text in texts for key in re.findall(r"(?:\bt|words|\]|public)\('([a-z_.]+)'[,)]", text)}
    found |= {key for text in texts for key in re.findall(r'\bwords\("([a-z_.]+)"[,)]', text)}
    pairs = [pair for text in texts for pair in re.findall(r"t\('([a-z_.]+)' if [^)]*? else '([a-z_.]+)'", text)]
    return found | {key for pair in pairs for key in pair}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("tag", LANGS)
def test_a_language_has_every_string_with_its_places(tag: str) -> None:
    own, english = messages_of(tag), messages_of("en")
    assert own.keys() == english.keys()
    assert [key for key, text in own.items() if not text.strip()] == []
    assert [key for key, text in own.items() if places(text) != places(english[key])] == []


@pytest.mark.parametrize("tag", LANGS)
def test_no_translation_is_marked_as_doubtful(tag: str) -> None:
    with (resources.files("central.public") / "locale" / f"{tag}.po").open("rb") as file:
        catalog = read_po(file)
    assert [message.id for message in catalog if message.fuzzy and message.id] == []
    assert [f"{message.id}: {fault}" for message, errors in catalog.check() for fault in errors] == []


def test_every_string_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    asked, there = keys_asked_for() | MADE, set(messages_of("en"))
    assert asked - there == set()
    assert there - asked == set()


def test_languages_that_are_not_english_are_translated() -> None:
    english = messages_of("en")
    for tag in LANGS:
        if tag != "en":
            assert [key for key, text in messages_of(tag).items() if text == english[key]] == [], tag


def test_plain_japanese_is_plain() -> None:
    """Short sentences, words apart, and no kanji but that of 人, which every school child knows."""
    for key, text in messages_of("ja-x-easy").items():
        assert set(re.findall(r"[\u4e00-\u9fff]", text)) <= {"人"}, key
        sentences = [part for part in re.split(r"[。：（]", re.sub(r"\{\w+\}", "", text)) if part]
        assert max(map(len, sentences)) <= 55, key


@pytest.mark.parametrize(
    ("tag", "time", "age"),
    [
        ("ja", "11月24日 12:10", "30 分前"),
        ("ja-x-easy", "11月24日 12:10", "30 分前"),
        ("en", "Nov 24 12:10", "30 minutes ago"),
        ("zh-Hans", "11月24日 12:10", "30分钟前"),
        ("ko", "11월 24일 12:10", "30분 전"),
        ("vi", "24 thg 11 12:10", "30 phút trước"),
    ],
)
def test_times_are_tokyo_s_in_the_reader_s_words(tag: str, time: str, age: str) -> None:
    words = WORDS[tag]
    assert words.time(NOW_MS) == time
    assert words.age(NOW_MS - 1_800_000, NOW_MS) == age
    assert words.age(NOW_MS + 5_000, NOW_MS) == words.age(NOW_MS - 60_000, NOW_MS), "never in the future"


def test_names_are_those_that_a_reader_can_read() -> None:
    assert set(NAMES) == set(LANGS)
    assert WORDS["vi"].name("第一小学校", "First School") == "First School"
    assert WORDS["vi"].second_name("第一小学校", "First School") == "第一小学校"
    assert WORDS["zh-Hans"].name("第一小学校", "First School") == "第一小学校"
    assert WORDS["ko"].name("第一小学校", "") == "第一小学校"
