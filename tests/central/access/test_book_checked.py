"""``shelter-central audit verify`` over a real database and over a copy: whatever somebody did to the book is named."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from central.cli import app
from central.core.audit import Action, Decision, as_line, chained, entries_of
from central.store.records import Records

ENTRIES = 6


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["audit", *arguments], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A folder whose book has some entries."""
    records = await Records.open(tmp_path / "records.sqlite")
    for n in range(ENTRIES):
        decision = Decision(at_ms=n, by="田中", action=Action.DECLARED, why=f"台風 {n}", detail={"n": n, "x": None})
        await records.decisions.decide([decision])
    await records.close()
    return tmp_path


def change(data: Path, *statements: str) -> None:
    with sqlite3.connect(data / "records.sqlite") as database:
        for name, table in database.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            if table == "audit":
                database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)


def test_a_whole_book_is_whole_and_tells_what_to_note(data: Path) -> None:
    told = call("verify", "--data", str(data))
    noted = re.search(r"6:[0-9a-f]{64}", told)
    assert noted is not None, told
    assert "whole: 6 entries" in call("verify", "--noted", noted[0], "--data", str(data))
    assert json.loads(call("verify", "--json", "--data", str(data)))["hash"] == noted[0].partition(":")[2]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("UPDATE audit SET why = '訓練' WHERE n = 3",), "entry 3 was changed"),
        (("UPDATE audit SET at_ms = 7 WHERE n = 1",), "entry 1 was changed"),
        (("""UPDATE audit SET detail = '{"n": 9, "x": null}' WHERE n = 6""",), "entry 6 was changed"),
        (("UPDATE audit SET hash = 'ab' WHERE n = 2",), "entry 2 was changed"),
        (("UPDATE audit SET action = 'nothing' WHERE n = 4",), "entry 4 of the book was changed: it can't be read"),
        (("UPDATE audit SET detail = '{' WHERE n = 4",), "entry 4 of the book was changed: it can't be read"),
        (("DELETE FROM audit WHERE n = 3",), "entry 3 is missing (the next one is 4)"),
        (("DELETE FROM audit WHERE n = 1",), "entry 1 is missing (the next one is 2)"),
        (
            (
                "UPDATE audit SET n = 99 WHERE n = 2",
                "UPDATE audit SET n = 2 WHERE n = 3",
                "UPDATE audit SET n = 3 WHERE n = 99",
            ),
            "entry 2 was entry 3: entries were swapped",
        ),
        (
            (
                "UPDATE audit SET n = 99 WHERE n = 2",
                "UPDATE audit SET n = 2 WHERE n = 5",
                "UPDATE audit SET n = 5 WHERE n = 99",
            ),
            "entry 2 was entry 5: entries were swapped",
        ),
        (("DELETE FROM audit WHERE n = 3", "UPDATE audit SET n = n - 1 WHERE n > 3"), "entry 3 was"),
    ],
)
def test_what_was_done_to_the_records_is_named(data: Path, statements: tuple[str, ...], said: str) -> None:
    change(data, *statements)
    told = call("verify", "--data", str(data), code=1)
    assert "the book is not whole" in told or "can't be read" in told
    assert said in told


def test_a_cut_end_is_seen_by_what_was_noted(data: Path) -> None:
    noted = json.loads(call("verify", "--json", "--data", str(data)))
    mark = f"{noted['entries']}:{noted['hash']}"
    change(data, "DELETE FROM audit WHERE n > 4")
    assert "whole: 4 entries" in call("verify", "--data", str(data)), "in itself it is whole"
    told = call("verify", "--noted", mark, "--data", str(data), code=1)
    assert "entries 5 to 6 are missing: the end was cut off (entry 6 was noted)" in told


def test_a_book_that_was_written_anew_is_seen_by_what_was_noted(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "book.jsonl"
    call("export", "--out", str(copy), "--data", str(data))
    book = entries_of(copy.read_text())
    anew = chained(
        [entry.decision for entry in book[:2]] + [Decision(at_ms=9, by="x", action=Action.CLOSED)] * 4, last=None
    )
    forged = tmp_path / "forged.jsonl"
    forged.write_text("".join(as_line(entry) + "\n" for entry in anew))
    assert "whole: 6" in call("verify", "--file", str(forged))
    told = call("verify", "--file", str(forged), "--noted", f"6:{book[-1].hash}", code=1)
    assert "entry 6 is not the one that was noted" in told


def test_a_copy_is_checked_line_by_line(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "book.jsonl"
    assert "6 entries, newest 6:" in call("export", "--out", str(copy), "--data", str(data))
    assert copy.stat().st_mode & 0o077 == 0
    assert "File exists" in call("export", "--out", str(copy), "--data", str(data), code=1)
    assert "whole: 6 entries" in call("verify", "--file", str(copy))
    lines = copy.read_text(encoding="utf-8").splitlines()
    for changed, said in (
        ([*lines[:2], lines[2].replace("台風", "訓練"), *lines[3:]], "entry 3 was changed"),
        ([*lines[:2], *lines[3:]], "entry 3 is missing"),
        ([*lines[:2], lines[3], lines[2], *lines[4:]], "entry 3 stands in place 4: entries are out of order"),
        ([*lines[:2], "{}", *lines[3:]], "line 3: no entry"),
        ([*lines[:2], "[" * 100_000, *lines[3:]], "line 3:"),
        ([*lines[:2], "null", *lines[3:]], "line 3:"),
    ):
        copy.write_text("\n".join(changed) + "\n", encoding="utf-8")
        assert said in call("verify", "--file", str(copy), code=1)


@pytest.mark.parametrize("noted", ["x", "6", "0:" + "0" * 64, "6:abc"])
def test_a_note_that_is_none_says_what_to_give(data: Path, noted: str) -> None:
    assert "want N:HASH" in call("verify", "--noted", noted, "--data", str(data), code=2)
