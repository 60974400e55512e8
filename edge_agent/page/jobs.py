"""The one thing that runs at a time: a scan, a check, a test. It goes on when the phone is put away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

log = structlog.get_logger()

LINES_MAX: Final = 60
STOP_S_MAX: Final = 60.0
"""A control test that is stopped puts back what was there first."""


class Busy(Exception):  # noqa: N818  (named for what it means)
    """Something runs already."""


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    ASKING = "asking"
    """It waits for a person beside the cabinet."""
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Text:
    """The same in both languages."""

    ja: str
    en: str

    def __getitem__(self, lang: str) -> str:
        return self.ja if lang == "ja" else self.en


@dataclass(slots=True)
class Job:
    """One job, from its start until the next one takes its place."""

    kind: str
    back: str
    """The page where its result is shown."""
    began_ms: int
    state: JobState = JobState.RUNNING
    done: int = 0
    total: int = 0
    """0: nobody knows how long it takes."""
    note: Text | None = None
    """What it is at right now."""
    instruction: Text | None = None
    """What a person has to do now; the job sees by itself that it was done."""
    question: Text | None = None
    choices: tuple[tuple[str, Text], ...] = ()
    """Answers that may be given, with their words."""
    ended_ms: int = 0
    failure: Text | None = None
    lines: deque[Text] = field(default_factory=lambda: deque(maxlen=LINES_MAX))
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _answer: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing happens any more."""
        return self.state in (JobState.DONE, JobState.STOPPED, JobState.FAILED)

    def say(self, text: Text) -> None:
        """A line of what has happened."""
        if not self.lines or self.lines[-1] != text:
            self.lines.append(text)

    async def ask(self, question: Text, choices: tuple[tuple[str, Text], ...], *, timeout_s: float) -> str:
        """Wait until somebody answers on the page. Raises TimeoutError."""
        self._answered.clear()
        self.question, self.choices, self.state = question, choices, JobState.ASKING
        try:
            async with asyncio.timeout(timeout_s):
                await self._answered.wait()
            return self._answer
        finally:
            self.question, self.choices = None, ()
            if self.state is JobState.ASKING:
                self.state = JobState.RUNNING

    def answer(self, text: str) -> None:
        """Somebody answers; where there are choices, only one of them is heard."""
        if self.state is JobState.ASKING and (not self.choices or text in {choice for choice, _ in self.choices}):
            self._answer = text
            self._answered.set()


class JobFailed(Exception):  # noqa: N818  (named for what it means)
    """A job cannot reach its end, for a reason that has words."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


Work = Callable[[Job], Awaitable[None]]


class Desk:
    """Runs one job at a time. ``prepare`` is awaited before each, so that nobody else holds the devices' connection."""

    def __init__(
        self, now_ms: Callable[[], int], explain: Callable[[Exception], Text], prepare: Callable[[], Awaitable[None]]
    ) -> None:
        self.job: Job | None = None
        self._now_ms, self._explain, self._prepare = now_ms, explain, prepare
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a job runs."""
        return self.job is not None and not self.job.is_over

    def start(self, kind: str, back: str, work: Work) -> Job:
        """Begin a job. Raises Busy."""
        if self.is_busy:
            raise Busy
        self.job = job = Job(kind, back, self._now_ms())
        self._task = asyncio.create_task(self._run(job, work), name=f"page {kind}")
        return job

    async def _run(self, job: Job, work: Work) -> None:
        try:
            await self._prepare()
            await work(job)
        except asyncio.CancelledError:
            job.state = JobState.STOPPED
            raise
        except Exception as error:  # noqa: BLE001  (told on the page; the page and the agent go on)
            job.failure = self._explain(error)
            job.state = JobState.FAILED
            log.warning("a job of the page failed", job=job.kind, why=str(error) or type(error).__name__)
        else:
            job.state, job.instruction = JobState.DONE, None
        finally:
            job.ended_ms = self._now_ms()

    def stop(self) -> None:
        """End the job early; what a test has changed is put back first, so it may take a while.

        Asked twice it must not end the putting back too.
        """
        is_stopping = self.job is not None and self.job.state is JobState.STOPPING
        if self._task is not None and self.job is not None and not self.job.is_over and not is_stopping:
            self.job.state = JobState.STOPPING
            self._task.cancel()

    async def close(self) -> None:
        """End whatever runs, and wait for it."""
        if self._task is None or self._task.done():
            return
        self.stop()
        await asyncio.wait({self._task}, timeout=STOP_S_MAX)
