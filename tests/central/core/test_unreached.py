"""What a person may do about shelters that an order did not reach: every case by hand."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from central.core.audit import Action, Decision
from central.core.incidents import Incident, Phase, Step, Wish
from central.core.orders import OF_DEMAND, Deadlines, Order, Outcome, Progress, Standing, standing
from central.core.refusals import No, RefusedError
from central.core.scope import Scope, ScopeKind
from central.core.switching import Policy
from central.core.unreached import again, left_behind, no_release, no_retry, refuse, released, written_off
from contract.steering import Desired, Mode, Reason, Stage

SITE, OTHER = "E0000000001111", "E0000000002111"
NOW = 1_795_000_000_000
DAY_MS = 86_400_000
BACKUP = Desired(
    site=SITE,
    revision=7,
    issued_ms=NOW - 3_600_000,
    expires_ms=NOW + DAY_MS,
    mode=Mode.BACKUP,
    incident="I1",
    reason="台風",
    target_pct=90.0,
    tiers_closed=2,
)
ORDER = Order(desired=BACKUP, payload=b"")
FAILED = Progress(stage=Stage.FAILED, reason=Reason.PLANT_DISOBEYS, first_ms={Stage.FAILED: NOW})
STEP = Step(by="田中", why="台風", at_ms=NOW)
INCIDENT = Incident(
    id="I1",
    phase=Phase.ACTIVE,
    wish=Wish(mode=Mode.BACKUP),
    scope=Scope(ScopeKind.SITES, (SITE,)),
    sites=frozenset({SITE}),
    declared=STEP,
    confirmed=STEP,
)


def stood(found: Progress = FAILED, order: Order = ORDER) -> Standing:
    return standing(order, found, Deadlines(), NOW)


def asked(found: Standing | None, *, phase: Phase = Phase.ACTIVE, is_switchable: bool = True) -> No | None:
    return no_retry(replace(INCIDENT, phase=phase), SITE, found, is_switchable=is_switchable)


def test_what_failed_was_refused_fell_back_or_never_answered_is_sent_again() -> None:
    for stage in (Stage.FAILED, Stage.REFUSED, Stage.REVERTED):
        assert asked(stood(replace(FAILED, stage=stage))) is None
    assert asked(stood(Progress())) is None, "an hour without an answer"
    assert asked(stood(), phase=Phase.STANDING_DOWN) is None


def test_what_is_proven_on_its_way_on_its_own_or_never_sent_is_not() -> None:
    young = Order(desired=msgspec.structs.replace(BACKUP, issued_ms=NOW - 1_000), payload=b"")
    assert asked(stood(Progress(), young)) is No.UNDER_WAY
    assert asked(stood(replace(FAILED, stage=Stage.HELD))) is No.IT_OBEYS
    assert asked(replace(stood(Progress()), is_on_its_own=True)) is No.ON_ITS_OWN
    assert asked(None) is No.NOTHING_SENT
    assert asked(stood(), phase=Phase.DECLARED) is No.NOTHING_SENT
    assert asked(stood(), phase=Phase.CLOSED) is No.IS_CLOSED
    assert no_retry(INCIDENT, OTHER, stood(), is_switchable=True) is No.NOTHING_SENT


def test_a_shelter_whose_proof_is_gone_is_only_told_to_come_back() -> None:
    assert asked(stood(), is_switchable=False) is No.NOT_VERIFIED
    normal = Order(desired=msgspec.structs.replace(BACKUP, mode=Mode.NORMAL), payload=b"")
    assert asked(stood(FAILED, normal), is_switchable=False) is None


def test_the_same_wish_travels_under_a_new_number_for_its_whole_time() -> None:
    made = again(ORDER, 0, Policy(valid_s=20 * 86_400), NOW)
    assert (made.revision, made.issued_ms, made.expires_ms) == (8, NOW, NOW + 20 * DAY_MS)
    assert msgspec.structs.replace(made, revision=7, issued_ms=BACKUP.issued_ms, expires_ms=BACKUP.expires_ms) == BACKUP
    assert again(ORDER, 30, Policy(), NOW).revision == 31, "newer than what the shelter has taken"


def left(desired: Desired = BACKUP, outcome: Outcome = Outcome.OBEYS, known: tuple[str, ...] = (OTHER,)) -> bool:
    order = Order(desired=desired, payload=b"")
    return SITE in left_behind({SITE: order}, known, {SITE: outcome}, {(SITE, 3)})


def test_an_order_is_left_behind_where_it_may_still_hold_and_nobody_registered_is() -> None:
    normal = msgspec.structs.replace(BACKUP, mode=Mode.NORMAL)
    assert left()
    assert left(outcome=Outcome.FAILED)
    assert not left(known=(SITE, OTHER))
    assert not left(normal), "it has proven that it is back"
    assert left(normal, Outcome.NO_ANSWER)
    assert not left(msgspec.structs.replace(normal, reason=OF_DEMAND), Outcome.NO_ANSWER)
    assert not left(msgspec.structs.replace(BACKUP, is_drill=True))
    assert left(msgspec.structs.replace(BACKUP, is_drill=True, is_live_drill=True))
    assert not left(msgspec.structs.replace(BACKUP, revision=3)), "it was written off"


@pytest.mark.parametrize("is_write_off", [False, True])
def test_a_removed_shelter_is_released_or_written_off_when_nobody_holds_it(is_write_off: bool) -> None:
    ended = replace(INCIDENT, phase=Phase.STANDING_DOWN)

    def no(
        order: Order | None = ORDER, known: tuple[str, ...] = (), of: Incident = ended, now_ms: int = NOW
    ) -> No | None:
        orders = {SITE: order} if order else {}
        return no_release(SITE, orders, known, [of], now_ms, is_write_off=is_write_off)

    assert no() is None
    assert no(known=(SITE,)) is No.REGISTERED
    assert no(order=None) is No.NOT_OUT
    assert no(of=INCIDENT) is No.STILL_HELD
    sent = Order(desired=released(ORDER, 0, Policy(), NOW), payload=b"")
    assert (sent.desired.mode, sent.revision, sent.desired.incident) == (Mode.NORMAL, 8, "")
    assert no(sent) is (None if is_write_off else No.ALREADY)
    assert no(sent, now_ms=sent.desired.expires_ms) is None, "one that has expired is sent again"


def test_the_book_says_what_was_written_off() -> None:
    entry = Decision(at_ms=NOW, by="田中", action=Action.WRITTEN_OFF, site=SITE, detail={"revision": 7})
    assert written_off([entry, replace(entry, action=Action.REMOVED_RELEASED)]) == {(SITE, 7)}


def test_a_refusal_says_what_stands_against_it() -> None:
    refuse(None)
    with pytest.raises(RefusedError, match="time to answer") as refused:
        refuse(No.UNDER_WAY)
    assert refused.value.no is No.UNDER_WAY
