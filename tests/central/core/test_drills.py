"""What a drill came to: times to the proof by the ledger, and who did not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.drills import quantile, result_of

START = datetime(2026, 11, 25, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def receipt(stage: str, seconds: float, *, reason: str = "", device: str = "") -> dict[str, Any]:
    return {"stage": stage, "received_at": at(seconds), "reason": reason, "device": device}


def order(*receipts: dict[str, Any], incident: str = "I1", issued_s: float = 0.0) -> dict[str, Any]:
    return {"incident": incident, "issued_at": at(issued_s), "receipts": list(receipts)}


def member(site: str, word: str, cause: str = "", *, crew: bool = False) -> dict[str, Any]:
    return {"site": site, "name": site, "word": word, "cause": cause, "detail": "", "crew": crew}


def incident(*members: dict[str, Any]) -> dict[str, Any]:
    return {"id": "I1", "mode": "backup", "declared": {"why": "storm"}, "shelters": list(members)}


def test_time_runs_from_the_order_to_the_first_receipt_of_the_proof() -> None:
    told = incident(member("a", "obeys"), member("b", "obeys"))
    orders = {
        "a": [order(receipt("accepted", 1), receipt("held", 600), receipt("verified", 4), receipt("verified", 9))],
        "b": [order(receipt("verified", 12), issued_s=10)],
    }
    found = result_of(told, orders)
    assert [course.proven_s for course in found.courses] == [4.0, 2.0]
    assert (found.told, found.proven, found.failed) == (2, 2, [])
    assert (found.quantile_s(0.5), found.quantile_s(0.99)) == (2.0, 4.0)


def test_orders_of_other_incidents_and_receipts_of_one_device_do_not_count() -> None:
    told = incident(member("a", "underway", "too_slow"))
    orders = {
        "a": [
            order(receipt("verified", 1), incident="I2"),
            order(receipt("verified", 2, device="one of two"), incident="I1, I2"),
        ]
    }
    found = result_of(told, orders)
    assert [course.proven_s for course in found.courses] == [None]
    assert [course.cause for course in found.failed] == ["too_slow"]


def test_a_drill_that_writes_nothing_is_proven_by_its_own_receipt() -> None:
    told = incident(member("a", "drilled"))
    found = result_of(told, {"a": [order(receipt("accepted", 1), receipt("refused", 2, reason="drill"))]})
    assert found.courses[0].proven_s == 2.0


def test_who_fell_back_after_the_proof_has_not_proven_it() -> None:
    told = incident(member("a", "reverted", "fell_back", crew=True), member("b", "obeys"))
    orders = {"a": [order(receipt("verified", 2), receipt("reverted", 40))], "b": [order(receipt("verified", 3))]}
    found = result_of(told, orders)
    assert (found.proven, [course.cause for course in found.failed]) == (1, ["fell_back"])
    assert found.quantile_s(0.5) == 3.0


def test_who_was_not_told_has_not_failed_and_the_crew_list_comes_first() -> None:
    told = incident(
        member("a", "underway", "too_slow"),
        member("b", "failed", "write_ignored", crew=True),
        member("c", "not_verified", "not_verified"),
        member("d", "on_its_own"),
    )
    found = result_of(told, {})
    assert [course.site for course in found.failed] == ["b", "a"]
    assert found.told == 3
    said = found.as_json()
    assert said["p99_s"] is None
    assert [one["cause"] for one in said["not_proven"]] == ["write_ignored", "too_slow"]


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1), st.floats(min_value=0.01, max_value=1))
def test_a_quantile_is_one_of_the_values_and_so_many_are_not_above_it(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in {round(value, 3) for value in values}
    assert sum(round(value, 3) <= found for value in values) >= share * len(values) - 1e-6


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0, 1.0], 0.5) == pytest.approx(1.0)
