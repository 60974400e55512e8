"""The file of rules while the service runs: read again when it changes; a bad one keeps the old rules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from central.core.alerts.given import AlertConfigError
from central.core.watch.lines import with_lines
from central.core.watch.rules import read_rules
from central.settings import SettingsError
from central.watch.rule_file import LIBRARY, RuleFile, load_rules
from tests.central.watch.house import post

GOOD = """\
# limits of the city
rules:
  silent:
    watch: silent_min
    raise: 10
    clear: 1
    severity: warning
"""


def write(file: Path, text: str) -> Path:
    """A change is seen by time and size: two within a tick of the clock would pass for one."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text, encoding="utf-8")
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))
    return file


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD.replace("raise: 10", "raise: x"), 5),
        (GOOD.replace("clear: 1", "clear: 20"), 6),
        (GOOD.replace("severity: warning", "severity: bad"), 7),
        (GOOD.replace("    raise: 10\n", ""), 3),
        (GOOD + "    raise_afer_min: 5\n", 8),
        (GOOD.replace("silent:", "a.b:"), 3),
        (
            GOOD
            + "    examples:\n      - says: x\n        steps:\n          - {at_min: 0, alert: no}\n          - 7\n",
            12,
        ),
        (GOOD + "    examples:\n      - says: x\n        steps:\n          - {at_min: 0, silnt: 3, alert: no}\n", 11),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(AlertConfigError) as error:
        read_rules(text.encode())
    found = with_lines(text.encode(), str(error.value).splitlines())
    assert found[0].startswith(f"line {line}: rules."), found


def test_an_example_that_goes_otherwise_and_what_is_no_yaml_have_their_line_too(tmp_path: Path) -> None:
    steps = "    examples:\n      - says: at once\n        steps:\n          - {at_min: 0, silent_min: 3, alert: yes}\n"
    with pytest.raises(SettingsError, match=r"line 9: rules\.silent\.examples\[0\] \(at once\): at 0 min there is no"):
        load_rules(write(tmp_path / "rules.yaml", GOOD + steps))
    with pytest.raises(SettingsError, match="line 3, column"):
        load_rules(write(tmp_path / "rules.yaml", GOOD.replace("  silent:", "  - silent: [")))


@pytest.mark.parametrize("data", [b"\xff", b"", b"- a", b"[", b"7"])
def test_what_has_no_line_is_told_without_one(data: bytes) -> None:
    faults = ["no place", "x.y: z", "rules[3]: a: b"]
    assert with_lines(data, faults) == faults


async def test_a_changed_file_holds_without_a_restart_and_a_bad_one_leaves_the_old_rules(tmp_path: Path) -> None:
    path = write(tmp_path / "rules.yaml", GOOD)
    async with post(tmp_path, rules=path) as here:
        first = next(iter(here.queries.shelters))
        here.silence(first)
        await here.live(7)
        assert here.open == []
        write(path, GOOD.replace("raise: 10", "raise: 5"))
        await here.live(3)
        assert here.open == [f"link site {first}"]
        write(path, GOOD.replace("raise: 10", "raise: ten"))
        await here.live(1)
        assert here.watch.file.fault == (
            f"{path}: line 5: rules.silent: raise: want a number from 0 to 43200, got 'ten'"
        )
        assert [rule.raise_at for rule in here.watch.rules] == [5]
        assert here.open == [f"link site {first}"], "a bad file ends no alert"
        path.unlink()
        await here.live(1)
        assert "No such file" in here.watch.file.fault
        write(path, GOOD.replace("raise: 10", "raise: 600").replace("clear: 1", "clear: 500"))
        await here.live(1)
        assert here.watch.file.fault == ""
        assert here.open == [], "the new limit is not reached"


def test_a_bad_file_does_not_keep_the_service_from_starting_again(tmp_path: Path) -> None:
    path, copy = write(tmp_path / "rules.yaml", GOOD.replace("raise: 10", "raise: x")), tmp_path / "data" / "copy.yaml"
    with pytest.raises(SettingsError, match="line 5"):
        RuleFile(path, copy)
    write(path, GOOD)
    assert RuleFile(path, copy).fault == "", "a folder that is not there costs the copy alone"
    assert not copy.exists()
    copy.parent.mkdir()
    RuleFile(path, copy)
    write(path, GOOD.replace("raise: 10", "raise: x"))
    after = RuleFile(path, copy)
    assert [rule.raise_at for rule in after.rules] == [10]
    assert "line 5: rules.silent: raise" in after.fault
    assert list(copy.parent.iterdir()) == [copy]
    copy.write_text("rules: {}")
    with pytest.raises(SettingsError, match="line 5"):
        RuleFile(path, copy)


async def test_after_such_a_start_the_mended_file_is_read(tmp_path: Path) -> None:
    path, copy = write(tmp_path / "rules.yaml", GOOD), tmp_path / "copy.yaml"
    RuleFile(path, copy)
    write(path, "rules: [")
    file = RuleFile(path, copy)
    assert not await file.follow()
    write(path, GOOD.replace("raise: 10", "raise: 20"))
    assert await file.follow()
    assert (file.fault, [rule.raise_at for rule in file.rules]) == ("", [20])
    assert load_rules(copy)[0].raise_at == 20


async def test_the_rules_of_the_program_are_never_read_again() -> None:
    file = RuleFile(None)
    assert not await file.follow()
    assert [rule.name for rule in file.rules] == [rule.name for rule in read_rules(LIBRARY.read_bytes())]
