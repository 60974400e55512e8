"""Rules in YAML: every fault with its place, examples that are played, words in both languages."""

from __future__ import annotations

import re

import pytest

from central.core.alerts.given import AlertConfigError
from central.core.watch.alerts import Evidence
from central.core.watch.examples import failures
from central.core.watch.readings import QUANTITIES, Family
from central.core.watch.words import DO, FAMILIES, amount, evidence_words, over_words, rule_words
from central.settings import SettingsError
from central.watch.rule_file import load_rules
from tests.central.watch.parts import rules

LIBRARY = load_rules(None)
KANJI_OR_KANA = re.compile(r"[぀-ヿ一-鿿]")


def test_every_rule_of_the_program_has_examples_with_and_without_an_alert() -> None:
    for rule in LIBRARY:
        said = {step.is_alert for example in rule.examples for step in example.steps}
        assert said == {True, False}, rule.name
    assert failures(LIBRARY) == []


def test_the_program_watches_every_quantity_that_there_is() -> None:
    assert {rule.quantity.name for rule in LIBRARY} == set(QUANTITIES)
    assert {rule.family for rule in LIBRARY} == set(Family)


@pytest.mark.parametrize("rule", LIBRARY, ids=lambda rule: rule.name)
def test_rules_and_what_they_find_are_sentences_in_both_languages(rule: object) -> None:
    assert rule in LIBRARY
    one = next(each for each in LIBRARY if each is rule)
    found = Evidence(
        rule=one.name, quantity=one.quantity.name, value=one.raise_at, limit=one.raise_at, severity=one.severity
    )
    for words in (rule_words(one), over_words(one), evidence_words(found), FAMILIES[one.family], DO[one.family]):
        assert KANJI_OR_KANA.search(words.ja)
        assert not KANJI_OR_KANA.search(words.en)
        assert "{" not in words.ja + words.en
    limit = amount(one.quantity.name, one.raise_at)
    if one.quantity.unit:
        assert limit.en in evidence_words(found).en
        assert limit.ja in evidence_words(found).ja


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules: {a: {watch: silence}}", "rules.a: watch: 'silence' is none of"),
        ("rules: {a: {watch: silent_mn}}", "perhaps 'silent_min'"),
        ("rules: {a: {watch: soh_pct, clear: 72, severity: info}}", "rules.a: raise is missing: want a number in %"),
        ("rules: {a: {watch: soh_pct, raise: 70, clear: 60, severity: info}}", "clear: 60 has to be above raise, 70"),
        ("rules: {a: {watch: faults, raise: 3, clear: 3, severity: info}}", "clear: 3 has to be below raise, 3"),
        ("rules: {a: {watch: soh_pct, raise: 170, clear: 180, severity: info}}", "raise: want a number from 0 to 100"),
        ("rules: {a: {watch: faults, raise: 3, clear: 1, severity: bad}}", "severity: 'bad' is none of info"),
        ("rules: {a: {watch: faults, raise: 3, clear: 1, severity: info, raise_afer_min: 3}}", "'raise_after_min'"),
        ("rules: {A b: {watch: faults, raise: 3, clear: 1, severity: info}}", "a rule's name has 1 to 40"),
        ("rules: {}", "want 1 to 100 rules"),
        ("rules: [", "not YAML"),
        (
            "rules: {a: {watch: faults, raise: 3, clear: 1, severity: info, examples: [{says: x, steps: []}]}}",
            "rules.a.examples[0]: steps: want a list of 1 to 50",
        ),
        (
            (
                "rules: {a: {watch: faults, raise: 3, clear: 1, severity: info, examples: "
                "[{says: x, steps: [{at_min: 0, fault: 3, alert: yes}]}]}}"
            ),
            "rules.a.examples[0].steps[0]: unknown name 'fault', perhaps 'faults'",
        ),
        (
            (
                "rules: {a: {watch: faults, raise: 3, clear: 1, severity: info, examples: "
                "[{says: x, steps: [{at_min: 5, faults: 3, alert: maybe}, {at_min: 5, alert: no}]}]}}"
            ),
            "rules.a.examples[0].steps[0]: alert: want yes or no",
        ),
        (
            (
                "rules: {a: {watch: faults, raise: 3, clear: 1, severity: info, examples: "
                "[{says: x, steps: [{at_min: 5, faults: 3, alert: yes}, {at_min: 5, alert: no}]}]}}"
            ),
            "rules.a.examples[0]: steps: at_min has to rise",
        ),
        (
            (
                "rules: {a: {watch: clock_unknown, raise: 1, clear: 0, severity: info, examples: "
                "[{says: x, steps: [{at_min: 5, is_clock_unknown: 3, alert: yes}]}]}}"
            ),
            "is_clock_unknown: want yes or no, got 3",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_is_near(text: str, fault: str) -> None:
    with pytest.raises(AlertConfigError) as error:
        rules(text)
    assert fault in str(error.value)


def test_every_fault_of_a_file_is_named_at_once() -> None:
    with pytest.raises(AlertConfigError) as error:
        rules("rules: {a: {watch: soh_pct, raise: x, clear: 5, severity: bad}, b: {watch: nothing}}")
    assert len(str(error.value).splitlines()) == 3


def test_an_example_that_goes_otherwise_is_named_with_what_was_there() -> None:
    (rule,) = rules(
        "rules: {a: {watch: soh_pct, raise: 70, clear: 72, raise_after_min: 60, severity: info, examples: "
        "[{says: at once, steps: [{at_min: 0, soh_pct: 65, alert: yes}]}]}}"
    )
    assert failures([rule]) == [
        "rules.a.examples[0] (at once): at 0 min there is no alert (soh_pct 65 %), expected an alert"
    ]


def test_a_file_that_cannot_be_used_says_its_name(tmp_path: object) -> None:
    from pathlib import Path

    missing = Path(str(tmp_path)) / "rules.yaml"
    with pytest.raises(SettingsError, match=r"rules\.yaml: No such file"):
        load_rules(missing)
    missing.write_text("rules: {a: {watch: faults}}")
    with pytest.raises(SettingsError, match=r"rules\.yaml: line 1: rules\.a: raise is missing"):
        load_rules(missing)
    missing.write_text(
        "rules: {a: {watch: faults, raise: 3, clear: 1, severity: info, "
        "examples: [{says: x, steps: [{at_min: 0, faults: 9, alert: no}]}]}}"
    )
    with pytest.raises(SettingsError, match="there is an alert"):
        load_rules(missing)
