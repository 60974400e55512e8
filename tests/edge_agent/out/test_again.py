"""What the box keeps after delivery: for how long, and that it comes again when a restored city asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.messages import Ack, EventKind
from contract.wire import WireError, decode_ack, encode
from edge_agent.io.outbox_audit import audit
from tests.edge_agent.out.support import opened, taken

HOUR_MS = 3_600_000


class Listening:
    """What the publisher would hear."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.ranges: list[tuple[int, int]] = []

    def added(self, seq: int, *, is_event: bool) -> None:
        if is_event:
            self.events.append(seq)

    def restored(self, first: int, last: int) -> None:
        self.ranges.append((first, last))

    def replaced(self) -> None:
        raise AssertionError("the file is as it was")


def test_delivered_entries_come_again_when_the_city_asks(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", keep_ms=HOUR_MS)
    for n in range(5):
        clocks.pass_ms(1_000)
        recorder.record([taken(clocks.wall_ms, n)])
    recorder.tell(EventKind.GRID_LOST, at_ms=clocks.wall_ms)
    outbox.forget([(1, 6)])
    outbox.flush()
    assert outbox.status().waiting == 0
    heard = outbox.listener = Listening()
    assert outbox.give_again([(2, 3), (5, 900)]) == 4
    assert (heard.ranges, heard.events) == ([(2, 3), (5, 5)], [6])
    assert (outbox.status().waiting, outbox.status().first_seq) == (4, 2)
    assert outbox.entry(4) is None
    entry = outbox.entry(3)
    assert entry is not None
    assert entry.seq == 3
    assert outbox.give_again([(2, 3)]) == 0, "what waits is not made to wait twice"
    outbox.close()
    outbox, _, _ = opened(tmp_path / "outbox.sqlite", keep_ms=HOUR_MS)
    assert outbox.status().waiting == 4
    outbox.forget([(1, 6)])
    outbox.flush()
    assert outbox.status().waiting == 0
    assert [entry.seq for entry in audit(outbox.path) if entry.is_delivered] == [1, 2, 3, 4, 5, 6]
    outbox.close()


def test_what_was_just_acknowledged_comes_again_too(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", keep_ms=HOUR_MS)
    recorder.record([taken(clocks.wall_ms)])
    outbox.forget([(1, 1)])
    assert outbox.give_again([(1, 1)]) == 1
    assert outbox.status().waiting == 1
    outbox.close()


def test_a_box_that_keeps_nothing_gives_nothing(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite")
    recorder.record([taken(clocks.wall_ms)])
    outbox.forget([(1, 1)])
    outbox.flush()
    assert outbox.give_again([(1, 1)]) == 0
    assert outbox.status().waiting == 0
    outbox.close()


def test_many_are_given_in_bounded_portions_the_newest_first(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", keep_ms=HOUR_MS)
    for _ in range(8):
        clocks.pass_ms(1_000)
        recorder.record([taken(clocks.wall_ms)])
    outbox.forget([(1, 8)])
    outbox.flush()
    assert outbox.give_again([(1, 8)], most=3) == 3
    assert [entry.seq for entry in audit(outbox.path) if not entry.is_delivered] == [6, 7, 8]
    assert [outbox.give_again([(1, 8)], most=3) for _ in range(3)] == [3, 2, 0]
    assert outbox.status().waiting == 8
    outbox.close()


def test_delivered_entries_go_when_their_time_is_over_and_waiting_ones_stay(tmp_path: Path) -> None:
    outbox, recorder, clocks = opened(tmp_path / "outbox.sqlite", keep_ms=HOUR_MS)
    for _ in range(700):
        clocks.pass_ms(10_000)
        recorder.record([taken(clocks.wall_ms)])
        seq = outbox.next_seq - 1
        if seq != 5:
            outbox.forget([(seq, seq)])
    outbox.flush()
    kept = list(audit(outbox.path))
    assert [entry.seq for entry in kept if not entry.is_delivered] == [5]
    oldest_ms = min(row.at_ms for entry in kept if entry.is_delivered for row in entry.rows)
    assert oldest_ms == clocks.wall_ms - HOUR_MS
    outbox.close()


def test_an_acknowledgement_carries_the_question_and_an_older_box_passes_over_it() -> None:
    asked = Ack(epoch="k3v9x2", again=[(1, 4699)], at_ms=1)
    assert encode(asked) == b'{"e":"k3v9x2","g":[[1,4699]],"t":1}'
    assert decode_ack(encode(asked)).again == [(1, 4699)]
    assert b'"g"' not in encode(Ack(epoch="k3v9x2", ranges=[(1, 2)]))
    with pytest.raises(WireError, match="turned round"):
        decode_ack(b'{"e":"x","g":[[5,4]]}')
