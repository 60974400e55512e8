"""The book of decisions: what was changed, left out or put in is found."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from central.core.audit import Action, Decision, chained, first_fault

DECISIONS = st.lists(
    st.builds(
        Decision,
        at_ms=st.integers(0, 2**50),
        by=st.text(max_size=5),
        action=st.sampled_from(Action),
        why=st.text(max_size=5),
        incident=st.text(max_size=3),
        detail=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.booleans(), max_size=2),
    ),
    min_size=1,
    max_size=6,
)


@given(DECISIONS, st.integers(0, 5))
def test_a_book_is_whole_in_whatever_parts_it_was_written(decisions: list[Decision], cut: int) -> None:
    at_once = chained(decisions, last=None)
    head = chained(decisions[:cut], last=None)
    tail = chained(decisions[cut:], last=head[-1] if head else None)
    assert head + tail == at_once
    assert first_fault(at_once) == ""


@given(DECISIONS, st.data())
def test_every_change_is_found(decisions: list[Decision], data: st.DataObject) -> None:
    book = chained(decisions, last=None)
    n = data.draw(st.integers(0, len(book) - 1))
    entry = book[n]
    for changed in (
        replace(entry.decision, by=entry.decision.by + "x"),
        replace(entry.decision, at_ms=entry.decision.at_ms + 1),
        replace(entry.decision, detail={**entry.decision.detail, "new": 1}),
    ):
        assert f"entry {n + 1} was changed" in first_fault(
            [*book[:n], replace(entry, decision=changed), *book[n + 1 :]]
        )
    if n + 1 < len(book):
        assert f"entry {n + 1} is missing" in first_fault([*book[:n], *book[n + 1 :]])
        # Somebody who makes the changed entry's own hash fit breaks the next one.
        forged = chained([replace(entry.decision, why="forged")], last=book[n - 1] if n else None)
        if forged[0].hash != entry.hash:
            assert first_fault([*book[:n], *forged, *book[n + 1 :]])


def test_what_must_not_be_overlooked_is_loud() -> None:
    decision = Decision(at_ms=1, by="p", action=Action.BREAK_GLASS)
    assert chained([decision, replace(decision, action=Action.CLOSED)], last=None)[0].is_loud
    assert not chained([replace(decision, action=Action.CLOSED)], last=None)[0].is_loud
