"""The feeds as the service runs them: settings → poller → desk → incident, and what a restart asks for again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from central.core.incidents import Phase
from central.feeds.service import Feeds
from central.settings import FeedSettings, SettingsError, load
from tests.central.control.parts import house
from tests.central.feeds.agency import Agency, running
from tests.central.feeds.parts import CHUO, quake, write
from tests.support import eventually

RULES = 'rules: {quake: {when: {intensity: "5+"}, then: propose, mode: backup}}'


async def test_a_published_telegram_becomes_a_proposal_and_is_not_fetched_again_after_a_restart(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    async with running() as agency:
        settings = FeedSettings(rules=tmp_path / "rules.yaml", jma=True, jma_url=f"{agency.base}/feed/", folder=drop)
        url = agency.telegram("VXSE53", quake({CHUO: "5+"}), n=1)
        for name in ("eqvol", "eqvol_l", "extra", "extra_l"):
            agency.publish(*([url] if "eqvol" in name else []), name=name)
        for is_new in (True, False):
            assert await phases_after(tmp_path, settings, agency, is_new=is_new) == [Phase.DECLARED]
        assert agency.hits[url.removeprefix(agency.base)] == 1


async def phases_after(folder: Path, settings: FeedSettings, agency: Agency, *, is_new: bool) -> list[Phase]:
    """Run until the rule asks and all sources are well; the incidents' phases."""
    async with house(folder, is_new=is_new, run=False) as here:
        feeds = Feeds.of(settings)
        assert feeds is not None
        desk = feeds.desk(here.records.telegrams, here.control, sites=here.live.sites, now=here.clock)
        await desk.load()
        before = agency.hits["/feed/extra.xml"]
        task = asyncio.create_task(feeds.run(desk, here.records.telegrams, here.clock))

        def is_well() -> bool:
            sources = set(feeds.sources().values())
            is_asked = len(desk.proposals) == 1 and bool(here.control.incidents)
            return agency.hits["/feed/extra.xml"] > before and is_asked and sources == {"ok"}

        try:
            await eventually(is_well, what="the feeds are asked and the rule asks")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return [one.phase for one in here.control.incidents.values()]


async def test_the_same_telegram_by_two_ways_is_one(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    drop = tmp_path / "drop"
    drop.mkdir()
    feeds = Feeds.of(FeedSettings(rules=tmp_path / "rules.yaml", folder=drop))
    assert feeds is not None
    async with house(tmp_path, run=False) as here:
        desk = feeds.desk(here.records.telegrams, here.control, sites=here.live.sites, now=here.clock)
        task = asyncio.create_task(feeds.run(desk, here.records.telegrams, here.clock))
        try:
            for name in ("a.xml", "b.xml"):
                write(drop, name, quake({CHUO: "5+"}))
            await eventually(lambda: desk.counts.total() == 2, what="both are taken")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert desk.counts == {"first": 1, "repeated": 1}
        assert len(here.control.incidents) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("jma_url: ftp://x/", "want https://HOST"),
        ("jma_url: https://user:pass@x/", "without a user"),
        ("hooks: {Bad Name: x}", "hooks"),
        ("rule: x.yaml", "unknown key, perhaps 'feeds.rules'"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, given: str, says: str) -> None:
    file = tmp_path / "central.yaml"
    file.write_text(f"data: {tmp_path}\nfeeds:\n  {given}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        load(file, {}, {})
