"""Ten thousand orders that must not be obeyed: each is answered with its reason, none is executed."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from contract.signing import Signer
from contract.steering import Desired, Mode, Reason, Stage, sign
from edge_agent.core.budget import Budget
from edge_agent.core.outcomes import Failure
from edge_agent.core.receipts import FAILURES, judge
from edge_agent.core.standing import Kept
from tests.edge_agent.steer.house import CITY, KEYS, house

SITE, OTHER = "E0000000001111", "E0000000002111"
NOW_MS = 1_790_000_000_000
THIEF = Signer.new()
TAKEN = Desired(
    site=SITE, revision=50, issued_ms=NOW_MS - 60_000, expires_ms=NOW_MS + 3_600_000, mode=Mode.NORMAL, reserve_pct=40
)
PAYLOAD = sign(TAKEN, CITY)


def taken() -> Kept:
    judged = judge(PAYLOAD, Kept(), keys=KEYS, site=SITE, at_ms=NOW_MS, utc_ms=NOW_MS)
    assert judged.is_news
    return judged.kept


def bad(kind: Reason, dice: random.Random) -> bytes:
    """A message that is to be refused for this reason."""
    fresh = replace(TAKEN, revision=51 + dice.randrange(1_000), mode=dice.choice([Mode.BACKUP, Mode.ISOLATED]))
    match kind:
        case Reason.EXPIRED:
            return sign(replace(fresh, expires_ms=NOW_MS - dice.randrange(10**9)), CITY)
        case Reason.FROM_THE_FUTURE:
            ahead_ms = 300_001 + dice.randrange(10**9)
            return sign(replace(fresh, issued_ms=NOW_MS + ahead_ms, expires_ms=NOW_MS + ahead_ms + 1), CITY)
        case Reason.OLD_REVISION:
            return sign(replace(fresh, revision=1 + dice.randrange(50)), CITY)
        case Reason.WRONG_SITE:
            return sign(replace(fresh, site=OTHER), CITY)
        case Reason.FOREIGN_KEY:
            return sign(fresh, THIEF)
        case Reason.UNSIGNED:
            return sign(fresh, CITY).split(b'"g":"')[0] + b'"g":"","k":"x","v":1}'
        case Reason.FORGED:
            return sign(fresh, CITY).replace(b'\\"r\\":', b'\\"r\\":9')
        case _:
            return dice.randbytes(dice.randrange(300))


KINDS = (
    Reason.EXPIRED,
    Reason.FROM_THE_FUTURE,
    Reason.OLD_REVISION,
    Reason.WRONG_SITE,
    Reason.FOREIGN_KEY,
    Reason.UNSIGNED,
    Reason.FORGED,
    Reason.MALFORMED,
)


def test_ten_thousand_bad_orders_are_answered_and_none_is_taken() -> None:
    dice, kept, answered = random.Random(4), taken(), Counter[Reason]()
    for number in range(10_000):
        kind = KINDS[number % len(KINDS)]
        judged = judge(bad(kind, dice), kept, keys=KEYS, site=SITE, at_ms=NOW_MS, utc_ms=NOW_MS)
        assert judged.kept == kept
        assert judged.receipt is not None
        assert judged.receipt.stage is Stage.REFUSED
        answered[judged.receipt.reason] += 1
    assert answered == Counter(dict.fromkeys(KINDS, 1250))


@pytest.mark.parametrize("repeats", [1, 1_000])
def test_the_same_order_again_changes_nothing_and_is_no_conflict(repeats: int) -> None:
    kept = taken()
    for _ in range(repeats):
        judged = judge(PAYLOAD, kept, keys=KEYS, site=SITE, at_ms=NOW_MS, utc_ms=NOW_MS + 10**12)
        assert (judged.kept, judged.receipt, judged.is_news) == (kept, None, False)


def test_the_same_revision_with_other_content_is_refused() -> None:
    other = sign(replace(TAKEN, mode=Mode.BACKUP), CITY)
    judged = judge(other, taken(), keys=KEYS, site=SITE, at_ms=NOW_MS, utc_ms=NOW_MS)
    assert judged.receipt is not None
    assert (judged.receipt.reason, judged.kept) == (Reason.OLD_REVISION, taken())


def test_a_forger_cannot_fail_an_order_of_the_city() -> None:
    judged = judge(sign(replace(TAKEN, mode=Mode.BACKUP), THIEF), taken(), keys=KEYS, site=SITE, at_ms=1, utc_ms=NOW_MS)
    assert judged.receipt is not None
    assert judged.receipt.revision == 0


async def test_without_a_clock_an_order_waits_until_the_time_is_known() -> None:
    async with house() as it:
        it.clock.is_known = False
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(20)
        assert [r.reason for r in it.log.receipts] == [Reason.CLOCK_UNKNOWN]
        assert it.said.mode is Mode.NORMAL
        it.clock.is_known = True
        await it.live(60, until=lambda: it.stage is Stage.VERIFIED)
        assert it.said.mode is Mode.BACKUP


async def test_an_order_that_expires_while_the_clock_is_unknown_is_refused_in_the_end() -> None:
    async with house() as it:
        it.clock.is_known = False
        await it.live(10)
        wanted = it.order(Mode.BACKUP)
        it.clock.utc_ms = wanted.expires_ms + 1
        it.clock.is_known = True
        await it.live(10)
        assert [r.reason for r in it.log.receipts] == [Reason.CLOCK_UNKNOWN, Reason.EXPIRED]
        assert it.said.mode is Mode.NORMAL


async def test_an_order_that_was_taken_holds_after_it_has_expired() -> None:
    async with house() as it:
        await it.live(10)
        wanted = it.order(Mode.BACKUP)
        await it.live(10)
        it.clock.utc_ms = wanted.expires_ms + 60_000
        await it.live(60)
        assert it.said.mode is Mode.BACKUP


def test_a_flood_is_answered_within_a_budget() -> None:
    budget = Budget(0, most=100, per_s=10)
    assert sum(budget.take(0) for _ in range(1_000)) == 100
    assert sum(budget.take(2_000) for _ in range(1_000)) == 20
    assert sum(budget.take(10**9) for _ in range(1_000)) == 100


def test_every_failure_of_a_device_has_a_word_in_the_contract() -> None:
    assert set(FAILURES) == set(Failure)
