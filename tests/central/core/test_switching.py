"""Whether a shelter needs a new desired state: every case by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from central.core.incidents import RELEASED, Wanted
from central.core.orders import Order
from central.core.switching import DRILL_OVER, LEAP_MAX, Hold, Policy, next_order
from contract.messages import INTEGER_MAX
from contract.steering import Desired, Mode

SITE = "E0000000001111"
NOW = 1_795_000_000_000
DAY_MS = 86_400_000
POLICY = Policy(reserve_pct=40, valid_s=20 * 86_400)
BACKUP = Wanted(mode=Mode.BACKUP, incidents=("I1", "I2"), reason="台風")
STORM = Wanted(mode=Mode.STORM_WATCH)
ISOLATED = Wanted(mode=Mode.ISOLATED)
DRILL = replace(BACKUP, is_drill=True)
LIVE = replace(BACKUP, is_drill=True, is_live=True)


def ask(want: Wanted, current: Order | None = None, **more: Any) -> Desired | Hold | None:
    known: dict[str, Any] = {"is_switchable": True, "is_settled": False, "reported_revision": 0, "now_ms": NOW}
    return next_order(SITE, want, current, policy=POLICY, **(known | more))


def given(want: Wanted, **changes: Any) -> Order:
    """The order that this wish led to, a second ago."""
    made = ask(want, now_ms=NOW - 1_000) if want is not RELEASED and want.mode is not Mode.NORMAL else None
    if not isinstance(made, Desired):
        made = Desired(site=SITE, revision=1, issued_ms=NOW, expires_ms=NOW + 20 * DAY_MS, mode=Mode.NORMAL)
        made = msgspec.structs.replace(made, reserve_pct=40.0, is_drill=want.is_drill)
    return Order(desired=msgspec.structs.replace(made, **changes), payload=b"")


def test_a_desired_state_says_everything_and_until_when() -> None:
    made = ask(replace(BACKUP, target_pct=90, tiers_closed=2, charge_power_w=5_000))
    assert made == Desired(
        site=SITE,
        revision=1,
        issued_ms=NOW,
        expires_ms=NOW + 20 * DAY_MS,
        mode=Mode.BACKUP,
        reserve_pct=40,
        target_pct=90,
        tiers_closed=2,
        charge_power_w=5_000,
        incident="I1, I2",
        reason="台風",
    )


def test_nothing_is_sent_to_whom_nobody_ever_wanted_anything_of() -> None:
    assert ask(RELEASED) is None


@pytest.mark.parametrize("want", [BACKUP, STORM, LIVE, DRILL, RELEASED, DRILL_OVER])
def test_the_same_again_is_no_revision_whoever_wants_it(want: Wanted) -> None:
    known = given(want)
    asked = (
        RELEASED if want is DRILL_OVER else replace(want, incidents=("I9",), reason="other") if want.incidents else want
    )
    assert ask(asked, known) is None


def test_a_change_is_the_next_revision() -> None:
    for want in (STORM, ISOLATED, RELEASED, LIVE, replace(BACKUP, tiers_closed=1)):
        made = ask(want, given(BACKUP, revision=7))
        assert isinstance(made, Desired)
        assert (made.revision, made.mode) == (8, want.mode)


def test_an_unproven_shelter_is_told_nothing_stricter_and_is_still_released() -> None:
    for want in (STORM, BACKUP, ISOLATED, DRILL, LIVE):
        assert ask(want, is_switchable=False) is Hold.NOT_VERIFIED
    held = given(BACKUP)
    assert ask(ISOLATED, held, is_switchable=False) is Hold.NOT_VERIFIED
    # As strict as it is: it stays so, without new figures.
    assert ask(replace(BACKUP, tiers_closed=1), held, is_switchable=False) is None
    for want in (STORM, RELEASED):
        made = ask(want, held, is_switchable=False)
        assert isinstance(made, Desired)
        assert made.mode is want.mode


def test_a_drill_waits_for_the_proof_of_the_release() -> None:
    released = ask(DRILL, given(BACKUP))
    assert isinstance(released, Desired)
    assert (released.mode, released.is_drill) == (Mode.NORMAL, False)
    normal = Order(desired=released, payload=b"")
    assert ask(DRILL, normal, is_settled=False) is Hold.NOT_RELEASED
    made = ask(DRILL, normal, is_settled=True)
    assert isinstance(made, Desired)
    assert made.is_drill
    # A live drill does what a real incident does.
    assert isinstance(ask(LIVE, normal, is_settled=False), Desired)


def test_a_drill_ends_as_a_drill() -> None:
    over = ask(RELEASED, given(DRILL))
    assert isinstance(over, Desired)
    assert (over.mode, over.is_drill, over.is_live_drill) == (Mode.NORMAL, True, False)
    assert ask(RELEASED, Order(desired=over, payload=b"")) is None
    live_over = ask(RELEASED, given(LIVE))
    assert isinstance(live_over, Desired)
    assert not live_over.is_drill


@pytest.mark.parametrize(
    ("want", "days_left", "settled", "renewed"),
    [
        (BACKUP, 6, False, False),
        (BACKUP, 4, False, True),
        (BACKUP, 4, True, True),
        (BACKUP, -1, False, True),
        (RELEASED, 4, False, True),
        (RELEASED, -1, True, False),
        (DRILL_OVER, -1, False, False),
    ],
)
def test_an_order_is_renewed_before_it_expires(want: Wanted, days_left: int, settled: bool, renewed: bool) -> None:
    known = given(want, expires_ms=NOW + days_left * DAY_MS)
    made = ask(RELEASED if want is DRILL_OVER else want, known, is_settled=settled)
    assert isinstance(made, Desired) is renewed
    if isinstance(made, Desired):
        assert (made.revision, made.expires_ms) == (known.revision + 1, NOW + 20 * DAY_MS)


def test_records_that_were_restored_from_a_copy_do_not_fall_behind_the_shelters() -> None:
    known = given(BACKUP, revision=3)
    made = ask(BACKUP, known, reported_revision=12)
    assert isinstance(made, Desired)
    assert made.revision == 13
    first = ask(BACKUP, None, reported_revision=12)
    assert isinstance(first, Desired)
    assert first.revision == 13
    # A number that nobody can have reached is a forger's, and must not use up all numbers.
    assert ask(BACKUP, known, reported_revision=INTEGER_MAX) is None
    assert ask(BACKUP, known, reported_revision=3 + LEAP_MAX + 1) is None
