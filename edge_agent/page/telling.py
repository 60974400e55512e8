"""From what a step tells to what the page shows while it runs."""

from __future__ import annotations

from typing import Final

from edge_agent.commissioning.progress import Facts, Progress
from edge_agent.page.jobs import Job, Text
from edge_agent.page.words_progress import ANSWERS, ASKS, GENERAL, INSTRUCTIONS, PROGRESS

ASK_S_MAX: Final = 900.0
"""So long a question waits for somebody beside the cabinet."""


class Telling:
    """Puts a step's progress and questions onto a job."""

    def __init__(self, job: Job, *, agreed: frozenset[str] = frozenset()) -> None:
        self._job, self._agreed = job, agreed
        self._last = ""

    def tell(self, progress: Progress) -> None:
        """One thing that is going on now."""
        job, text = self._job, progress_text(progress)
        if progress.kind in INSTRUCTIONS:
            job.instruction = text
        elif progress.kind != self._last and job.instruction is not None and progress.kind not in _WAITS:
            job.instruction = None
        job.done, job.total = round(progress.done), round(progress.total)
        job.note = text
        if progress.kind != self._last:
            job.say(text)
        self._last = progress.kind

    async def ask(self, kind: str, facts: Facts) -> str:
        """Ask the person. What was agreed to in the form is not asked again."""
        if kind in self._agreed:
            return "yes"
        ja, en = (_filled(text, facts) for text in ASKS[kind])
        choices = tuple((answer, Text(*words)) for answer, words in ANSWERS.get(kind, {}).items())
        answer = await self._job.ask(Text(ja, en), choices, timeout_s=ASK_S_MAX)
        said = next((words for choice, words in choices if choice == answer), Text(answer, answer))
        self._job.say(Text(f"{ja} → {said.ja}", f"{en} → {said.en}"))
        return answer


_WAITS: Final = frozenset({"backup_waits_open", "backup_waits_close"})
"""While these are told, what the person has to do is still to be done."""


def progress_text(progress: Progress) -> Text:
    """What is going on, in both languages."""
    ja, en = (_filled(text, progress.facts) for text in PROGRESS.get(progress.kind, GENERAL))
    return Text(ja, en)


def _filled(text: str, facts: Facts) -> str:
    shown = {name: round(value) if isinstance(value, float) else value for name, value in facts.items()}
    return text.format(**shown)
