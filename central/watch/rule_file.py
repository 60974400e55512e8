"""The file of alert rules: read at the start, and again whenever it changes. A bad file never ends the watch.

What was read well is copied beside the service's data, so that a slip of the pen does not keep the service from
starting after a power cut either: then the copy holds until the file is mended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import structlog

from central.core.alerts.given import AlertConfigError
from central.core.watch.examples import failures
from central.core.watch.lines import with_lines
from central.core.watch.rules import Rule, read_rules
from central.settings import SettingsError

log = structlog.get_logger(__name__)

LIBRARY: Final = resources.files("central.watch") / "library" / "rules.yaml"
Mark = tuple[int, int]
"""Time of the last change in ns, and size: when neither differs, a file is the same."""


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """The rules of a file, or those that come with the program; their examples are played.

    Raises:
        SettingsError: it can't be used; the text names every fault with its line and its place.
    """
    name = str(path) if path is not None else "rules.yaml"
    try:
        data = path.read_bytes() if path is not None else LIBRARY.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}") from None
    try:
        rules, faults = read_rules(data), []
    except AlertConfigError as error:
        rules, faults = (), str(error).splitlines()
    if found := with_lines(data, faults or failures(rules)):
        raise SettingsError("\n".join(f"{name}: {line}" for line in found))
    return rules


class RuleFile:
    """The rules that hold. ``follow`` reads the file again when it has changed; with a fault the old ones stay.

    Args:
        path: the file of the settings; without one the rules of the program hold.
        copy: where what was read well is kept for the next start.

    Raises:
        SettingsError: the file can't be used, and none was ever read well.
    """

    def __init__(self, path: Path | None, copy: Path | None = None) -> None:
        self.path = path
        self.fault = ""
        """Why the file as it is now does not hold, one fault a line; empty: it does."""
        self._copy = copy
        self._mark = _mark_of(path)
        self.rules: Sequence[Rule] = self._first()

    def _first(self) -> Sequence[Rule]:
        if self.path is None:
            return load_rules(None)
        try:
            return self._read(self.path)
        except SettingsError as error:
            if self._copy is None or not self._copy.exists():
                raise
            try:
                rules = load_rules(self._copy)
            except SettingsError:
                raise error from None
            self._blame(error)
            return rules

    def _read(self, path: Path) -> Sequence[Rule]:
        rules = load_rules(path)
        if self._copy is not None:
            try:
                fresh = self._copy.with_name(f"{self._copy.name}.new")
                fresh.write_bytes(path.read_bytes())
                fresh.replace(self._copy)
            except OSError as error:
                log.warning("alert_rules_not_copied", to=str(self._copy), error=str(error))
        return rules

    def _blame(self, error: SettingsError) -> None:
        self.fault = str(error)
        log.error("alert_rules_not_read", path=str(self.path), error=self.fault, what="the old rules hold")

    async def follow(self) -> bool:
        """Read the file if it has changed; returns whether other rules hold now."""
        if self.path is None:
            return False
        mark = await asyncio.to_thread(_mark_of, self.path)
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            # Playing the examples of a long file takes a moment.
            self.rules = await asyncio.to_thread(self._read, self.path)
        except SettingsError as error:
            self._blame(error)
            return False
        self.fault = ""
        log.info("alert_rules_read", path=str(self.path), rules=len(self.rules))
        return True


def _mark_of(path: Path | None) -> Mark | None:
    """``None``: there is no such file."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None
