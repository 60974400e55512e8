"""The first half of a commissioning: the folder, what the person says, finding and choosing the devices.

The second half, the tests and the report, is in operations.py. What a step found is on disk when the step ends.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from msgspec.structs import replace

from edge_agent import plant
from edge_agent.commissioning.bundle import CA, CERTIFICATE, CITY_KEY, KEY, Bundle, open_bundle
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
from edge_agent.commissioning.keys import KEYS, LINK_KEY
from edge_agent.commissioning.looking import library, lines_at
from edge_agent.commissioning.ports import strictest
from edge_agent.commissioning.progress import Tell, Timing, silent
from edge_agent.commissioning.scan import IDENTIFY_TIMEOUT_S, MakeLine
from edge_agent.commissioning.site_yaml import site_yaml, with_sections
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
    def is_by_hand(self) -> bool:
        """Whether the site file is a person's work, written or edited: it is worked with and not written over."""
        digest, written = self._store.config_sha256(), self.draft.written_sha256
        return bool(digest) and (not self.draft.devices or bool(written and digest != written))

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
        written = self.draft.written_sha256 or known
        self._store.save(replace(without_results(self.draft), config_sha256=digest, written_sha256=written))

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

    def take_bundle(self, path: Path, *, outbox: str = "") -> Bundle:
        """Take what the city made for this shelter: its files into the folder, what they mean into the site file.

        A site file that is there keeps its outbox, and everything that the bundle says nothing of.

        Args:
            path: the ZIP, or a folder with what was in it.
            outbox: where readings shall wait, instead of where the bundle says.

        Raises:
            StepError: ``bundle_…`` (words_bundle.py); nothing was changed.
            StoreError, ConfigError.
        """
        keys = (KEY, f"{KEYS}/{LINK_KEY}")
        bundle = open_bundle(path, self.folder, keys, site=self.draft.site, now_s=self.timing.now())
        if bundle.beginning and self.has_config and self.config_path.read_bytes() == bundle.beginning:
            self.config_path.unlink()  # It was unpacked to this very folder.
        if self.has_config and (site := self.config().site) != bundle.site:
            raise StepError("bundle_other_site", path=str(path), site=bundle.site, wanted=site)
        is_by_hand = self.is_by_hand
        merged = self._with_bundle(bundle) if is_by_hand else ""
        outbox_path = self.draft.outbox_path
        if not self.has_config:
            outbox_path = outbox or str(bundle.outbox.path)
            self._check_outbox(outbox_path)
        for name, content in bundle.files.items():
            self._store.write(self.folder / name, content, mode=0o600 if name == KEY else 0o644)
            self._give(self.folder / name)
        self._save(
            site=bundle.site,
            name=self.draft.name or bundle.name,
            broker=_broker_of(bundle),
            outbox_path=outbox_path,
            keep_delivered_h=bundle.outbox.keep_delivered_h,
            city_key=CITY_KEY if CITY_KEY in bundle.files else "",
        )
        if is_by_hand:
            self._keep_beside()
            self._store.write(self.config_path, merged.encode("utf-8"))
            self._adopt()
        elif self.draft.devices:
            self.write_config()
        return bundle

    def _with_bundle(self, bundle: Bundle) -> str:
        """The site file that somebody wrote, with the bundle's sections in it."""
        text = self.config_path.read_text(encoding="utf-8-sig")
        before = yaml.safe_load(text)
        keeps = {name: value for name, value in before["mqtt"].items() if name == "keepalive_s"}
        tls = {"ca_file": CA, "cert_file": CERTIFICATE, "key_file": bundle.key_file}
        outbox = before.get("outbox") or {}
        hours = max(bundle.outbox.keep_delivered_h, outbox.get("keep_delivered_h", 0))
        sections: dict[str, object] = {
            "mqtt": {"host": bundle.mqtt.host, "port": bundle.mqtt.port, "tls": tls, **keeps},
            "outbox": {**outbox, "keep_delivered_h": hours},
        }
        if CITY_KEY in bundle.files:
            others = [each for each in before.get("city_keys") or () if each != CITY_KEY]
            sections |= {"city_keys": [*others, CITY_KEY], "steering": before.get("steering") or {}}
        try:
            return with_sections(text, sections)
        except ValueError as error:
            raise StepError("bundle_by_hand", path=str(self.config_path), lines=str(error)) from None

    def _check_outbox(self, path: str) -> None:
        folder = (self.folder / path).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StepError("bundle_outbox", path=str(folder), why=error.strerror or str(error)) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StepError("bundle_outbox", path=str(folder), why=os.strerror(errno.EACCES))

    def _give(self, path: Path) -> None:
        """What root puts into the box's folder belongs to the box's user, who alone may read a key."""
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def _keep_beside(self) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.timing.now() + 9 * 3600))
        self.config_path.replace(self.config_path.with_name(f"site.yaml.{stamp}"))

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
        if digest and digest != draft.written_sha256:
            self._keep_beside()
        self._store.write(self.config_path, site_yaml(draft).encode("utf-8"))
        written = self._store.config_sha256()
        self._save(config_sha256=written, written_sha256=written)
        return self.config_path


def _broker_of(bundle: Bundle) -> Broker:
    return Broker(
        host=bundle.mqtt.host,
        port=bundle.mqtt.port,
        ca_file=CA,
        cert_file=CERTIFICATE,
        key_file=bundle.key_file,
    )
