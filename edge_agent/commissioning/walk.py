"""From an unknown cabinet to a signed report, step by step, with one person at a terminal or none.

Everything is done by operations.py; here is only what is asked, shown and tried again. Every answer can be an option;
without a terminal nothing is asked, and what is missing is named all at once.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Final

from contract.commissioning import CHECK_AGE_MS_MAX, CheckVerdict, ControlVerdict, ReportError, SiteStage, judge
from contract.signing import fingerprint
from contract.topics import is_site_id
from edge_agent.commissioning.draft import Broker, Draft, Step, StepState
from edge_agent.commissioning.keys import KEYS, REQUEST, KeysError
from edge_agent.commissioning.networks import TargetError, own_networks, serial_ports
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.report_files import DOCUMENT, WrittenReport
from edge_agent.commissioning.report_page import missing_texts
from edge_agent.commissioning.site_yaml import NO_BROKER
from edge_agent.commissioning.store import StoreError
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.talk import Talk
from edge_agent.commissioning.walk_devices import Choosing, is_among
from edge_agent.commissioning.walk_options import Options, targets_of_text
from edge_agent.commissioning.walk_tests import Tests
from edge_agent.commissioning.words_cli import CLI
from edge_agent.commissioning.words_report import REPORT_WORDS
from edge_agent.commissioning.words_scan import target_error_in_words
from edge_agent.commissioning.words_walk import STEPS, step_error_in_words, store_error_in_words
from edge_agent.config import ConfigError
from edge_agent.config_faults import in_words
from edge_agent.io.journal import JournalError
from edge_agent.words import tokyo_time
from edge_agent.words_orders import DAMAGED_TEXT, mended_in_words

_PHOTOS_ASKED_MAX: Final = 20


def expanded(path: str) -> Path:
    """A path as it was typed, with ``~`` as the shell knows it."""
    return Path(path).expanduser()


def owner_instead_of_root(folder: Path) -> str | None:
    """The user whose folder root works in, by name; None when that is as it should be."""
    owner = folder.stat().st_uid
    if os.geteuid() or not owner:
        return None
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def to_do_again(draft: Draft, now_ms: int) -> set[Step]:
    """Tests whose last result was bad (whoever comes again comes after mending), and a check that is old."""
    found = set()
    if draft.check is not None and (
        any(each.verdict is CheckVerdict.FAILED for each in draft.check.checks)
        or now_ms - draft.check.at_ms > CHECK_AGE_MS_MAX
    ):
        found.add(Step.CHECK)
    bad = (ControlVerdict.FAILED, ControlVerdict.NOT_RESTORED)
    if any(done.result.verdict in bad for done in draft.controls):
        found.add(Step.CONTROLS)
    return found


class Ended(IntEnum):
    """How a walk ended: the exit code of the command."""

    VERIFIED = 0
    UNPROVEN = 1
    """There is a report, and something in it is not proven; or there is none, since no device was found."""
    WRONG = 2
    """Something about the options, files or folders is wrong."""


class Walk:
    """One walk through the steps that are open."""

    def __init__(self, commissioning: Commissioning, options: Options, talk: Talk, lang: str) -> None:
        self._c, self._options, self._talk, self._lang = commissioning, options, talk, lang
        self._words = CLI[lang]
        self._is_asking = options.is_asking and not options.says_yes
        self._tests = Tests(commissioning, options, talk, lang)
        self._number = 0

    def _say(self, key: str, **facts: str | float) -> None:
        self._talk.say(self._words[key].format(**facts))

    async def run(self) -> Ended:
        """Do every step that is open; what a person has to know is said. Raises nothing that a device or file does."""
        try:
            return await self._run()
        except StepError as error:
            self._talk.say(step_error_in_words(error, self._lang))
        except StoreError as error:
            self._talk.say(store_error_in_words(error, self._lang))
        except ConfigError as error:
            self._say("config_faults")
            self._talk.say(in_words(str(error), self._lang))
        except JournalError as error:
            self._say("journal", why=str(error))
        except (ReportError, KeysError, OSError) as error:
            self._say("finish_bad", why=str(error))
        except EOFError:
            self._say("stopped")
        return Ended.WRONG

    async def _run(self) -> Ended:
        self._greet()
        if self._options.site and not is_site_id(self._options.site):
            self._say("bad_site", given=self._options.site)
            return Ended.WRONG
        if self._options.bundle is not None:
            self._take_bundle(self._options.bundle)
        missing = self._missing()
        if missing:
            self._say("asked_for")
            for option in missing:
                self._talk.say(f"  {option}")
            return Ended.WRONG
        await self._mend()
        chosen = self._is_open(Step.SCAN) or self._is_open(Step.DEVICES)
        if chosen:
            self._head(Step.SCAN)
            if not await self._find():
                return Ended.UNPROVEN
        await self._describe(is_new=chosen)
        await self._mend()
        if self._is_open(Step.CHECK):
            self._head(Step.CHECK)
            await self._tests.check()
        if self._is_open(Step.LOAD_STEP):
            self._head(Step.LOAD_STEP)
            await self._tests.load_step()
        if self._is_open(Step.CONTROLS) or self._options.has_tiers or self._options.is_every_control:
            self._head(Step.CONTROLS)
            await self._tests.controls()
        if self._options.has_backup:
            self._head(Step.BACKUP)
            await self._tests.backup()
        self._head(Step.FINISH)
        return await self._finish()

    def _greet(self) -> None:
        draft = self._c.draft
        if self._c.was_begun:
            self._say("goes_on", folder=str(self._c.folder), started=tokyo_time(draft.started_ms / 1000))
        else:
            self._say("begins", folder=str(self._c.folder))
        if (owner := owner_instead_of_root(self._c.folder)) is not None:
            self._say("as_root", owner=owner, folder=str(self._c.folder))
        if self._c.was_edited:
            self._say("edited")
        for step, state in self._c.states.items():
            if self._c.was_begun and state is StepState.DONE and not self._is_open(step) and step is not Step.FINISH:
                self._say("done_before", name=STEPS[self._lang][step])
        taken = draft.devices
        unused = [one.id for one in self._options.take if taken and not is_among(one, taken)]
        if unused and not self._is_open(Step.DEVICES) and not self._is_open(Step.SCAN):
            self._say("take_unused", names=", ".join(unused))

    def _is_open(self, step: Step) -> bool:
        """Whether a step is to be done: it was never done, left out or failed last time, or shall be done again."""
        if step in self._options.redo or self._c.states[step] in (StepState.OPEN, StepState.SKIPPED):
            return True
        return step in to_do_again(self._c.draft, self._c.now_ms())

    def _head(self, step: Step) -> None:
        self._number += 1
        self._talk.say()
        self._say("step", number=self._number, name=STEPS[self._lang][step])

    def _missing(self) -> list[str]:
        """Options that are needed where nobody can be asked."""
        if self._options.is_asking and not self._options.says_yes:
            return []
        if not self._options.is_asking and not self._options.says_yes:
            return ["--yes"]
        draft, options = self._c.draft, self._options
        needs_devices = self._is_open(Step.SCAN) or self._is_open(Step.DEVICES)
        found = []
        if needs_devices and not options.wish.targets and not options.take and not draft.found:
            found.append("ADDRESS")
        if not (options.site or draft.site or self._c.has_config):
            found.append("--site (--bundle)")
        if not (options.technician or draft.technician):
            found.append("--technician")
        if options.load_w and options.load_after_s is None and not options.is_asking:
            found.append("--load-step-after")
        return found

    async def _mend(self) -> None:
        """What a control test that was cut short has left behind is put back before anything else."""
        for mended in await self._c.mend():
            self._talk.say(mended_in_words(mended, self._lang))
        if self._c.damaged:
            self._talk.say(DAMAGED_TEXT[self._lang])

    # Devices

    async def _find(self) -> bool:
        """Scan and choose; whether there are devices now."""
        choosing = Choosing(self._talk, self._lang, is_asking=self._is_asking)
        while True:
            targets = self._options.wish.targets
            if not targets and not self._options.take and (self._is_asking or not self._c.draft.found):
                targets = await self._ask_where()
            if targets:
                self._say("looks", targets=", ".join(targets))
                try:
                    await self._c.scan(replace(self._options.wish, targets=targets), self._talk.progress)
                except TargetError as error:
                    self._talk.quiet()
                    self._talk.say(target_error_in_words(error, self._lang))
                    if self._options.wish.targets or not self._is_asking:
                        return False
                    continue
                self._talk.quiet()
                choosing.show_found(self._c.draft.found)
            self._head(Step.DEVICES)
            taken = await choosing.choose(self._c.draft.found, self._options.take)
            if taken:
                self._c.take_devices(taken)
                return True
            self._say("nothing_taken")
            if not self._is_asking or self._options.wish.targets:
                return False

    async def _ask_where(self) -> tuple[str, ...]:
        seen = (*own_networks(), *serial_ports())
        if seen:
            self._say("seen_here", places=", ".join(seen))
        while not (given := targets_of_text(await self._talk.ask(self._words["where"]))):
            pass
        return given

    # Shelter

    def _take_bundle(self, path: Path) -> None:
        """What the city made for this shelter, before anything is asked."""
        bundle = self._c.take_bundle(path, outbox=self._options.outbox or "")
        where = f"{bundle.mqtt.host}:{bundle.mqtt.port}"
        self._say("bundle", site=bundle.site, name=bundle.name, where=where, ends=tokyo_time(bundle.ends_s))
        self._say("bundle_obeys" if self._c.draft.city_key else "bundle_obeys_nobody")

    async def _describe(self, *, is_new: bool) -> None:
        """Shelter, technician and the way to the city; then the site file. ``is_new``: devices were chosen just now."""
        draft, options = self._c.draft, self._options
        has_file = self._c.is_by_hand and not is_new
        site = self._c.config().site if has_file else await self._site()
        name = options.name if options.name is not None else draft.name
        if not name and not has_file and self._is_asking:
            name = await self._talk.ask(self._words["ask_name"])
        technician = options.technician or draft.technician
        while not technician:
            technician = await self._talk.ask(self._words["ask_technician"])
        company = options.company if options.company is not None else draft.company
        if not company and not draft.technician and self._is_asking:
            company = await self._talk.ask(self._words["ask_company"])
        broker = None if has_file else await self._broker()
        self._c.describe(site=site, name=name[:200], technician=technician[:100], company=company[:200], broker=broker)
        if not has_file:
            path = self._c.write_config()
            self._say("wrote", path=str(path))
            self._c.config()

    async def _site(self) -> str:
        site = self._options.site or self._c.draft.site
        while not is_site_id(site):
            if site:
                self._say("bad_site", given=site)
            if not self._is_asking:
                raise StepError("no_site")
            site = await self._talk.ask(self._words["ask_site"])
        return site

    async def _broker(self) -> Broker:
        options, known = self._options, self._c.draft.broker
        host = options.mqtt_host or (known.host if known is not None else "")
        if not host and self._is_asking:
            host = await self._talk.ask(self._words["ask_broker"])
        known = known or Broker(host=NO_BROKER)
        return Broker(
            host=(host or NO_BROKER)[:200],
            port=options.mqtt_port or known.port,
            username=options.mqtt_username or known.username,
            password_file=options.mqtt_password_file or known.password_file,
            ca_file=options.mqtt_ca_file or known.ca_file,
            cert_file=known.cert_file,
            key_file=known.key_file,
        )

    # The end

    async def _finish(self) -> Ended:
        for path in self._options.photos:
            self._c.add_photo(path)
        remarks = self._options.remarks
        if remarks is None and self._is_asking:
            remarks = await self._talk.ask(self._words["ask_remarks"]) or None
            await self._ask_photos()
        written = self._c.finish(remarks)
        stage = self._show_verdict(written)
        return Ended.VERIFIED if stage is SiteStage.VERIFIED else Ended.UNPROVEN

    async def _ask_photos(self) -> None:
        for _ in range(_PHOTOS_ASKED_MAX):
            given = await self._talk.ask(self._words["ask_photo"])
            if not given:
                return
            try:
                self._c.add_photo(expanded(given))
            except (ReportError, StepError) as error:
                self._say("photo_bad", why=str(error))

    def _show_verdict(self, written: WrittenReport) -> SiteStage:
        judged = judge(written.report)
        self._say("verdict", stage=REPORT_WORDS[self._lang]["stages"][judged.stage.value])
        for text in missing_texts(judged.missing, self._lang):
            self._say("missing", text=text)
        if written.report.is_synthetic:
            self._say("synthetic")
        self._say("report", path=str(written.page(self._lang)))
        self._say("report_json", path=str(written.folder / DOCUMENT))
        self._say("fingerprint", fingerprint=fingerprint(written.signed.public))
        self._talk.say()
        self._say("next")
        if self._c.config().mqtt.host == NO_BROKER:
            self._say("next_broker")
        self._say("next_run", path=str(self._c.config_path))
        if self._c.config().mqtt.tls is None:
            self._say("next_csr", path=str(self._c.folder / KEYS / REQUEST))
        return judged.stage
