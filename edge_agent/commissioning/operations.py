"""The steps of a commissioning over a folder: what the command and the page both call.

Every step can be done again at any time. What a step found is on disk when the step ends; a step that is cancelled or
cut off leaves what was known before it. What a control test may have left in a device is put back first (``mend``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from contract.commissioning import ReportedCheck
from device_profiles.model import Control
from edge_agent.check import LoadStep, Watching, check_site
from edge_agent.commissioning import spool
from edge_agent.commissioning.backup_test import run_backup_test
from edge_agent.commissioning.build_report import check_done, control_done, load_step_done
from edge_agent.commissioning.control_test import ControlTest
from edge_agent.commissioning.draft import (
    DROPPED_MAX,
    PHOTOS_MAX,
    CheckDone,
    ControlDone,
    LoadStepDone,
    Step,
    last_written_s,
    serial_of,
    with_control,
)
from edge_agent.commissioning.keys import KEYS, SiteKeys, keys_of
from edge_agent.commissioning.left import dropped, left_behind
from edge_agent.commissioning.live import LivePlant, Place, live_plant
from edge_agent.commissioning.preparing import Preparing
from edge_agent.commissioning.progress import Ask, Progress, Tell, silent
from edge_agent.commissioning.report_files import WrittenReport, photo_of
from edge_agent.commissioning.signing_off import PHOTOS, REPORTS, Signing
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.words_tests import backup_result
from edge_agent.config import SiteConfig
from edge_agent.io.journal import Journal, journal_path, left_in
from edge_agent.mending import Mended, has_pending, mend_site

DAMAGED: Final = "damaged"
"""Stands for the journal's lines that cannot be read, where an entry is named by its id."""


