"""The first half of a commissioning: the folder, what the person says, finding and choosing the devices.

The second half, the tests and the report, is in operations.py. What a step found is on disk when the step ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from edge_agent import plant
from edge_agent.commissioning.draft import (
    Broker,
    Candidate,
    Draft,
    FoundUnit,
    Place,
    Step,
    StepState,
    TakenDevice,
    next_step,
    states,
    without_results,
)
from edge_agent.commissioning.found import ScanWish, address_of, candidates, scanning
from edge_agent.commissioning.identify import identify_unit
from edge_agent.commissioning.looking import library, lines_at
from edge_agent.commissioning.ports import strictest
from edge_agent.commissioning.progress import Tell, Timing, silent
from edge_agent.commissioning.scan import IDENTIFY_TIMEOUT_S, MakeLine
from edge_agent.commissioning.site_yaml import site_yaml
from edge_agent.commissioning.store import Store
from edge_agent.commissioning.taking import StepError, check_devices
from edge_agent.config import SiteConfig, load_config
from edge_agent.core.clock import Sync
from edge_agent.io.system_clock import KernelSync


def clock_is_set() -> bool:
    """Whether a time service vouches for this machine's clock."""
    return KernelSync()() is Sync.SYNCED


class Preparing:
    """The folder, what the person said, and the devices. Use it as a context manager, or ``close`` it.

    Args:
        folder: gets ``site.yaml``, ``commissioning.json``, ``keys/``, ``photos/`` and ``reports/``.
        timing: how long tests wait, and by which clocks.
        make_line: the lines of the site's devices; a running agent gives its own.
        make_scan_line: the lines of a scan.
        clock_is_vouched: whether the machine's clock can be trusted.

    Raises:
        StoreError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        timing: Timing = Timing(),  # noqa: B008  (frozen)
        make_line: plant.MakeLine = plant.line_of,
        make_scan_line: MakeLine | None = None,
        clock_is_vouched: Callable[[], bool] = clock_is_set,
    ) -> None:
        self.folder = folder.resolve()
        self.timing = timing
        self._make_line, self._make_scan_line = make_line, make_scan_line
        self._clock_is_vouched = clock_is_vouched
        self._store = Store.open(self.folder)
        self.was_begun = bool(self.draft.started_ms)
        """There was a commissioning here already: this one goes on with it."""
        self.was_edited = False
        """The site file was changed since the tests: they count for nothing now."""
        self._adopt()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let others work on the folder."""
        self._store.close()

    @property
    def draft(self) -> Draft:
        """Everything that is known."""
        return self._store.draft

    @property
    def config_path(self) -> Path:
        """The site file."""
        return self._store.config_path

    @property
    def has_config(self) -> bool:
        """Whether there is a site file."""
        return self.config_path.exists()

    @property
    def next_step(self) -> Step | None:
        """The first step that is open."""
        return next_step(self.draft, has_config=self.has_config)

    @property
    def states(self) -> dict[Step, StepState]:
        """How far each step is."""
        return states(self.draft, has_config=self.has_config)

    def config(self) -> SiteConfig:
        """The site file as it is now.

        Raises:
            ConfigError: with every fault.
            StepError: ``no_config``: there is none yet.
        """
        if not self.has_config:
            raise StepError("no_config", path=str(self.config_path))
        return load_config(self.config_path)

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return int(self.timing.now() * 1000)

    def _save(self, **changes: object) -> None:
        draft = replace(self.draft, **changes)
        self._store.save(draft if draft.started_ms else replace(draft, started_ms=self.now_ms()))

    def _tested_config(self) -> SiteConfig:
        """The site file as it is now, for a test; it may have been edited since the folder was opened."""
        self._adopt()
        return self.config()

    def _adopt(self) -> None:
        """Take the site file as it is; results of another one count for nothing."""
        digest = self._store.config_sha256()
        known = self.draft.config_sha256
        if not digest or digest == known:
            return
        self.was_edited = bool(known)
        self._store.save(replace(without_results(self.draft), config_sha256=digest))

    # What the person says

    def describe(
        self,
        *,
        site: str | None = None,
        name: str | None = None,
        technician: str | None = None,
        company: str | None = None,
        broker: Broker | None = None,
    ) -> None:
        """Note what the person said; None leaves a thing as it is. Raises StoreError."""
        said = {"site": site, "name": name, "technician": technician, "company": company, "broker": broker}
        self._save(**{key: value for key, value in said.items() if value is not None})

    def skip(self, step: Step) -> None:
        """Leave a step out: the report will say that it is not proven. Raises StoreError."""
        if step not in self.draft.skipped:
            self._save(skipped=(*self.draft.skipped, step))

    # Finding the devices

    async def scan(self, wish: ScanWish, tell: Tell = silent) -> tuple[FoundUnit, ...]:
        """Look for units and identify them. A cancellation keeps what was found so far.

        Raises:
            TargetError: a target is not understood, or too much would be looked at.
            StoreError: it cannot be kept.
        """
        running = scanning(wish, tell, self._make_scan_line)
        try:
            await running.run()
        finally:
            found = running.found
            places = {unit.place.text for unit in found}
            kept = tuple(unit for unit in self.draft.found if unit.place.text not in places)
            self._save(found=(*kept, *found), scanned_ms=self.now_ms())
        return found

    async def identify(self, place: Place, unit: int) -> tuple[Candidate, ...]:
        """Who one unit is. Raises LinkDown when nobody answers, StoreError."""
        profiles = library()
        make_line = self._make_scan_line or lines_at(strictest(profiles))
        line = make_line(address_of(place))
        try:
            identified = await identify_unit(line, unit, profiles, timeout_s=IDENTIFY_TIMEOUT_S)
        finally:
            line.close()
        found = FoundUnit(place=place, unit=unit, candidates=candidates(identified), is_decided=bool(identified.best))
        kept = tuple(each for each in self.draft.found if (each.place, each.unit) != (place, unit))
        self._save(found=(*kept, found))
        return found.candidates

    def take_devices(self, devices: Sequence[TakenDevice]) -> None:
        """Choose the devices of the site. Other ones than before clear all results.

        Raises:
            StepError: they make no site (taking.py).
            StoreError: it cannot be kept.
        """
        check_devices(devices)
        taken = tuple(devices)
        if taken != self.draft.devices:
            self._store.save(replace(without_results(self.draft), devices=taken))

    def write_config(self) -> Path:
        """Write the site file from what is known; an edited one is kept beside it. Raises StepError, StoreError."""
        draft = self.draft
        if not draft.devices:
            raise StepError("no_devices")
        if not draft.site:
            raise StepError("no_site")
        digest = self._store.config_sha256()
        if digest and digest != draft.config_sha256:
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.timing.now() + 9 * 3600))
            self.config_path.replace(self.config_path.with_name(f"site.yaml.{stamp}"))
        self._store.write(self.config_path, site_yaml(draft).encode("utf-8"))
        self._save(config_sha256=self._store.config_sha256())
        return self.config_path
