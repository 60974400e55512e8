"""The acknowledgement protocol against an enemy: lost, repeated, late, torn, killed; and nothing may be missing."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.messages import EventKind, Status
from contract.wire import encode
from edge_agent.core.backfill import Pace
from edge_agent.io.broker import MqttLink
from edge_agent.io.outbox import Outbox
from edge_agent.publish import Publisher
from edge_agent.recorder import Recorder
from tests.edge_agent.out.support import SITE, City, Clocks, taken

PACE = Pace(fresh_max=5, live_window=3, live_age_ms=2_000, event_window=2, patience_ms=8_000, batch_bytes_max=400)


class Air:
    """What stands in for the connection: messages go into the air."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def post(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))


class Protocol(RuleBasedStateMachine):
    """One shelter, one city, and air between them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.clocks = Clocks()
        self.city = City()
        self.air = Air()
        self.acks: list[bytes] = []
        self.recorded: dict[int, int] = {}
        self.told: set[int] = set()
        self.start()

    def start(self) -> None:
        self.outbox = Outbox.open(self.folder / "outbox.sqlite")
        assert self.outbox._db is not None
        self.outbox._db.execute("PRAGMA synchronous = OFF")
        clock = self.clocks.clock(durable_ms=self.outbox.durable_ms)
        self.recorder = Recorder(self.outbox, clock)
        link = MqttLink(host="127.0.0.1", client_id=SITE)
        self.publisher = Publisher(
            self.outbox, link, site=SITE, status=lambda: Status(online=True), clock=clock, pace=PACE
        )

    # --- The shelter -------------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 8), device=st.sampled_from(["inverter", "meter"]))
    def record(self, count: int, device: str) -> None:
        for _ in range(count):
            self.clocks.pass_ms(1_000)
            value = self.clocks.wall_ms // 1_000 % 97
            self.recorder.record([taken(self.clocks.wall_ms, value, device=device)])
            self.recorded[self.clocks.wall_ms] = value

    @rule()
    def tell(self) -> None:
        self.told.add(self.outbox.next_seq)
        self.recorder.tell(EventKind.GRID_LOST, at_ms=self.clocks.wall_ms)

    @rule(count=st.integers(1, 6))
    def send(self, count: int) -> None:
        for _ in range(count):
            self.loop.run_until_complete(self.publisher._send_next(self.air))  # type: ignore[arg-type]

    @rule(ms=st.sampled_from([500, 3_000, 20_000]))
    def time_passes(self, ms: int) -> None:
        self.clocks.pass_ms(ms)

    @rule()
    def connection_comes(self) -> None:
        self.publisher._delivery.connect(self.outbox.newest_entries(), now_ms=self.clocks.boot_ms)

    @rule(is_lost=st.booleans())
    def connection_goes(self, is_lost: bool) -> None:
        self.publisher._delivery.disconnect()
        if is_lost:
            self.air.messages.clear()
            self.acks.clear()

    @rule(is_killed=st.booleans())
    def restart(self, is_killed: bool) -> None:
        if is_killed:
            self.outbox._db.close()  # type: ignore[union-attr]
            self.outbox._mark.close()
        else:
            self.outbox.close()
        self.start()

    # --- The air and the city ----------------------------------------------------------------------------------------

    @precondition(lambda self: self.air.messages)
    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives", "arrives twice", "is lost"]))
    def message(self, data: st.DataObject, fate: str) -> None:
        index = data.draw(st.integers(0, len(self.air.messages) - 1))
        topic, payload = self.air.messages[index] if fate == "arrives twice" else self.air.messages.pop(index)
        if fate != "is lost":
            self.arrive(topic, payload)

    def arrive(self, topic: str, payload: bytes) -> None:
        ack = self.city.event(payload) if topic.endswith("/event") else self.city.telemetry(payload)
        self.acks.append(encode(ack))

    @precondition(lambda self: self.acks)
    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives", "arrives twice", "is lost", "is torn"]))
    def ack(self, data: st.DataObject, fate: str) -> None:
        index = data.draw(st.integers(0, len(self.acks) - 1))
        payload = self.acks[index] if fate == "arrives twice" else self.acks.pop(index)
        if fate != "is lost":
            self.publisher.hear(payload[:-3] if fate == "is torn" else payload)

    @rule()
    def city_forgets_layouts(self) -> None:
        self.city.layouts.clear()

    # --- The promise -------------------------------------------------------------------------------------------------

    @invariant()
    def what_the_city_has_is_what_was_recorded(self) -> None:
        for (_, at_ms), rows in self.city.rows.items():
            value = self.recorded[at_ms]
            assert rows[0].slots == (value, value * 10, value, value)

    @invariant()
    def what_is_on_its_way_is_bounded(self) -> None:
        delivery = self.publisher._delivery
        assert len(delivery._singles) <= PACE.live_window + PACE.event_window
        assert len(delivery._fresh) <= PACE.fresh_max

    def teardown(self) -> None:
        self.connection_comes()
        for _ in range(2_000):
            if self.publisher._delivery.is_idle:
                break
            self.send(4)
            while self.air.messages:
                self.arrive(*self.air.messages.pop())
            while self.acks:
                self.publisher.hear(self.acks.pop())
            self.clocks.pass_ms(1_000)
        self.outbox.flush()
        assert {at_ms for _, at_ms in self.city.rows} == set(self.recorded), "a reading is missing"
        assert {seq for _, seq in self.city.events} >= self.told, "an event is missing"
        assert self.outbox.status().waiting == 0, "something waits for ever"
        assert {epoch for epoch, _ in self.city.events} | set(self.city.got) <= {self.outbox.epoch}
        self.outbox.close()
        self.loop.close()
        shutil.rmtree(self.folder)


Protocol.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestProtocol = Protocol.TestCase
