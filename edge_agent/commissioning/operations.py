"""The steps of a commissioning over a folder: what the command and the page both call.

Every step can be done again at any time. What a step found is on disk when the step ends; a step that is cancelled or
cut off leaves what was known before it. What a control test may have left in a device is put back first (``mend``).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

from msgspec.structs import replace

from device_profiles.model import Control
from edge_agent import plant
from edge_agent.check import LoadStep, Watching, check_site
from edge_agent.commissioning import spool
from edge_agent.commissioning.backup_test import run_backup_test
from edge_agent.commissioning.build_report import check_done, control_done, load_step_done
from edge_agent.commissioning.control_test import ControlTest
from edge_agent.commissioning.draft import (
    PHOTOS_MAX,
    Broker,
    Candidate,
    CheckDone,
    ControlDone,
    Draft,
    FoundUnit,
    LoadStepDone,
    Place,
    Step,
    StepState,
    TakenDevice,
    last_written_s,
    next_step,
    states,
    with_control,
    without_results,
)
from edge_agent.commissioning.found import ScanWish, address_of, candidates, scanning
from edge_agent.commissioning.identify import identify_unit
from edge_agent.commissioning.keys import SiteKeys, keys_of
from edge_agent.commissioning.live import LivePlant, live_plant
from edge_agent.commissioning.looking import library, lines_at
from edge_agent.commissioning.ports import strictest
from edge_agent.commissioning.progress import Ask, Progress, Tell, Timing, silent
from edge_agent.commissioning.report_files import WrittenReport, photo_of
from edge_agent.commissioning.scan import IDENTIFY_TIMEOUT_S, MakeLine
from edge_agent.commissioning.signing_off import PHOTOS, REPORTS, Signing
from edge_agent.commissioning.site_yaml import site_yaml
from edge_agent.commissioning.store import Store
from edge_agent.commissioning.taking import StepError, check_devices
from edge_agent.commissioning.words_tests import backup_result
from edge_agent.config import SiteConfig, load_config
from edge_agent.core.clock import Sync
from edge_agent.io.journal import Journal, journal_path
from edge_agent.io.system_clock import KernelSync
from edge_agent.mending import Mended, has_pending, mend_site

KEYS: Final = "keys"


def clock_is_set() -> bool:
    """Whether a time service vouches for this machine's clock."""
    return KernelSync()() is Sync.SYNCED


