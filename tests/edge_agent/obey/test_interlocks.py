"""The gate before a write: each reason, and that failing to see means no."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.controls import by_name
from device_profiles.model import Control
from edge_agent.core.interlocks import Allow, History, Order, Reason, Refuse, Rules, View, judge
from edge_agent.words_orders import refusal_in_words
from tests.edge_agent.obey.devices import CHARGE_CONTROL, FLAGS_CONTROL, REGISTERS, RESERVE_CONTROL, TIER_CONTROL

NOW_MS = 1_000_000
VIEW = View(taken_ms=NOW_MS - 500, values={"battery.soc_pct": 40.0})


def order(control: Control, *, off: bool = False, **arguments: float) -> Order:
    return Order(control=control, registers=by_name(REGISTERS), arguments=arguments, off=off)


def reason(found: Allow | Refuse) -> Reason | None:
    return found.reason if isinstance(found, Refuse) else None


def test_an_order_in_range_on_a_device_that_is_seen_is_allowed_with_its_writes() -> None:
    verdict = judge(order(CHARGE_CONTROL, power_w=2_000), VIEW, History(), NOW_MS)
    assert isinstance(verdict, Allow)
    assert [(w.register.name, w.value) for w in verdict.writes] == [("mode", 2), ("power", 2_000)]
    assert [w.register.name for w in verdict.unlock] == ["password"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (order(RESERVE_CONTROL), Reason.MISSING_ARGUMENT),
        (order(RESERVE_CONTROL, power_w=5), Reason.UNKNOWN_ARGUMENT),
        (order(TIER_CONTROL, soc_pct=5), Reason.UNKNOWN_ARGUMENT),
        (order(RESERVE_CONTROL, off=True), Reason.NOTHING_TO_RELEASE),
        (order(RESERVE_CONTROL, soc_pct=100.5), Reason.OUT_OF_RANGE),
        (order(RESERVE_CONTROL, soc_pct=-1), Reason.OUT_OF_RANGE),
        (order(RESERVE_CONTROL, soc_pct=float("nan")), Reason.OUT_OF_RANGE),
        (order(CHARGE_CONTROL, power_w=float("inf")), Reason.OUT_OF_RANGE),
    ],
)
def test_wrong_values_are_refused_with_their_reason(wanted: Order, expected: Reason) -> None:
    verdict = judge(wanted, VIEW, History(), NOW_MS)
    assert reason(verdict) is expected
    assert isinstance(verdict, Refuse)
    for lang in ("ja", "en"):
        assert refusal_in_words(verdict.reason, verdict.facts, lang)


@pytest.mark.parametrize("taken_ms", [NOW_MS - 60_000, NOW_MS + 1])
def test_an_old_view_or_one_from_the_future_is_no_view(taken_ms: int) -> None:
    seen = replace(VIEW, taken_ms=taken_ms)
    assert reason(judge(order(RESERVE_CONTROL, soc_pct=50), seen, History(), NOW_MS)) is Reason.BLIND
    assert reason(judge(order(RESERVE_CONTROL, soc_pct=50), None, History(), NOW_MS)) is Reason.BLIND


def test_the_reserve_is_never_set_below_the_floor() -> None:
    rules = Rules(floor_pct=30)
    assert reason(judge(order(RESERVE_CONTROL, soc_pct=29), VIEW, History(), NOW_MS, rules)) is Reason.BELOW_FLOOR
    assert reason(judge(order(RESERVE_CONTROL, soc_pct=30), VIEW, History(), NOW_MS, rules)) is None


def test_a_discharge_is_not_released_below_the_floor_nor_while_the_charge_is_unknown() -> None:
    release, rules = order(FLAGS_CONTROL, off=True), Rules(floor_pct=45)
    assert reason(judge(release, VIEW, History(), NOW_MS, rules)) is Reason.BELOW_FLOOR
    assert reason(judge(release, replace(VIEW, values={}), History(), NOW_MS, rules)) is Reason.BLIND
    assert reason(judge(release, VIEW, History(), NOW_MS, Rules(floor_pct=40))) is None


@given(st.integers(-10, 200_000), st.sampled_from(["charge", "reserve"]))
def test_two_orders_of_a_kind_keep_their_distance(since_ms: int, kind: str) -> None:
    history = History(on_ms={kind: NOW_MS - since_ms})
    verdict = judge(order(CHARGE_CONTROL, power_w=1), VIEW, history, NOW_MS)
    is_early = kind == "charge" and since_ms < 60_000
    assert reason(verdict) is (Reason.TOO_SOON if is_early else None)
    assert reason(judge(order(CHARGE_CONTROL, off=True), VIEW, history, NOW_MS)) is None


def test_every_reason_has_words_in_both_languages() -> None:
    facts: dict[str, float | str] = {
        "register": "r", "value": 1.0, "low": 0.0, "high": 2.0, "unit": "%", "argument": "soc_pct", "wait_s": 3.0,
        "floor_pct": 1.0, "soc_pct": 2.0,
    }  # fmt: skip
    for each in Reason:
        texts = {refusal_in_words(each, facts, lang) for lang in ("ja", "en")}
        assert len(texts) == 2
