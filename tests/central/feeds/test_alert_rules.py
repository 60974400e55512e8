"""Rules and places from YAML: what is right, and every fault by its name and place."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.alerts.codes import Phenomenon, Severity, Tsunami, intensity_rank
from central.core.alerts.given import BYTES_MAX, AlertConfigError
from central.core.alerts.places import read_places
from central.core.alerts.rules import (
    GridLost,
    IntensityAtLeast,
    Rule,
    Then,
    TsunamiAtLeast,
    WarningAtLeast,
    Webhook,
    read_rules,
    said,
)
from central.core.scope import ScopeKind
from contract.steering import Mode
from tests.central.feeds.parts import CHUO, PLACES, rules

WHOLE = """
rules:
  strong:
    when: {intensity: 6-, first_report: ignore}
    then: act
    approved_by: [山田, 川上]
    mode: backup
    wards: [中央区, 美浜区]
    target_pct: 80
    tiers_closed: 2
    expires_h: 12
  seven: {when: {intensity: 7}, then: propose, mode: isolated}
  storm: {when: {warning: [storm, surge], severity: special}, then: propose, mode: storm_watch, scope: city}
  any: {when: {warning: any}, then: propose, mode: storm_watch, scope: group, group: 海沿い}
  wave: {when: {tsunami: advisory}, then: propose, mode: backup}
  dark: {when: {grid_lost: 3, within_min: 2.5}, then: propose, mode: backup}
  call: {when: {webhook: jalert}, then: propose, mode: backup}
