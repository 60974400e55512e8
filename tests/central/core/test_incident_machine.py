"""The city as a machine: incidents come and go, proofs are won and lost, messages are late, doubled and out of order.

The promises are named properties; what decides is the code of central/core alone, over a broker and shelters that are a
few lines of this file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from central.core.audit import Decision, chained, first_fault
from central.core.incidents import (
    STRICTNESS,
    Act,
    Incident,
    Phase,
    Wish,
    confirm,
    declare,
    end,
    incidents_of,
    wanted,
)
from central.core.orders import SETTLED, Order, ReceiptRecord, progress
from central.core.refusals import RefusedError
from central.core.scope import Scope, ScopeKind
from central.core.switching import Hold, Policy, due
from contract.messages import MILLIS_MAX
from contract.steering import Desired, Mode, Reason, Receipt, Stage

SITES = ("A", "B")
T0 = 1_795_000_000_000
POLICY = Policy(valid_s=MILLIS_MAX / 1_000 / 100)
"""Far longer than a run, so that no revision is a mere renewal."""
MODES = st.sampled_from([Mode.STORM_WATCH, Mode.BACKUP, Mode.ISOLATED])
KINDS = st.sampled_from([(False, False), (False, False), (True, False), (True, True)])
SOME = st.lists(st.sampled_from(SITES), min_size=1, max_size=2, unique=True)


@dataclass
class Shelter:
    """Takes what is newer than what it has; a drill that is not live changes nothing."""

    site: str
    revision: int = 0
    mode: Mode = Mode.NORMAL
    switched_by: list[Desired] = field(default_factory=list)

    def hear(self, desired: Desired, at_ms: int) -> list[Receipt]:
        if desired.revision <= self.revision:
            return []
        self.revision = desired.revision
        taken = Receipt(revision=desired.revision, stage=Stage.ACCEPTED, at_ms=at_ms)
        if desired.is_drill and not desired.is_live_drill:
            end = Receipt(revision=desired.revision, stage=Stage.REFUSED, reason=Reason.DRILL, at_ms=at_ms)
        else:
            self.mode = desired.mode
            self.switched_by.append(desired)
            end = Receipt(revision=desired.revision, stage=Stage.VERIFIED, at_ms=at_ms)
        return [taken, end]


class CityMachine(RuleBasedStateMachine):
    """``ledger``: what is on disk. ``wire`` and ``mail``: messages that may come at any time, in any order, again."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = T0
        self.book: list[Decision] = []
        self.ledger: dict[str, list[Order]] = {site: [] for site in SITES}
        self.receipts: list[ReceiptRecord] = []
        self.proven: set[str] = set()
        self.wire: list[Desired] = []
        self.mail: list[ReceiptRecord] = []
        self.shelters = {site: Shelter(site) for site in SITES}
        self.incidents: dict[str, Incident] = {}
        self.holds: dict[str, Hold] = {}

    @initialize(proven=st.sets(st.sampled_from(SITES)))
    def start(self, proven: set[str]) -> None:
        self.proven = set(proven)

    # --- The city's own step ------------------------------------------------------------------------------------------

    def decide(self, decisions: Iterable[Decision] = ()) -> None:
        self.now_ms += 1_000
        self.book += decisions
        self.incidents = incidents_of(decisions, self.incidents.values())
        current = {site: orders[-1] for site, orders in self.ledger.items() if orders}
        desired, self.holds = due(
            self.incidents.values(),
            current,
            SITES,
            is_switchable=self.proven.__contains__,
            is_settled=self.is_settled,
            reported_revision=lambda site: self.shelters[site].revision,
            may_catch_up=lambda _: True,
            policy=POLICY,
            now_ms=self.now_ms,
        )
        for each in desired:
            self.check_order(each, current.get(each.site))
            self.ledger[each.site].append(Order(desired=each, payload=b""))
            self.wire.append(each)

    def is_settled(self, site: str) -> bool:
        orders = self.ledger[site]
        its = [r for r in self.receipts if r.site == site and orders and r.receipt.revision == orders[-1].revision]
        return progress(its).outcome in SETTLED

    def check_order(self, new: Desired, before: Order | None) -> None:
        assert new.revision > (before.revision if before else 0), "a revision grows"
        want = wanted(self.incidents.values(), new.site)
        now_is = before.desired.mode if before and before.switches else Mode.NORMAL
        if new.site not in self.proven:
            assert STRICTNESS[new.mode] < STRICTNESS[now_is] or new.is_drill, "only a proven shelter is told to do more"
        if not new.is_drill or new.is_live_drill:
            assert STRICTNESS[new.mode] <= STRICTNESS[want.mode], "nobody is told to do more than somebody wants"

    # --- People -------------------------------------------------------------------------------------------------------

    @rule(mode=MODES, kind=KINDS, sites=SOME, at_once=st.booleans())
    def declare(self, mode: Mode, kind: tuple[bool, bool], sites: list[str], at_once: bool) -> None:
        wish = Wish(mode=mode, is_drill=kind[0], is_live=kind[1])
        scope = Scope(ScopeKind.SITES, tuple(sites))
        made = declare(wish, scope, sites, by="a", why="w", at_ms=self.now_ms, known=self.incidents)
        self.decide([made])
        if at_once:
            incident = self.incidents[made.incident]
            self.decide(confirm(incident, sites, citywide=False, by="b", why="w", at_ms=self.now_ms))

    @rule()
    def all_stand_down(self) -> None:
        for incident in list(self.incidents.values()):
            if incident.phase is Phase.ACTIVE:
                self.decide([end(incident, Act.STAND_DOWN, by="b", why="w", at_ms=self.now_ms)])

    @rule(site=st.sampled_from(SITES))
    def the_link_is_good(self, site: str) -> None:
        if not self.ledger[site]:
            return
        for told in self.shelters[site].hear(self.ledger[site][-1].desired, self.now_ms):
            record = ReceiptRecord(site=site, receipt=told, received_ms=self.now_ms)
            self.mail.append(record)
            self.receipts.append(record)
        self.decide()

    @precondition(lambda self: self.incidents)
    @rule(data=st.data(), act=st.sampled_from([Act.CONFIRM, Act.CONFIRM, Act.STAND_DOWN, Act.CLOSE]))
    def step(self, data: st.DataObject, act: Act) -> None:
        incident = data.draw(st.sampled_from(sorted(self.incidents.values(), key=lambda one: one.id)))
        others = [one for one in self.incidents.values() if one.id != incident.id]
        before = {site: wanted(others, site) for site in SITES}
        lengths = {site: len(orders) for site, orders in self.ledger.items()}
        self.decide()  # What was due anyway, so that the rest is this step's own.
        lengths = {site: len(orders) for site, orders in self.ledger.items()}
        try:
            if act is Act.CONFIRM:
                made = confirm(incident, sorted(incident.sites), citywide=False, by="b", why="w", at_ms=self.now_ms)
            else:
                made = [end(incident, act, by="b", why="w", at_ms=self.now_ms)]
        except RefusedError:
            return
        self.decide(made)
        changed = {site for site, orders in self.ledger.items() if len(orders) > lengths[site]}
        assert changed <= incident.sites, "a step touches its own shelters alone"
        if act is not Act.CONFIRM:
            after = {site: wanted(self.incidents.values(), site) for site in SITES}
            assert after == before, "an end releases only what it alone holds"

    @rule(site=st.sampled_from(SITES))
    def prove(self, site: str) -> None:
        self.proven.add(site)
        self.decide()

    @rule(site=st.sampled_from(SITES))
    def lose_proof(self, site: str) -> None:
        self.proven.discard(site)
        self.decide()

    # --- Messages -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.wire)
    @rule(data=st.data())
    def an_order_arrives_in_whatever_order_and_however_often(self, data: st.DataObject) -> None:
        desired = data.draw(st.sampled_from(self.wire))
        self.now_ms += 10
        for told in self.shelters[desired.site].hear(desired, self.now_ms):
            self.mail.append(ReceiptRecord(site=desired.site, receipt=told, received_ms=self.now_ms))

    @precondition(lambda self: self.mail)
    @rule(data=st.data())
    def a_receipt_arrives_in_whatever_order_and_however_often(self, data: st.DataObject) -> None:
        self.receipts.append(data.draw(st.sampled_from(self.mail)))
        self.decide()

    @rule()
    def central_dies_and_comes_back(self) -> None:
        before = self.incidents
        self.incidents = incidents_of(self.book)
        assert self.incidents == before, "incidents follow from the book"
        sent = len(self.wire)
        self.decide()
        self.wire.extend(orders[-1].desired for orders in self.ledger.values() if orders)
        again = len(self.wire)
        self.decide()
        assert len(self.wire) == again, "a second look has nothing to add"
        assert again >= sent

    # --- Promises -----------------------------------------------------------------------------------------------------

    @invariant()
    def revisions_only_grow_and_no_two_neighbours_say_the_same(self) -> None:
        for orders in self.ledger.values():
            for one, other in itertools.pairwise(orders):
                assert one.revision < other.revision
                assert (one.desired.mode, one.desired.is_drill, one.desired.is_live_drill) != (
                    other.desired.mode,
                    other.desired.is_drill,
                    other.desired.is_live_drill,
                )

    @invariant()
    def the_newest_valid_revision_wins_whatever_the_order(self) -> None:
        for shelter in self.shelters.values():
            if shelter.switched_by:
                assert shelter.switched_by == sorted(shelter.switched_by, key=lambda desired: desired.revision)
                assert shelter.mode is shelter.switched_by[-1].mode

    @invariant()
    def a_drill_never_switches(self) -> None:
        for site, shelter in self.shelters.items():
            assert all(not desired.is_drill or desired.is_live_drill for desired in shelter.switched_by)
            real = [one for one in self.incidents.values() if one.wish.switches and one.confirmed and site in one.sites]
            if not real:
                assert shelter.mode is Mode.NORMAL
                assert not shelter.switched_by

    def teardown(self) -> None:
        """Everything heals: links, proofs, receipts. Then every shelter is what is wanted, and the book is whole."""
        self.proven = set(SITES)
        for _ in range(6):
            self.decide()
            for desired in [orders[-1].desired for orders in self.ledger.values() if orders]:
                for told in self.shelters[desired.site].hear(desired, self.now_ms):
                    self.mail.append(ReceiptRecord(site=desired.site, receipt=told, received_ms=self.now_ms))
            self.receipts += self.mail
        assert self.holds == {}
        for site, shelter in self.shelters.items():
            want = wanted(self.incidents.values(), site)
            assert shelter.mode is (want.mode if want.switches else Mode.NORMAL)
        assert first_fault(chained(self.book, last=None)) == ""


TestCityMachine = CityMachine.TestCase
TestCityMachine.settings = settings(
    max_examples=400, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
