"""The ledger of orders: what follows from receipts in whatever order, deadlines, the crew list, and what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.causes import CAUSES, words
from central.core.orders import (
    OF_THE_MESSAGE,
    RANK,
    Deadlines,
    Member,
    Order,
    Outcome,
    ReceiptRecord,
    crew_list,
    essence,
    progress,
    standing,
    tally,
)
from central.core.steering import steering_now
from central.core.switching import Hold
from contract.steering import Desired, GridState, Mode, Reason, Receipt, Reported, Source, Stage

SITE = "E0000000001111"
T0 = 1_795_000_000_000
LIMITS = Deadlines(answered_s=60, verified_s=300, person_s=1_800)


def order(mode: Mode = Mode.BACKUP, *, site: str = SITE, issued_ms: int = T0, **more: Any) -> Order:
    told = Desired(site=site, revision=3, issued_ms=issued_ms, expires_ms=issued_ms + 10**9, mode=mode, **more)
    return Order(desired=told, payload=b"signed")


def receipt(
    stage: Stage, at_s: float, reason: Reason = Reason.NONE, *, device: str = "", late_s: float = 0
) -> ReceiptRecord:
    at_ms = T0 + round(at_s * 1_000)
    told = Receipt(revision=3, stage=stage, at_ms=at_ms, reason=reason, device=device)
    return ReceiptRecord(site=SITE, receipt=told, received_ms=at_ms + round(late_s * 1_000))


RECEIPTS = st.builds(
    receipt,
    st.sampled_from(Stage),
    st.integers(0, 5),
    st.sampled_from([Reason.NONE, Reason.FORGED, Reason.INTERLOCK, Reason.DRILL, Reason.FELL_BACK]),
    device=st.sampled_from(["", "inverter"]),
    late_s=st.integers(0, 9),
)


def test_every_stage_has_its_rank() -> None:
    assert RANK.keys() == set(Stage)


@given(st.lists(RECEIPTS, max_size=8), st.randoms(), st.integers(0, 8))
def test_order_of_arrival_and_repeats_change_nothing(receipts: list[ReceiptRecord], random: Any, repeats: int) -> None:
    mixed = receipts + receipts[:repeats]
    random.shuffle(mixed)
    assert progress(mixed) == progress(receipts)


@given(st.lists(RECEIPTS, max_size=12), st.integers(1, 3))
def test_little_is_enough_to_know_how_far_an_order_has_come(receipts: list[ReceiptRecord], limit: int) -> None:
    kept = essence(receipts, limit)
    assert progress(kept) == progress(receipts)
    assert len(kept) <= limit + 4 * len(Stage) + 4


@given(st.lists(RECEIPTS, max_size=6), st.sampled_from(sorted(OF_THE_MESSAGE)), st.integers(0, 9))
def test_a_refused_message_never_takes_away_what_was_proven(
    receipts: list[ReceiptRecord], reason: Reason, at_s: int
) -> None:
    taken = [*receipts, receipt(Stage.ACCEPTED, 0), receipt(Stage.VERIFIED, 6)]
    assert progress([*taken, receipt(Stage.REFUSED, at_s, reason)]) == progress(taken)


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        ([], Outcome.NO_ANSWER),
        ([receipt(Stage.ACCEPTED, 1)], Outcome.UNDERWAY),
        ([receipt(Stage.ACCEPTED, 1), receipt(Stage.READ_BACK, 2)], Outcome.UNDERWAY),
        ([receipt(Stage.VERIFIED, 3), receipt(Stage.ACCEPTED, 1)], Outcome.OBEYS),
        ([receipt(Stage.VERIFIED, 3), receipt(Stage.HELD, 603)], Outcome.OBEYS),
        ([receipt(Stage.VERIFIED, 3), receipt(Stage.REVERTED, 80, Reason.FELL_BACK)], Outcome.REVERTED),
        ([receipt(Stage.FAILED, 3, Reason.WRITE_LOST), receipt(Stage.VERIFIED, 30)], Outcome.OBEYS),
        ([receipt(Stage.WAITING, 3)], Outcome.PERSON),
        ([receipt(Stage.REFUSED, 3, Reason.INTERLOCK)], Outcome.REFUSED),
        ([receipt(Stage.REFUSED, 3, Reason.EXPIRED)], Outcome.REFUSED),
        ([receipt(Stage.ACCEPTED, 1), receipt(Stage.REFUSED, 3, Reason.DRILL)], Outcome.DRILLED),
        # One device says something: of the shelter as a whole nothing is known yet.
        ([receipt(Stage.FAILED, 3, Reason.DEVICE_DARK, device="inverter")], Outcome.NO_ANSWER),
    ],
)
def test_outcomes(story: list[ReceiptRecord], outcome: Outcome) -> None:
    assert progress(story).outcome is outcome


@pytest.mark.parametrize(
    ("story", "due_s"),
    [
        ([], 60),
        # Cut off for an hour: the time to prove it counts from when its first word came here.
        ([receipt(Stage.ACCEPTED, 3_600, late_s=2)], 3_902),
        ([receipt(Stage.ACCEPTED, 1), receipt(Stage.WAITING, 5)], 1_805),
        ([receipt(Stage.VERIFIED, 5)], None),
        ([receipt(Stage.FAILED, 5, Reason.WRITE_LOST)], None),
    ],
)
def test_deadlines(story: list[ReceiptRecord], due_s: int | None) -> None:
    due_ms = None if due_s is None else T0 + due_s * 1_000
    found = standing(order(), progress(story), LIMITS, T0)
    assert found.due_ms == due_ms
    if due_ms is not None:
        assert not standing(order(), progress(story), LIMITS, due_ms - 1).is_overdue
        late = standing(order(), progress(story), LIMITS, due_ms)
        assert late.is_overdue
        assert late.wants_crew


def test_the_crew_goes_to_the_strictest_mode_first_and_leaves_drills_alone() -> None:
    late = T0 + 10**7
    quiet = progress([])
    held = progress([receipt(Stage.VERIFIED, 1)])
    asked = [
        standing(order(Mode.NORMAL, site="D"), quiet, LIMITS, late),
        standing(order(Mode.BACKUP, site="C", issued_ms=T0 + 1), quiet, LIMITS, late),
        standing(order(Mode.BACKUP, site="B"), quiet, LIMITS, late),
        standing(order(Mode.ISOLATED, site="A", issued_ms=T0 + 9), quiet, LIMITS, late),
        standing(order(Mode.BACKUP, site="X"), held, LIMITS, late),
        standing(order(Mode.BACKUP, site="Y", is_drill=True), quiet, LIMITS, late),
        standing(order(Mode.BACKUP, site="Z", is_drill=True, is_live_drill=True), quiet, LIMITS, late),
    ]
    assert [one.site for one in crew_list(reversed(asked))] == ["A", "B", "Z", "C", "D"]


@pytest.mark.parametrize("reason", [Reason.SOC_BELOW_FLOOR, Reason.CLOCK_UNKNOWN])
def test_what_the_shelter_tries_again_by_itself_has_its_time(reason: Reason) -> None:
    found = progress([receipt(Stage.REFUSED, 2, reason)])
    early = standing(order(), found, LIMITS, T0 + 301_999)
    assert (early.outcome, early.wants_crew) == (Outcome.REFUSED, False)
    assert standing(order(), found, LIMITS, T0 + 302_000).wants_crew


@pytest.mark.parametrize(
    ("mode", "stage", "source", "wanted", "own"),
    [
        (Mode.BACKUP, Stage.VERIFIED, Source.GRID_LOSS, Mode.STORM_WATCH, True),
        (Mode.BACKUP, Stage.HELD, Source.GRID_LOSS, Mode.NORMAL, True),
        (Mode.RECOVERY, None, Source.GRID_LOSS, Mode.STORM_WATCH, True),
        (Mode.BACKUP, Stage.FAILED, Source.GRID_LOSS, Mode.STORM_WATCH, False),
        (Mode.BACKUP, None, Source.GRID_LOSS, Mode.STORM_WATCH, False),
        (Mode.BACKUP, Stage.VERIFIED, Source.GRID_LOSS, Mode.ISOLATED, False),
        (Mode.BACKUP, Stage.VERIFIED, Source.CITY, Mode.STORM_WATCH, False),
        (Mode.NORMAL, None, Source.LOCAL_SWITCH, Mode.BACKUP, False),
    ],
)
def test_a_shelter_that_cares_for_itself_needs_no_crew(
    mode: Mode, stage: Stage | None, source: Source, wanted: Mode, own: bool
) -> None:
    last = Receipt(revision=0, stage=stage, at_ms=T0) if stage else None
    said = Reported(at_ms=T0, mode=mode, source=source, receipt=last)
    late = standing(order(wanted), progress([receipt(Stage.ACCEPTED, 1)]), LIMITS, T0 + 10**7, reported=said)
    assert (late.is_on_its_own, late.wants_crew) == (own, not own)
    assert Member(site=SITE, standing=late).word == ("on_its_own" if own else "underway")
    assert late.cause == ("on_its_own" if own else "too_slow")


def test_a_tally_counts_every_shelter_once() -> None:
    done = standing(order(), progress([receipt(Stage.HELD, 1)]), LIMITS, T0)
    failed = standing(order(), progress([receipt(Stage.FAILED, 1, Reason.DEVICE_DARK)]), LIMITS, T0)
    members = [
        Member(site="A", standing=done),
        Member(site="B", standing=failed),
        Member(site="C", standing=None, hold=Hold.NOT_VERIFIED.value),
        Member(site="D", standing=done, hold=Hold.NOT_RELEASED.value),
    ]
    counted = tally(members)
    assert (counted.total, counted.told, counted.done, counted.crew) == (4, 2, 1, 1)
    assert counted.words == {"obeys": 1, "failed": 1, "not_verified": 1, "not_released": 1}


def test_every_cause_has_words_in_both_languages() -> None:
    causes = {reason.value for reason in Reason} | {hold.value for hold in Hold}
    causes |= {"no_answer", "too_slow", "person_awaited", "nothing_sent", "on_its_own"}
    assert causes == set(CAUSES)
    for cause in causes - {""}:
        assert words(cause).ja.endswith("。")
        assert words(cause).en.endswith(".")
    assert words("from_a_newer_version").en == "from_a_newer_version"


# --- The word that screens show ---------------------------------------------------------------------------------------


def reported(mode: Mode, last: Receipt | None, *, at_s: int = 10) -> Reported:
    return Reported(
        at_ms=T0 + at_s * 1_000, revision=3, mode=mode, source=Source.CITY, receipt=last, grid=GridState.PRESENT
    )


@pytest.mark.parametrize(
    ("mode", "stage", "shown"),
    [
        (Mode.BACKUP, None, None),
        (Mode.BACKUP, Stage.ACCEPTED, None),
        (Mode.BACKUP, Stage.READ_BACK, None),
        (Mode.BACKUP, Stage.VERIFIED, Mode.BACKUP),
        (Mode.BACKUP, Stage.HELD, Mode.BACKUP),
        (Mode.BACKUP, Stage.REVERTED, None),
        (Mode.STORM_WATCH, Stage.READ_BACK, None),
        (Mode.ISOLATED, Stage.WAITING, None),
        (Mode.NORMAL, None, Mode.NORMAL),
        (Mode.MAINTENANCE, Stage.REFUSED, Mode.MAINTENANCE),
    ],
)
def test_backup_is_said_only_of_what_is_proven(mode: Mode, stage: Stage | None, shown: Mode | None) -> None:
    last = Receipt(revision=3, stage=stage, at_ms=T0) if stage else None
    assert steering_now(reported(mode, last), None).mode is shown
    assert steering_now(reported(mode, last), None).claimed is mode


def test_a_newer_receipt_takes_the_word_away_and_an_older_one_does_not() -> None:
    said = reported(Mode.BACKUP, receipt(Stage.VERIFIED, 5).receipt)
    fell = [receipt(Stage.VERIFIED, 5), receipt(Stage.REVERTED, 90, Reason.FELL_BACK)]
    early = [receipt(Stage.FAILED, 1, Reason.WRITE_LOST), receipt(Stage.VERIFIED, 5)]
    late = T0 + 100_000
    assert steering_now(said, standing(order(), progress(fell), LIMITS, late)).mode is None
    assert steering_now(said, standing(order(), progress(early), LIMITS, late)).mode is Mode.BACKUP
    # A shelter that went into backup by itself has proven that, whatever the city's order says.
    own = replace_receipt(said, revision=0)
    assert steering_now(own, standing(order(Mode.STORM_WATCH), progress([]), LIMITS, late)).mode is Mode.BACKUP


def replace_receipt(state: Reported, *, revision: int) -> Reported:
    import msgspec

    assert state.receipt is not None
    return msgspec.structs.replace(state, receipt=msgspec.structs.replace(state.receipt, revision=revision))


def test_what_is_wanted_is_told_apart_from_what_is() -> None:
    found = steering_now(None, standing(replace(order(), payload=b""), progress([]), LIMITS, T0))
    assert (found.mode, found.wanted, found.outcome, found.revision) == (None, Mode.BACKUP, Outcome.NO_ANSWER, 3)
