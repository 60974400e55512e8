"""The folder: whole files only, moved on after they were taken, and nothing else touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from central.core.alerts.telegram import Origin
from central.feeds.desk import Taken
from central.feeds.folder import REFUSED, TAKEN, Folder
from central.feeds.xml import BYTES_MAX
from central.store.base import StoreError
from tests.central.feeds.parts import write


class Desk:
    """Refuses what says so; its records may be away."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.is_away = False

    async def take(self, data: bytes, *, source: str, origin: Origin) -> Taken:
        assert origin is Origin.FOLDER
        if self.is_away:
            raise StoreError("away")
        self.taken.append((source, data))
        return Taken("word", "text", is_refused=data.startswith(b"bad"))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


async def test_a_file_is_taken_when_it_stands_still(tmp_path: Path) -> None:
    desk = Desk()
    folder = Folder(tmp_path, desk.take)
    path = write(tmp_path, "a.xml", b"half")
    assert await folder.look() == 0
    path.write_bytes(b"half and whole")
    assert await folder.look() == 0
    assert await folder.look() == 1
    assert desk.taken == [("file:a.xml", b"half and whole")]
    assert (names(tmp_path), names(tmp_path / TAKEN)) == (set(), {"a.xml"})
    assert await folder.look() == 0


async def test_a_refused_one_lies_apart_and_names_do_not_collide(tmp_path: Path) -> None:
    desk = Desk()
    folder = Folder(tmp_path, desk.take)
    for _ in range(3):
        write(tmp_path, "a.xml", b"bad")
        await folder.look()
        await folder.look()
    assert names(tmp_path / REFUSED) == {"a.xml", "a.2.xml", "a.3.xml"}


async def test_other_names_links_and_folders_are_left_alone(tmp_path: Path) -> None:
    desk = Desk()
    folder = Folder(tmp_path, desk.take)
    (tmp_path / ".a.xml").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    (tmp_path / "b.xml").mkdir()
    (tmp_path / "link.xml").symlink_to(tmp_path / "notes.txt")
    os.mkfifo(tmp_path / "pipe.xml")
    for _ in range(3):
        assert await folder.look() == 0
    assert desk.taken == []


async def test_a_huge_file_is_read_up_to_the_limit_and_one_byte(tmp_path: Path) -> None:
    desk = Desk()
    folder = Folder(tmp_path, desk.take)
    write(tmp_path, "a.xml", b"x" * (2 * BYTES_MAX))
    await folder.look()
    await folder.look()
    assert len(desk.taken[0][1]) == BYTES_MAX + 1


async def test_what_could_not_be_kept_stays_and_comes_again(tmp_path: Path) -> None:
    desk = Desk()
    folder = Folder(tmp_path, desk.take)
    write(tmp_path, "a.xml", b"x")
    desk.is_away = True
    await folder.look()
    with pytest.raises(StoreError):
        await folder.look()
    desk.is_away = False
    assert await folder.look() == 1


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        await Folder(tmp_path / "nowhere", Desk().take).look()
