"""From what a step tells to what the page shows while it runs."""

from __future__ import annotations

from typing import Final

from edge_agent.commissioning.progress import Facts, Progress
from edge_agent.commissioning.words_walk import CALLS, IS_YES_NO, ask_in_words, progress_in_words
from edge_agent.page.jobs import Job, Text
from edge_agent.page.words_progress import IT_IS_ON, LOAD_ON, YES_NO

ASK_S_MAX: Final = 900.0
"""So long a question waits for somebody beside the cabinet."""
_CALL_STAYS: Final = frozenset({"backup_waits_open", "backup_waits_close"})
"""While these are told, what the person was called to do is still to be done."""


class Telling:
    """Puts a step's progress and questions onto a job. ``agreed``: what was said yes to in the form."""

    def __init__(self, job: Job, *, agreed: frozenset[str] = frozenset()) -> None:
        self._job, self._agreed = job, agreed
        self._last = ""

    def tell(self, progress: Progress) -> None:
        """One thing that is going on now."""
        job = self._job
        text = Text(progress_in_words(progress, "ja"), progress_in_words(progress, "en"))
        if progress.kind in CALLS:
            job.instruction = text
        elif progress.kind not in _CALL_STAYS:
            job.instruction = None
        job.done, job.total = round(progress.done), round(progress.total)
        job.note = text
        if progress.kind != self._last and not progress.total:  # A count-down is no news.
            job.say(text)
        self._last = progress.kind

    async def ask(self, kind: str, facts: Facts) -> str:
        """Ask the person. Raises TimeoutError."""
        if kind in self._agreed:
            return "yes"
        question = Text(ask_in_words(kind, facts, "ja"), ask_in_words(kind, facts, "en"))
        return await self._ask(question, YES_NO if kind in IS_YES_NO else ())

    async def ask_for_load(self, load_w: float) -> str:
        """Wait until the known load is on. Raises TimeoutError."""
        return await self._ask(Text(*(text.format(load_w=load_w) for text in LOAD_ON)), IT_IS_ON)

    async def _ask(self, question: Text, choices: tuple[tuple[str, Text], ...]) -> str:
        answer = await self._job.ask(question, choices, timeout_s=ASK_S_MAX)
        said = next((words for choice, words in choices if choice == answer), Text(answer, answer))
        self._job.say(Text(f"{question.ja} → {said.ja}", f"{question.en} → {said.en}"))
        return answer
