"""Check, load test, control tests and outage test at a terminal: what is asked, shown and tried again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from contract.commissioning import PROVING, CheckVerdict, ControlVerdict, ReportedCheck
from device_profiles.model import Control, ControlKind
from edge_agent.commissioning.draft import LOAD_W_MAX, LOAD_W_MIN, ControlDone, Step
from edge_agent.commissioning.live import NotThereError
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.progress import Facts
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.talk import Talk
from edge_agent.commissioning.walk_devices import is_no
from edge_agent.commissioning.walk_options import LOAD_W_DEFAULT, Options
from edge_agent.commissioning.words_cli import CLI
from edge_agent.commissioning.words_tests import BY_HAND, control_name
from edge_agent.commissioning.words_walk import IS_YES_NO, STEPS, ask_in_words, step_error_in_words
from edge_agent.io.journal import JournalError

_HOW: Final = (ControlKind.RESERVE, ControlKind.CHARGE, ControlKind.DISCHARGE_BLOCK, ControlKind.EXPORT_LIMIT)


class Tests:
    """The tests of one walk."""

    def __init__(self, commissioning: Commissioning, options: Options, talk: Talk, lang: str) -> None:
        self._c, self._options, self._talk, self._lang = commissioning, options, talk, lang
        self._words = CLI[lang]
        self._is_asking = options.is_asking and not options.says_yes

    def _say(self, key: str, **facts: str | float) -> None:
        self._talk.say(self._words[key].format(**facts))

    # Check

    async def check(self) -> None:
        """Check, and again after mending as long as the person wants."""
        while True:
            done = await self._c.check(self._talk.progress)
            self._talk.quiet()
            self._show_checks(done.checks)
            has_failed = any(check.verdict is CheckVerdict.FAILED for check in done.checks)
            if not has_failed or not self._is_asking or is_no(await self._talk.ask(self._words["again"])):
                return

    def _show_checks(self, checks: Sequence[ReportedCheck]) -> None:
        for verdict, name in ((CheckVerdict.FAILED, "failed"), (CheckVerdict.WARNED, "warned")):
            for check in checks:
                if check.verdict is verdict:
                    self._show_check(check, self._words[name])
        for check in checks:
            if check.verdict is CheckVerdict.NOT_JUDGED:
                self._talk.say(f"{self._words['not_judged']}: {self._text(check)}")
        count = {verdict: sum(check.verdict is verdict for check in checks) for verdict in CheckVerdict}
        numbers = {verdict.value: count[verdict] for verdict in CheckVerdict}
        is_fine = not count[CheckVerdict.FAILED] and not count[CheckVerdict.WARNED]
        self._say("check_ok" if is_fine else "check_sum", **numbers)

    def _text(self, check: ReportedCheck) -> str:
        return check.ja if self._lang == "ja" else check.en

    def _show_check(self, check: ReportedCheck, name: str) -> None:
        self._talk.say(f"{name}: {self._text(check)}")
        remedy = check.try_ja if self._lang == "ja" else check.try_en
        if remedy and check.verdict is not CheckVerdict.PASSED:
            self._say("try", text=remedy)

    # Load test

    async def load_step(self) -> None:
        """The test with a known load, or its being left out."""
        load_w = await self._load_w()
        if not load_w:
            self._skip(Step.LOAD_STEP)
            return
        while True:
            self._say("step_first")
            done = await self._c.load_step(
                load_w, lambda: self._switched(load_w), self._talk.progress, phase=self._options.load_phase
            )
            self._talk.quiet()
            for check in done.checks:
                if check.kind.startswith("step_"):
                    names = {CheckVerdict.FAILED: "failed", CheckVerdict.WARNED: "warned"}
                    self._show_check(check, self._words[names.get(check.verdict, "verdict_passed")])
            self._say("step_proven" if done.is_proven else "step_not_proven")
            self._say("step_off")
            if done.is_proven or not self._is_asking or is_no(await self._talk.ask(self._words["again_step"])):
                return

    async def _load_w(self) -> float:
        if self._options.load_w is not None:
            return self._options.load_w
        if not self._is_asking:
            return 0.0
        while True:
            answer = await self._talk.ask(self._words["ask_load"].format(default=LOAD_W_DEFAULT))
            try:
                load_w = float(answer.replace(",", "")) if answer else LOAD_W_DEFAULT
            except ValueError:
                load_w = -1.0
            if load_w == 0 or LOAD_W_MIN <= load_w <= LOAD_W_MAX:
                return load_w
            self._say("bad_load")

    async def _switched(self, load_w: float) -> None:
        after_s = self._options.load_after_s
        if after_s is not None:
            self._say("step_soon", load_w=load_w, seconds=after_s)
            await self._c.timing.pause(after_s)
            return
        await self._talk.ask(self._words["step_now"].format(load_w=load_w))

    # Controls

    async def controls(self) -> None:
        """The control tests that are wanted."""
        wanted = self._wanted(await self._c.controls())
        if not wanted:
            if self._options.controls != ():
                self._say("controls_none")
            self._skip(Step.CONTROLS)
            return
        is_any_done = False
        for device, control in wanted:
            is_any_done |= await self._control(device, control)
        if not is_any_done:
            self._skip(Step.CONTROLS)

    def _skip(self, step: Step) -> None:
        self._c.skip(step)
        self._say("skipped", name=STEPS[self._lang][step])

    def _wanted(self, every: Iterable[tuple[str, Control]]) -> list[tuple[str, Control]]:
        given = list(every)
        plain = [(device, control) for device, control in given if not control.kind.startswith("tier")]
        if self._options.is_every_control:
            wanted = plain
        elif self._options.controls is not None:
            wanted = [each for each in plain if each[1].kind in self._options.controls]
        else:
            wanted = [each for device in dict.fromkeys(d for d, _ in plain) for each in _proving(device, plain)]
        if self._options.has_tiers:
            wanted += [each for each in given if each[1].kind.startswith("tier")]
        return wanted

    async def _control(self, device: str, control: Control) -> bool:
        """Test one control, again as long as the person wants; whether it was begun."""
        name = control_name(control.kind, self._lang)
        how = self._how(control)
        self._say("control_will", device=device, name=name, how=how)
        by_hand = control.by_hand_ja if self._lang == "ja" else control.by_hand_en
        if by_hand:
            self._talk.say("  " + BY_HAND[0 if self._lang == "ja" else 1].format(text=by_hand.strip()))
        if self._is_asking and is_no(await self._talk.ask(self._words["control_ask"])):
            return False
        while True:
            try:
                done = await self._c.control_test(device, control.kind, self._talk.progress, ask=self._ask)
            except StepError as error:
                self._talk.say(step_error_in_words(error, self._lang))
                return True
            except (NotThereError, JournalError) as error:
                key = "device_away" if isinstance(error, NotThereError) else "journal"
                self._say(key, why=str(error))
                return True
            self._talk.quiet()
            self._show_control(done)
            is_well = done.result.verdict is ControlVerdict.PASSED
            if is_well or not self._is_asking or is_no(await self._talk.ask(self._words["again_control"])):
                return True

    def _how(self, control: Control) -> str:
        kind = "tier" if control.kind.startswith("tier") else control.kind if control.kind in _HOW else "other"
        return self._words[f"how_{kind}"].format(hold=self._c.timing.hold_s)

    def _show_control(self, done: ControlDone) -> None:
        result = done.result
        self._say(
            "result",
            verdict=self._words[f"verdict_{result.verdict.value}"],
            device=result.device,
            name=control_name(result.control, self._lang),
            text=result.ja if self._lang == "ja" else result.en,
        )
        if done.advice is not None:
            self._say("try", text=done.advice.ja if self._lang == "ja" else done.advice.en)

    async def _ask(self, kind: str, facts: Facts) -> str:
        question = ask_in_words(kind, facts, self._lang)
        if kind not in IS_YES_NO:
            return await self._talk.ask(question) if self._is_asking else ""
        if self._options.says_yes:
            self._talk.say(f"{question} {self._words['yes']}")
            return "yes"
        answer = await self._talk.ask(f"{question} [y/N]")
        return "yes" if answer.lower() in ("y", "yes", "はい") else ""

    # Outage

    async def backup(self) -> None:
        """The outage test with each device that has a battery."""
        devices = await self._c.backup_devices()
        if not devices:
            self._say("backup_none")
            return
        self._show_control(await self._c.backup_test(devices[0], self._ask, self._talk.progress))


def _proving(device: str, given: Iterable[tuple[str, Control]]) -> list[tuple[str, Control]]:
    """The control of a device that proves most cheaply that its battery obeys."""
    own = {control.kind: control for of, control in given if of == device}
    kind = next((kind for kind in PROVING if kind in own), None)
    return [(device, own[kind])] if kind is not None else []