"""


def test_every_condition_is_read() -> None:
    found = {rule.name: rule for rule in rules(WHOLE, hooks=["jalert"])}
    assert found["strong"] == Rule(
        name="strong",
        when=IntensityAtLeast(intensity_rank("6-"), by_area=False),
        then=Then.ACT,
        mode=Mode.BACKUP,
        wards=("中央区", "美浜区"),
        target_pct=80,
        tiers_closed=2,
        expires_ms=12 * 3_600_000,
        approved_by=("山田", "川上"),
    )
    assert found["seven"].when == IntensityAtLeast(intensity_rank("7"))
    assert found["storm"].when == WarningAtLeast(frozenset({Phenomenon.STORM, Phenomenon.SURGE}), Severity.SPECIAL)
    assert found["any"].when == WarningAtLeast(frozenset(Phenomenon), Severity.WARNING)
    assert (found["any"].scope, found["any"].group) == (ScopeKind.GROUP, "海沿い")
    assert found["wave"].when == TsunamiAtLeast(Tsunami.ADVISORY)
    assert found["dark"].when == GridLost(3, 150_000)
    assert found["call"].when == Webhook("jalert")
    assert found["call"].wards == PLACES.names
    assert len({said(rule.when) for rule in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "rules: want names and values"),
        ("rules: {}", "rules: want 1 to 200 rules"),
        ("rule: {}", "unknown name 'rule', perhaps 'rules'"),
        ("rules: {R: {when: {intensity: 7}, then: propose, mode: backup}}", "small letters"),
        ("rules: {r: {when: {intensity: 7}, mode: backup}}", "rules.r: then is missing: want one of propose, act"),
        (
            "rules: {r: {when: {intensity: 7}, then: propose, mode: back-up}}",
            "'back-up' is none of .* perhaps 'backup'",
        ),
        ("rules: {r: {when: {intensity: 7}, then: propose, mode: normal}}", "mode: 'normal' is none of"),
        ("rules: {r: {when: {intensity: 6}, then: propose, mode: backup}}", "lower half, 5-, and an upper one"),
        ("rules: {r: {when: {intensity: 8}, then: propose, mode: backup}}", "'8' is none of 1, 2"),
        ("rules: {r: {when: {}, then: propose, mode: backup}}", "want exactly one of intensity, .*, got none"),
        (
            "rules: {r: {when: {intensity: 7, tsunami: major}, then: propose, mode: backup}}",
            "want exactly one of .*, got intensity, tsunami",
        ),
        (
            "rules: {r: {when: {warning: strom}, then: propose, mode: backup}}",
            "no kind of warning 'strom', perhaps 'storm'",
        ),
        (
            "rules: {r: {when: {warning: rain, severity: level5}, then: propose, mode: backup}}",
            "severity: 'level5' is none",
        ),
        ("rules: {r: {when: {grid_lost: 0}, then: propose, mode: backup}}", "want a number from 1 to"),
        ("rules: {r: {when: {grid_lost: 2.5}, then: propose, mode: backup}}", "whole number"),
        ("rules: {r: {when: {grid_lost: yes}, then: propose, mode: backup}}", "want a number"),
        ("rules: {r: {when: {webhook: jarlet}, then: propose, mode: backup}}", "no webhook 'jarlet', perhaps 'jalert'"),
        (
            "rules: {r: {when: {intensity: 7}, then: propose, mode: backup, wards: [中区]}}",
            "no ward '中区', perhaps '中央区'",
        ),
        (
            "rules: {r: {when: {intensity: 7}, then: propose, mode: backup, ward: 緑区}}",
            "unknown name 'ward', perhaps 'wards'",
        ),
        ("rules: {r: {when: {intensity: 7}, then: propose, mode: backup, scope: group}}", "group is missing"),
        ("rules: {r: {when: {intensity: 7}, then: propose, mode: backup, group: x}}", "without scope: group"),
        (
            "rules: {r: {when: {intensity: 7}, then: propose, mode: backup, expires_h: 1000}}",
            "expires_h: want a number",
        ),
        ("rules: {r: {when: {intensity: 7}, then: act, mode: backup}}", "wants approved_by with two persons"),
        (
            "rules: {r: {when: {intensity: 7}, then: act, mode: backup, approved_by: [A, A]}}",
            "the same person twice",
        ),
        (
            "rules: {r: {when: {intensity: 7}, then: act, mode: isolated, approved_by: [A, B]}}",
            "takes the power from shelters unasked",
        ),
        ("rules: {r: {}, r: {}}", "'r' stands twice"),
        ("rules: {[a]: 1}", "a name has to be a word"),
        ("a: &x [1]\nrules: *x", "anchors and aliases"),
        ("rules: [", "not YAML"),
        ("rules: !!python/object:os.system x", "not YAML"),
        ("rules: {r: 7}", "rules.r: want names and values"),
        ("[" * 5_000, "not YAML"),
        ("x: " + "y" * BYTES_MAX, "the limit is"),
    ],
    ids=lambda text: text[:60],
)
def test_every_fault_is_named(text: str, says: str) -> None:
    with pytest.raises(AlertConfigError, match=says):
        rules(text, hooks=["jalert"])


def test_all_faults_are_named_at_once() -> None:
    text = (
        "rules:\n  a: {when: {intensity: 9}, then: propose, mode: x}\n"
        "  b: {when: {tsunami: big}, then: do, mode: backup}"
    )
    with pytest.raises(AlertConfigError) as caught:
        rules(text)
    assert len(str(caught.value).splitlines()) == 4
    with pytest.raises(AlertConfigError, match="not UTF-8"):
        read_rules("rules: {}".encode("utf-16"), wards=())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wards: {}", "want 1 to 2000 wards"),
        ("wards: {緑区: {town: 12}}\noffices: [abc]", "'abc' is no code"),
        ("wards: {緑区: {town: [1210500, 1210600]}}", "want one code"),
        ("wards: {緑区: {town: 1210500, coast: [312]}}", "unknown name 'coast', perhaps 'coasts'"),
        ("wards: {緑区: {town: 1210500}}\nsynthetic: maybe", "want true or false"),
    ],
)
def test_faults_of_places_are_named(text: str, says: str) -> None:
    with pytest.raises(AlertConfigError, match=says):
        read_places(text.encode())


def test_what_is_shipped_is_right_and_says_that_it_is_for_demonstration() -> None:
    assert PLACES.is_synthetic
    assert len(PLACES.wards) == 6
    assert PLACES.named([CHUO])[0].town == "1210100"
    shipped = read_rules((files("central.feeds") / "library" / "triggers.yaml").read_bytes(), wards=PLACES.names)
    assert shipped
    assert all(rule.then is Then.PROPOSE for rule in shipped)


@given(st.text(max_size=80))
def test_any_text_is_rules_or_a_named_fault(text: str) -> None:
    for candidate in (text, "rules: " + text, "rules: {r: {when: {intensity: " + text + "}}}"):
        assert outcome(candidate)


def outcome(text: str) -> object:
    """Rules, or what is wrong with them."""
    try:
        return read_rules(text.encode("utf-8", "replace"), wards=PLACES.names)
    except AlertConfigError as error:
        return str(error)
