"""The PIN file, its hash, and the count that survives a restart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.page.pin import Answer, Door, PinError, is_pin, new_pin, read_pin, tries_path

RIGHT, WRONG = "314159", "271828"


@dataclass
class Clock:
    ms: int = 1_790_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    new_pin(tmp_path / "page.pin", RIGHT)
    return tmp_path / "page.pin"


def test_a_made_pin_has_eight_digits_and_is_nowhere_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "page.pin"
    pin = new_pin(path)
    assert len(pin) == 8
    assert is_pin(pin)
    assert pin not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_pin(path).fits(pin)
    assert not read_pin(path).fits(pin[::-1] + "0")


def test_two_files_of_one_pin_differ(tmp_path: Path) -> None:
    for name in ("a", "b"):
        new_pin(tmp_path / name, RIGHT)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("text", ["12345", "1" * 33, "12345a", "12345６", "12 456"])
def test_what_is_no_pin_is_not_taken(tmp_path: Path, text: str) -> None:
    with pytest.raises(PinError, match="6 to 32 digits"):
        new_pin(tmp_path / "page.pin", text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"v": 1}',
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"v":2,"salt":"","digest":"","n":1,"r":1,"p":1}',
    ],
)
def test_a_file_that_is_none_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(PinError, match="--new-pin") as caught:
        read_pin(path)
    assert str(path) in str(caught.value)


def test_a_cheap_hash_that_somebody_put_there_is_not_taken(path: Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"n": 2}))
    with pytest.raises(PinError):
        read_pin(path)


def test_without_a_file_there_is_no_door(tmp_path: Path) -> None:
    with pytest.raises(PinError, match="--new-pin"):
        Door(tmp_path / "none", Clock())


async def test_the_right_pin_opens_and_forgets_the_wrong_ones(path: Path) -> None:
    door = Door(path, Clock())
    for _ in range(4):
        assert await door.knock(WRONG) is Answer.WRONG
    assert await door.knock(RIGHT) is Answer.RIGHT
    for _ in range(4):
        assert await door.knock(WRONG) is Answer.WRONG
    assert door.wait_s == 0


async def test_a_shut_door_opens_for_nobody_and_a_restart_does_not_open_it(path: Path) -> None:
    clock = Clock()
    door = Door(path, clock)
    for _ in range(5):
        assert await door.knock(WRONG) is Answer.WRONG
    assert door.wait_s == 30
    assert await door.knock(RIGHT) is Answer.SHUT
    again = Door(path, clock)
    assert await again.knock(RIGHT) is Answer.SHUT
    clock.ms += 30_000
    assert await again.knock(WRONG) is Answer.WRONG
    assert again.wait_s == 60
    clock.ms += 60_000
    assert await again.knock(RIGHT) is Answer.RIGHT


async def test_a_try_counts_before_the_pin_is_looked_at(path: Path) -> None:
    """A plug that is pulled at the right moment gives no free try."""
    await Door(path, Clock()).knock(WRONG)
    assert json.loads(tries_path(path).read_text())["wrong"] == 1
    assert tries_path(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"wrong": "x", "shut_until_ms": 0}', b'{"wrong": -3}'])
async def test_a_count_that_cannot_be_read_shuts_the_door(path: Path, content: bytes) -> None:
    tries_path(path).write_bytes(content)
    clock = Clock()
    door = Door(path, clock)
    assert await door.knock(RIGHT) is Answer.SHUT
    clock.ms += 15 * 60_000
    assert await door.knock(RIGHT) is Answer.RIGHT


async def test_a_new_pin_holds_at_once_and_the_old_one_no_more(path: Path) -> None:
    door = Door(path, Clock())
    new_pin(path, "161803")
    assert await door.knock(RIGHT) is Answer.WRONG
    assert await door.knock("161803") is Answer.RIGHT


@pytest.mark.parametrize("hostile", ["", "1" * 5_000, "\x00", "<script>", "١٢٣٤٥٦"])
async def test_what_is_no_pin_is_wrong(path: Path, hostile: str) -> None:
    assert await Door(path, Clock()).knock(hostile) is Answer.WRONG