class Commissioning(Preparing):
    """A commissioning in a folder. Use it as a context manager, or ``close`` it.

    ``preparing.py`` has the steps up to the site file; here are the tests and the report.
    """

    # Tests

    @property
    def must_mend(self) -> bool:
        """Whether a control test that was cut short may have left something in a device."""
        return self.has_config and has_pending(self.config())

    async def mend(self) -> list[Mended]:
        """Put back what a control test that was cut short has left. Raises JournalError, ConfigError."""
        return await mend_site(self.config(), self._make_line) if self.must_mend else []

    @property
    def damaged(self) -> int:
        """How many lines of the journal cannot be read: what they held is not put back. Raises JournalError."""
        return left_in(journal_path(self.config().outbox.path))[1] if self.must_mend else 0

    def forget_restore(self, entry: str) -> ReportedCheck:
        """Give up putting something back, since a person has seen to it: an entry's id, or ``DAMAGED``.

        Returns what the report will say of it.

        Raises:
            StepError: ``no_restore``: there is no such entry.
            JournalError, ConfigError, StoreError.
        """
        with Journal.open(journal_path(self.config().outbox.path)) as journal:
            saved = next((each for each in journal.pending() if each.id == entry), None)
            if saved is None and not (entry == DAMAGED and journal.damaged):
                known = [each.id for each in journal.pending()] + [DAMAGED] * bool(journal.damaged)
                raise StepError("no_restore", entry=entry, known=", ".join(known) or "–")
            told = dropped(saved)
            # Said before it is dropped: a report must not be silent of it, whatever is cut off between the two.
            self._save(dropped=(*self.draft.dropped, told)[-DROPPED_MAX:], report="")
            if saved is None:
                journal.forget_damaged()
            else:
                journal.done(saved.id)
        return told

    async def check(self, tell: Tell = silent) -> CheckDone:
        """Read everything for a while and judge it. Raises ConfigError, StoreError."""
        timing = self.timing
        began_s = timing.elapsed()

        def told(waiting: Sequence[str]) -> None:
            seconds = timing.elapsed() - began_s
            kind = "check_waits" if waiting else "check_watches"
            tell(Progress(kind, {"names": ", ".join(waiting), "seconds": seconds}, seconds, timing.watch_s))

        watching = Watching(watch_s=timing.watch_s, now=timing.judging_clock(), pause=timing.pause)
        seen = await check_site(self._tested_config(), told, watching=watching, line_of=self._make_line)
        done = check_done(seen, self.now_ms(), given_s=timing.given_s)
        self._save(check=done, report="")
        return done

    async def load_step(
        self, load_w: float, switched: Callable[[], Awaitable[object]], tell: Tell = silent, *, phase: str = ""
    ) -> LoadStepDone:
        """The sign test: ``switched`` is awaited once the meters were read, and ends when the load is on.

        Raises ConfigError, StoreError.
        """
        timing = self.timing
        watching = Watching(watch_s=0, now=timing.judging_clock(), pause=timing.pause)

        async def ready() -> object:
            answer = await switched()
            tell(Progress("step_watches"))
            return answer

        step = LoadStep(load_w=load_w, ready=ready, phase=phase)
        seen = await check_site(self._tested_config(), watching=watching, step=step, line_of=self._make_line)
        done = load_step_done(seen, load_w, self.now_ms())
        self._save(load_step=done, report="", skipped=self._not_skipped(Step.LOAD_STEP))
        return done

    async def controls(self) -> list[tuple[str, Control]]:
        """Every control of every device that answers now. Raises ConfigError."""
        with self._live(self._tested_config()) as live:
            return await live.controllable()

    async def control_test(self, device: str, kind: str, tell: Tell = silent, *, ask: Ask | None = None) -> ControlDone:
        """Test one control of one device: write, read back, watch, put back what was there.

        Raises:
            NotThereError: the device is not in the site file, or does not answer.
            StepError: ``no_control``: the device has no such control; ``other_device``: it is not the one that was
                checked; ``left_before``: what an earlier test left in it cannot be put back.
            JournalError: what stands there cannot be noted on disk, so nothing was written.
            ConfigError, StoreError.
        """
        config = self._tested_config()
        with (
            self._live(config) as live,
            Journal.open(journal_path(config.outbox.path)) as journal,
        ):
            place = await live.place(device)
            control = next((each for each in place.map.controls if each.kind == kind), None)
            if control is None:
                raise StepError("no_control", device=device, control=kind)
            self._is_the_checked_one(device, place)
            test = ControlTest(
                live, device, journal, self.timing, tell, ask=ask, last_written_s=last_written_s(self.draft, device)
            )
            for saved in journal.pending():
                if saved.device == device and not (await test.put_back(saved)).is_done:
                    raise StepError("left_before", device=device, control=saved.kind, entry=saved.id)
            tested = await test.run(control)
        written = dict(self.draft.written_ms)
        if tested.written_at_s is not None:
            written[f"{device}/{kind}"] = int(tested.written_at_s * 1000)
        done = control_done(tested, self.now_ms())
        self._store.save(replace(with_control(self.draft, done), written_ms=written))
        self._save(skipped=self._not_skipped(Step.CONTROLS))
        return done

    async def backup_test(self, device: str, ask: Ask, tell: Tell = silent) -> ControlDone:
        """The outage test, with a person at the breaker. Raises NotThereError, ConfigError, StoreError."""
        with self._live(self._tested_config()) as live:
            await live.place(device)
            tested = await run_backup_test(device, live.every_value, ask, self.timing, tell)
        result, advice = backup_result(tested)
        at_ms = self.now_ms()
        done = ControlDone(at_ms=at_ms, result=replace(result, at_ms=at_ms), kind=tested.kind, advice=advice)
        self._save(backup=done, report="")
        return done

    async def backup_devices(self) -> list[str]:
        """Devices that an outage can be tried with: those with a battery. Raises ConfigError."""
        with self._live(self._tested_config()) as live:
            return await live.with_battery()

    def _is_the_checked_one(self, device: str, place: Place) -> None:
        """What was proven of one device proves nothing of the one that has taken its place."""
        checked, now = serial_of(self.draft, device), place.session.identity.get("serial", "")
        if checked and now and checked != now:
            raise StepError("other_device", device=device, checked=checked, now=now)

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
            StepError: ``no_technician``, ``no_check``, ``no_config``; ``edited``: the site file was changed since.
            JournalError: whether something was left in a device cannot be told.
            ReportError: a photo cannot be taken, or the report is too large to travel.
            KeysError: a key cannot be used.
            StoreError, ConfigError, OSError.
        """
        if not self.draft.technician:
            raise StepError("no_technician")
        was_checked = self.draft.check is not None
        self._adopt()
        if was_checked and self.draft.check is None:
            raise StepError("edited")
        if self.draft.check is None:
            raise StepError("no_check")
        for path in photos:
            self.add_photo(path)
        if remarks is not None:
            self._save(remarks=remarks[:2_000])
        config = self.config()
        signing = Signing(
            folder=self.folder,
            at_ms=self.now_ms(),
            clock_is_set=self._clock_is_vouched(),
            config_sha256=self._store.config_sha256(),
        )
        left = left_behind(*left_in(journal_path(config.outbox.path)))
        written = signing.sign(self.draft, config, self.keys(), left)
        spool.put(spool.spool_of(config.outbox.path), written.signed, written.folder.name)
        self._save(report=f"{REPORTS}/{written.folder.name}")
        return written
