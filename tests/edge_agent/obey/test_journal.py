"""The journal survives being cut off at any byte, and never forgets what was acknowledged."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.saved import Saved, SavedRegister
from edge_agent.io.journal import Journal, JournalBusy, JournalError, journal_path


def saved(name: str) -> Saved:
    """A synthetic entry."""
    return Saved(
        id=name,
        device="battery",
        unit=1,
        profile="synthetic",
        kind="reserve",
        taken_ms=1_000,
        registers=(SavedRegister(name="reserve", table="holding", address=10, words=(300,), value=30.0, settle_s=0.5),),
    )


def pending(path: Path) -> list[str]:
    with Journal.open(path) as journal:
        return [each.id for each in journal.pending()]


def test_what_was_put_is_there_after_opening_again_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "site.restore"
    with Journal.open(path) as journal:
        journal.put(saved("a"))
        journal.put(saved("b"))
        journal.put(saved("c"))
        journal.done("b")
    with Journal.open(path) as journal:
        assert journal.pending() == (saved("c"), saved("a"))


def test_when_nothing_is_pending_the_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "site.restore"
    with Journal.open(path) as journal:
        journal.put(saved("a"))
        journal.done("a")
        journal.done("never put")
    assert path.stat().st_size == 0


def test_two_processes_can_not_have_it_open(tmp_path: Path) -> None:
    path = tmp_path / "site.restore"
    with Journal.open(path), pytest.raises(JournalBusy, match="another process"):
        Journal.open(path)
    assert pending(path) == []


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file"):
        Journal.open(tmp_path / "file" / "site.restore")


def test_it_stands_beside_the_outbox() -> None:
    assert journal_path(Path("/data/outbox.sqlite")) == Path("/data/outbox.restore")


steps = st.lists(st.tuples(st.sampled_from(["put", "done"]), st.sampled_from("abc")), max_size=12)


@given(steps, st.integers(0, 4_000), st.binary(max_size=20))
def test_cut_off_at_any_byte_it_holds_what_was_acknowledged_by_then(
    history: list[tuple[str, str]], cut: int, garbage: bytes
) -> None:
    """Every prefix of the file is a crash; what follows the last whole line was never acknowledged."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.restore"
        ends: list[tuple[int, set[str]]] = [(0, set())]
        held: set[str] = set()
        with Journal.open(path) as journal:
            journal.put(saved("keep"))  # So that the file is never emptied.
            ends.append((path.stat().st_size, {"keep"}))
            held.add("keep")
            for what, name in history:
                if what == "put":
                    journal.put(saved(name))
                    held.add(name)
                else:
                    journal.done(name)
                    held.discard(name)
                ends.append((path.stat().st_size, set(held)))
        whole = path.read_bytes()
        cut = min(cut, len(whole))
        path.write_bytes(whole[:cut] + garbage.replace(b"\n", b""))
        expected = [state for end, state in ends if end <= cut][-1]
        with Journal.open(path) as journal:
            assert {each.id for each in journal.pending()} == expected
            journal.put(saved("after"))
        assert set(pending(path)) == expected | {"after"}


def test_a_spoilt_line_in_the_middle_is_counted_and_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "site.restore"
    with Journal.open(path) as journal:
        for name in "abc":
            journal.put(saved(name))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"reserve", b"reverse") + lines[2])
    with Journal.open(path) as journal:
        assert [each.id for each in journal.pending()] == ["c", "a"]
        assert journal.damaged == 1


WRITER = """
import sys
from pathlib import Path
from edge_agent.io.journal import Journal
from tests.edge_agent.obey.test_journal import saved
journal = Journal.open(Path(sys.argv[1]))
for n in range(100_000):
    journal.put(saved(str(n)))
    print(n, flush=True)
"""


def test_killed_at_any_moment_it_has_everything_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "site.restore"
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root) as it:
        assert it.stdout is not None
        told = -1
        for line in it.stdout:
            told = int(line)
            if told >= 20:
                it.send_signal(signal.SIGKILL)
                break
        told = max([told, *(int(line) for line in it.stdout if line.endswith("\n"))])
    assert set(pending(path)) >= {str(n) for n in range(told + 1)}
