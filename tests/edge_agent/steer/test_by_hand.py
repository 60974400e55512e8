"""Shelters where a person switches the inverter over when the grid goes, and back when it has returned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from contract.steering import GridState, Mode, Source, Stage, StandingOrders
from edge_agent.core.standing import Own, SiteState, hand_back_ms
from edge_agent.words_steer import SWITCH_BACK
from tests.edge_agent.steer.house import House, house

OVER = ("自立運転へ切り替え", "Switch to stand-alone")
STABLE_S = 600


@asynccontextmanager
async def by_hand() -> AsyncIterator[House]:
    """A shelter in the middle of an outage, before anybody has come."""
    async with house(by_hand=OVER) as it:
        it.site.world.is_by_hand = True
        await it.live(20)
        it.grid(is_there=False)
        await it.live(60)
        yield it


def switch(it: House, *, over: bool) -> None:
    """Somebody turns the inverter to stand-alone operation, or back."""
    it.site.world.stands_alone = over
    it.site.world.touch()


async def test_it_is_dark_until_somebody_comes_and_says_so() -> None:
    async with by_hand() as it:
        for _ in range(3):
            await it.live(600)
            assert (it.said.mode, it.said.source, it.stage) == (Mode.BACKUP, Source.GRID_LOSS, Stage.WAITING)
            assert (it.said.by_hand_ja, it.said.by_hand_en) == OVER
        switch(it, over=True)
        await it.live(30)
        assert (it.stage, it.said.by_hand_en) == (Stage.VERIFIED, "")


async def test_the_way_back_is_asked_for_until_it_is_done() -> None:
    async with by_hand() as it:
        switch(it, over=True)
        await it.live(60)
        it.grid(is_there=True)
        await it.live(STABLE_S - 60)
        assert (it.said.grid, it.said.by_hand_en) == (GridState.REJECTED, ""), "the grid has to prove itself first"
        assert it.stage is Stage.VERIFIED
        await it.live(90)
        for _ in range(4):
            assert (it.said.mode, it.stage) == (Mode.BACKUP, Stage.WAITING)
            assert (it.said.by_hand_ja, it.said.by_hand_en) == SWITCH_BACK
            await it.live(900)
        switch(it, over=False)
        await it.live(30)
        assert (it.said.grid, it.said.by_hand_en) == (GridState.PRESENT, "")
        await it.live(3_600, until=lambda: it.said.mode is Mode.NORMAL)
        assert it.said.mode is Mode.NORMAL
        assert it.log.modes == ["backup", "recovery", "normal"]
        own = [receipt.stage for receipt in it.log.receipts if receipt.revision == 0]
        assert own[own.index(Stage.VERIFIED) :].count(Stage.WAITING) == 1, "asked for once, and it stays so"


async def test_a_grid_that_goes_again_takes_the_question_back() -> None:
    async with by_hand() as it:
        switch(it, over=True)
        await it.live(60)
        it.grid(is_there=True)
        await it.live(STABLE_S + 30)
        assert it.stage is Stage.WAITING
        it.grid(is_there=False)
        await it.live(30)
        assert (it.said.by_hand_en, it.stage) == ("", Stage.HELD)
        it.grid(is_there=True)
        await it.live(STABLE_S - 60)
        assert it.said.by_hand_en == "", "it has to prove itself anew"
        await it.live(90)
        assert it.said.by_hand_en == SWITCH_BACK[1]


async def test_the_question_survives_a_reboot() -> None:
    async with by_hand() as it:
        switch(it, over=True)
        await it.live(60)
        it.grid(is_there=True)
        await it.live(STABLE_S + 30)
        it.wake_up()
        await it.live(30)
        assert it.said.mode is Mode.BACKUP
        await it.live(STABLE_S + 30)
        assert (it.said.by_hand_en, it.stage) == (SWITCH_BACK[1], Stage.WAITING)


@pytest.mark.parametrize("grid", [GridState.PRESENT, GridState.LOST, GridState.METER_DARK, GridState.UNKNOWN])
def test_nobody_is_asked_back_to_a_grid_that_is_not_there(grid: GridState) -> None:
    own = Own(site="E0000000001111", orders=StandingOrders(grid_stable_s=STABLE_S))
    assert hand_back_ms(SiteState(known_grid=grid, rejected_since_ms=0), own) is None
    assert hand_back_ms(SiteState(known_grid=GridState.REJECTED, rejected_since_ms=5), own) == STABLE_S * 1000 + 5
