"""Telegrams dropped into a folder, by another receiver or by hand, and moved on: ``taken`` or ``refused`` beside them.

A file is read once its size and time have stood still for one look, so that a half-written one is not taken for broken.
Names that begin with a dot or do not end in ``.xml`` are left alone.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from central.core.alerts.telegram import Origin
from central.feeds.desk import Taken
from central.feeds.xml import BYTES_MAX
from central.store.base import StoreError

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
AT_ONCE: Final = 100
TAKEN: Final = "taken"
REFUSED: Final = "refused"

Take = Callable[..., Awaitable[Taken]]
"""``AlertDesk.take``."""


class Folder:
    """Looks into a folder; ``run`` until cancelled. ``trouble`` is empty while it can."""

    def __init__(self, path: Path, take: Take) -> None:
        self._path = path
        self._take = take
        self._seen: dict[str, tuple[int, int]] = {}
        self.trouble = ""

    async def run(self) -> None:
        """Look every two seconds."""
        while True:
            try:
                await self.look()
                self.trouble = ""
            except (OSError, StoreError) as error:
                if str(error) != self.trouble:
                    log.warning("folder_not_read", folder=str(self._path), error=str(error))
                self.trouble = str(error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """Once: take what stood still since the last look; returns how many.

        Raises:
            OSError: the folder can't be read, or a file can't be moved.
            StoreError: the file was not kept; it stays where it is.
        """
        ready = await asyncio.to_thread(self._ready)
        for name in ready:
            data = await asyncio.to_thread(_read, self._path / name)
            taken = await self._take(data, source=f"file:{name}", origin=Origin.FOLDER)
            where = REFUSED if taken.is_refused else TAKEN
            await asyncio.to_thread(_move, self._path / name, self._path / where)
            log.info("file_taken", file=name, word=taken.word, text=taken.text)
        return len(ready)

    def _ready(self) -> list[str]:
        now: dict[str, tuple[int, int]] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.name.lower().endswith(".xml"):
                    continue
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode):
                    now[entry.name] = about.st_size, about.st_mtime_ns
        ready = sorted(name for name, mark in now.items() if self._seen.get(name) == mark)
        self._seen = now
        return ready[:AT_ONCE]


def _read(path: Path) -> bytes:
    """One byte more than is taken, so that the desk sees that it is too large."""
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    path.rename(target)