class Commissioning:
    """A commissioning in a folder. Use it as a context manager, or ``close`` it.

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

    def __enter__(self) -> Commissioning:
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

    def _now_ms(self) -> int:
        return int(self.timing.now() * 1000)

    def _save(self, **changes: object) -> None:
        draft = replace(self.draft, **changes)
        self._store.save(draft if draft.started_ms else replace(draft, started_ms=self._now_ms()))

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
            self._save(found=(*kept, *found), scanned_ms=self._now_ms())
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

    # Tests

    @property
    def must_mend(self) -> bool:
        """Whether a control test that was cut short may have left something in a device."""
        return self.has_config and has_pending(self.config())

    async def mend(self) -> list[Mended]:
        """Put back what a control test that was cut short has left. Raises JournalError, ConfigError."""
        return await mend_site(self.config(), self._make_line) if self.must_mend else []

    async def check(self, tell: Tell = silent) -> CheckDone:
        """Read everything for a while and judge it. Raises ConfigError, StoreError."""
        timing = self.timing
        began_s = timing.elapsed()

        def told(waiting: Sequence[str]) -> None:
            seconds = timing.elapsed() - began_s
            kind = "check_waits" if waiting else "check_watches"
            tell(Progress(kind, {"names": ", ".join(waiting), "seconds": seconds}, seconds, timing.watch_s))

        watching = Watching(watch_s=timing.watch_s, now=timing.now, pause=timing.pause)
        seen = await check_site(self.config(), told, watching=watching, line_of=self._make_line)
        done = check_done(seen, self._now_ms())
        self._save(check=done, report="")
        return done

    async def load_step(
        self, load_w: float, switched: Callable[[], Awaitable[object]], tell: Tell = silent, *, phase: str = ""
    ) -> LoadStepDone:
        """The sign test: ``switched`` is awaited once the meters were read, and ends when the load is on.

        Raises ConfigError, StoreError.
        """
        timing = self.timing
        watching = Watching(watch_s=0, now=timing.now, pause=timing.pause)

        async def ready() -> object:
            answer = await switched()
            tell(Progress("step_watches"))
            return answer

        step = LoadStep(load_w=load_w, ready=ready, phase=phase)
        seen = await check_site(self.config(), watching=watching, step=step, line_of=self._make_line)
        done = load_step_done(seen, load_w, self._now_ms())
        self._save(load_step=done, report="", skipped=self._not_skipped(Step.LOAD_STEP))
        return done

    async def controls(self) -> list[tuple[str, Control]]:
        """Every control of every device that answers now. Raises ConfigError."""
        with self._live(self.config()) as live:
            return await live.controllable()

    async def control_test(self, device: str, kind: str, tell: Tell = silent, *, ask: Ask | None = None) -> ControlDone:
        """Test one control of one device: write, read back, watch, put back what was there.

        Raises:
            NotThereError: the device is not in the site file, or does not answer.
            StepError: ``no_control``: the device has no such control.
            JournalError: what stands there cannot be noted on disk, so nothing was written.
            ConfigError, StoreError.
        """
        config = self.config()
        with (
            self._live(config) as live,
            Journal.open(journal_path(config.outbox.path)) as journal,
        ):
            place = await live.place(device)
            control = next((each for each in place.map.controls if each.kind == kind), None)
            if control is None:
                raise StepError("no_control", device=device, control=kind)
            test = ControlTest(
                live, device, journal, self.timing, tell, ask=ask, last_written_s=last_written_s(self.draft, device)
            )
            tested = await test.run(control)
        written = dict(self.draft.written_ms)
        if tested.written_at_s is not None:
            written[f"{device}/{kind}"] = int(tested.written_at_s * 1000)
        done = control_done(tested, self._now_ms())
        self._store.save(replace(with_control(self.draft, done), written_ms=written))
        self._save(skipped=self._not_skipped(Step.CONTROLS))
        return done

    async def backup_test(self, device: str, ask: Ask, tell: Tell = silent) -> ControlDone:
        """The outage test, with a person at the breaker. Raises NotThereError, ConfigError, StoreError."""
        with self._live(self.config()) as live:
            await live.place(device)
            tested = await run_backup_test(device, live.every_value, ask, self.timing, tell)
        result, advice = backup_result(tested)
        done = ControlDone(at_ms=self._now_ms(), result=result, kind=tested.kind, advice=advice)
        self._save(backup=done, report="")
        return done

    async def backup_devices(self) -> list[str]:
        """Devices that an outage can be tried with: those with a battery. Raises ConfigError."""
        with self._live(self.config()) as live:
            return await live.with_battery()

    def _live(self, config: SiteConfig) -> AbstractContextManager[LivePlant]:
        return live_plant(config, self._make_line, self.timing.pause)

    def _not_skipped(self, step: Step) -> tuple[Step, ...]:
        return tuple(each for each in self.draft.skipped if each is not step)

    # The end

    def add_photo(self, path: Path, caption: str = "") -> None:
        """Take a photo along. Raises ReportError when it is no picture or too large, StepError, StoreError."""
        photo, content = photo_of(path, caption[:200])
        others = tuple(each for each in self.draft.photos if each.name != photo.name)
        if len(others) >= PHOTOS_MAX:
            raise StepError("photos_full", count=PHOTOS_MAX)
        self._store.write(self.folder / PHOTOS / photo.name, content)
        self._save(photos=(*others, photo), report="")

    def remove_photo(self, name: str) -> None:
        """Leave a photo out after all; a name that is none of them changes nothing. Raises StoreError."""
        kept = tuple(each for each in self.draft.photos if each.name != name)
        if kept != self.draft.photos:
            self._save(photos=kept, report="")

    def keys(self) -> SiteKeys:
        """The keys of this shelter's box, made when missing. Raises KeysError, ConfigError, StepError."""
        return keys_of(self.folder / KEYS, self.config().site)

    def finish(self, remarks: str | None = None, photos: Sequence[Path] = ()) -> WrittenReport:
        """Sign the report as far as everything has come, and leave it for the running agent to send.

        Raises:
            StepError: ``no_technician``, ``no_check``, ``no_config``.
            ReportError: a photo cannot be taken, or the report is too large to travel.
            KeysError: a key cannot be used.
            StoreError, ConfigError, OSError.
        """
        if not self.draft.technician:
            raise StepError("no_technician")
        if self.draft.check is None:
            raise StepError("no_check")
        for path in photos:
            self.add_photo(path)
        if remarks is not None:
            self._save(remarks=remarks[:2_000])
        config = self.config()
        signing = Signing(
            folder=self.folder,
            at_ms=self._now_ms(),
            clock_is_set=self._clock_is_vouched(),
            config_sha256=self._store.config_sha256(),
        )
        written = signing.sign(self.draft, config, self.keys())
        spool.put(spool.spool_of(config.outbox.path), written.signed, written.folder.name)
        self._save(report=f"{REPORTS}/{written.folder.name}")
        return written
