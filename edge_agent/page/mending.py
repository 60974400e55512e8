"""Putting back, as a job of the page, what a control test that was cut short has left in a device."""

from __future__ import annotations

from edge_agent.page.jobs import Job, JobFailed, Text, Work
from edge_agent.page.parts import Parts
from edge_agent.page.words import words_of
from edge_agent.words_orders import DAMAGED_TEXT, mended_in_words


def mending(parts: Parts) -> Work:
    """The job."""

    async def work(job: Job) -> None:
        job.note = Text(words_of("ja")("mending"), words_of("en")("mending"))
        with parts.walk.using() as commissioning:
            mended = await commissioning.mend()
            damaged = commissioning.damaged
        for each in mended:
            job.say(Text(mended_in_words(each, "ja"), mended_in_words(each, "en")))
        failed = [each for each in mended if not each.is_done]
        if failed:
            raise JobFailed(Text(mended_in_words(failed[0], "ja"), mended_in_words(failed[0], "en")))
        if damaged:
            raise JobFailed(Text(DAMAGED_TEXT["ja"], DAMAGED_TEXT["en"]))

    return work
