"""The shelter as a machine, against a world that does what it likes: the promises of disaster mode as properties."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from contract.signing import Signer, fingerprint
from contract.steering import ORDERABLE, Desired, GridState, Mode, Reason, Receipt, Source, sign
from edge_agent.core.conditions import Conditions
from edge_agent.core.modes import Policy
from edge_agent.core.receipts import judge
from edge_agent.core.standing import Kept, Own, Phase, Position, SiteState, Switch, advance

CITY, THIEF = Signer.new(), Signer.new()
KEYS = {fingerprint(CITY.public): CITY.public}
SITE = "E0000000001111"
OWN = Own(site=SITE, floor_pct=10)
START_MS = 1_790_000_000_000


class Shelter(RuleBasedStateMachine):
    """Messages arrive in any order and any number of times; the grid, the battery and people do what they like."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_000_000
        self.state = SiteState()
        self.grid, self.soc_pct = GridState.PRESENT, 60.0
        self.switch = Switch()
        self.revision = 0
        self.taken: list[Desired] = []
        """Valid ones that arrived, in the order of arrival."""
        self.receipts: list[Receipt] = []

    @property
    def utc_ms(self) -> int:
        return START_MS + self.now_ms

    def see(self) -> None:
        seen = Conditions(grid=self.grid, soc_pct=self.soc_pct)
        self.state = advance(self.state, seen, OWN, self.now_ms, self.utc_ms)

    @rule(target=sent, mode=st.sampled_from(ORDERABLE), is_drill=st.booleans(), reserve=st.integers(0, 100))
    def city_orders(self, mode: Mode, is_drill: bool, reserve: int) -> tuple[Desired, bytes, bool]:
        self.revision += 1
        wanted = Desired(
            site=SITE,
            revision=self.revision,
            issued_ms=self.utc_ms,
            expires_ms=self.utc_ms + 3_600_000,
            mode=mode,
            is_drill=is_drill,
            reserve_pct=reserve,
        )
        return wanted, sign(wanted, CITY), True

    @rule(target=sent, mode=st.sampled_from(ORDERABLE), ahead=st.integers(0, 5))
    def thief_orders(self, mode: Mode, ahead: int) -> tuple[Desired, bytes, bool]:
        wanted = Desired(
            site=SITE,
            revision=self.revision + ahead + 1,
            issued_ms=self.utc_ms,
            expires_ms=self.utc_ms + 3_600_000,
            mode=mode,
        )
        return wanted, sign(wanted, THIEF), False

    @rule(message=sent)
    def arrives(self, message: tuple[Desired, bytes, bool]) -> None:
        wanted, payload, is_genuine = message
        before = self.state.kept
        judged = judge(payload, before, keys=KEYS, site=SITE, at_ms=self.now_ms, utc_ms=self.utc_ms)
        is_repeat = is_genuine and wanted.revision == before.revision
        assert (judged.receipt is None) == is_repeat, "each is answered, a repeat by what was said already"
        if judged.receipt is not None:
            self.receipts.append(judged.receipt)
        if not is_genuine:
            assert judged.receipt is not None
            assert (judged.receipt.reason, judged.receipt.revision) == (Reason.FOREIGN_KEY, 0)
        if judged.is_news:
            self.taken.append(wanted)
        else:
            assert judged.kept == before
        self.state = replace(self.state, kept=judged.kept)
        self.see()

    @rule(grid=st.sampled_from(GridState))
    def grid_changes(self, grid: GridState) -> None:
        self.grid = grid
        self.see()

    @rule(soc_pct=st.floats(0, 100))
    def battery_changes(self, soc_pct: float) -> None:
        self.soc_pct = soc_pct
        self.see()

    @rule(position=st.sampled_from(Position), lifts=st.booleans())
    def somebody_turns_the_switch(self, position: Position, lifts: bool) -> None:
        self.switch = Switch(position=position, lifts_isolation=lifts)
        self.state = replace(self.state, kept=replace(self.state.kept, switch=self.switch))
        self.see()

    @rule(seconds=st.sampled_from([1, 5, 30, 31, 600, 2_000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        for _ in range(2):
            self.now_ms += seconds * 500
            self.see()

    @rule()
    def reboots(self) -> None:
        mode = self.state.kept.mode
        kept = msgspec.json.decode(msgspec.json.encode(self.state.kept), type=Kept)
        assert kept == self.state.kept
        self.state = SiteState(kept=kept)
        self.grid = GridState.UNKNOWN  # Nobody has answered yet.
        self.see()
        assert self.state.kept.mode is mode, "it wakes up in the mode in which it fell asleep"

    @invariant()
    def the_newest_valid_revision_wins_whatever_the_order_of_arrival(self) -> None:
        if self.taken:
            assert self.state.kept.revision == max(wanted.revision for wanted in self.taken)

    @invariant()
    def a_drill_never_switches(self) -> None:
        switching = [wanted for wanted in self.taken if not wanted.is_drill]
        newest = max(switching, key=lambda wanted: wanted.revision, default=None)
        assert self.state.kept.desired == newest

    @invariant()
    def never_below_the_floor_by_command(self) -> None:
        if self.state.points.policy is not Policy.LEAVE:
            assert self.state.points.reserve_pct >= OWN.floor_pct

    @invariant()
    def grid_loss_always_ends_in_backup_unless_locked_out(self) -> None:
        kept = self.state.kept
        is_locked_out = kept.is_isolated or kept.switch.position is not Position.AUTO
        if kept.phase is Phase.OUTAGE and not is_locked_out:
            assert kept.mode is Mode.BACKUP

    @invariant()
    def unknown_starts_no_outage(self) -> None:
        if not self.state.kept.outages:
            assert self.state.kept.phase is Phase.CITY

    @invariant()
    def isolated_is_off(self) -> None:
        if self.state.kept.mode is Mode.ISOLATED:
            assert (self.state.points.policy, self.state.points.tiers_closed) == (Policy.OFF, 0)

    @invariant()
    def the_city_cannot_override_people_on_site(self) -> None:
        kept = self.state.kept
        if kept.switch.position is not Position.AUTO and not kept.is_isolated:
            assert kept.source in {Source.LOCAL_SWITCH, Source.LOCK_OUT}

    def teardown(self) -> None:
        """Everything heals: the shelter is what the city wants."""
        self.state = replace(self.state, kept=replace(self.state.kept, switch=Switch()))
        self.grid, self.soc_pct = GridState.PRESENT, 90.0
        for _ in range(60):
            self.now_ms += 60_000
            self.see()
        desired = self.state.kept.desired
        assert self.state.kept.mode is (Mode.NORMAL if desired is None else self._wanted(desired))

    def _wanted(self, desired: Desired) -> Mode:
        """Without a word from the city for twenty days the default holds again, but for isolation."""
        heard = self.state.kept.heard_ms
        is_heard = not heard or self.utc_ms - heard <= desired.standing.valid_s * 1000
        return desired.mode if is_heard or desired.mode is Mode.ISOLATED else Mode.NORMAL


TestShelter = Shelter.TestCase
TestShelter.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
