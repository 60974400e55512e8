"""The commissioning behind the page: opened when it is needed, shared by all that need it at the same time.

The folder belongs to one process at a time. So that the command can work on it while nobody touches the page, it is
given back after every request, and kept only while a job runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from contract.commissioning import judge
from contract.signing import fingerprint
from edge_agent.commissioning.draft import Draft, Step, StepState
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.report_files import WrittenReport, read_signed
from edge_agent.commissioning.report_page import missing_texts
from edge_agent.config import ConfigError
from edge_agent.page.words import words_of

ADDRESSES: Final[Mapping[Step, str]] = {
    Step.SCAN: "/walk/scan",
    Step.DEVICES: "/walk/devices",
    Step.SITE: "/walk/site",
    Step.CHECK: "/walk/check",
    Step.LOAD_STEP: "/walk/load",
    Step.CONTROLS: "/walk/controls",
    Step.BACKUP: "/walk/backup",
    Step.FINISH: "/walk/finish",
}


class Walk:
    """One folder's commissioning. ``open_folder`` opens it and raises StoreError when it cannot be used."""

    def __init__(self, open_folder: Callable[[], Commissioning]) -> None:
        self._open_folder = open_folder
        self._open: Commissioning | None = None
        self._users = 0

    @contextmanager
    def using(self) -> Iterator[Commissioning]:
        """The commissioning for the length of a block. Raises StoreError."""
        if self._open is None:
            self._open = self._open_folder()
        self._users += 1
        try:
            yield self._open
        finally:
            self._users -= 1
            if not self._users:
                self._open.close()
                self._open = None


def names(commissioning: Commissioning) -> tuple[str, str]:
    """The site's number and name, as far as they are known."""
    try:
        if commissioning.has_config:
            config = commissioning.config()
            return config.site, config.name or commissioning.draft.name
    except ConfigError:  # The devices' page tells what is wrong with the file.
        pass
    return commissioning.draft.site, commissioning.draft.name


def following(commissioning: Commissioning, lang: str, after: Step | None = None) -> dict[str, str] | None:
    """The step that is open next (of those after one, if given), with its address and words."""
    t = words_of(lang)
    states = commissioning.states
    steps = [step for step in Step if states[step] is StepState.OPEN]
    if after is not None:
        order = list(Step)
        later = [step for step in steps if order.index(step) > order.index(after)]
        steps = later or [step for step in steps if step is not after]  # Its own page does not lead to itself.
    if not steps:
        return None
    step = steps[0]
    return {"name": t(f"step_{step.value}"), "text": t(f"about_{step.value}"), "address": ADDRESSES[step]}


def newest_report(commissioning: Commissioning) -> WrittenReport | None:
    """The report that was signed last; None when there is none. Raises ReportError, when it is damaged."""
    draft: Draft = commissioning.draft
    return read_signed(commissioning.folder / draft.report) if draft.report else None


def verdict(written: WrittenReport, lang: str) -> tuple[str, list[str]]:
    """The stage by a report, and why it is not a better one."""
    judged = judge(written.report)
    return judged.stage.value, missing_texts(judged.missing, lang)


def key_of(written: WrittenReport | None) -> str:
    """The fingerprint of the key that signed."""
    return fingerprint(written.signed.public) if written is not None else ""
