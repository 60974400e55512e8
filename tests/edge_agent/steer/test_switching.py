"""From a signed desired state to a plant that obeys, on every family that can be ordered."""

from __future__ import annotations

import pytest

from contract.steering import GridState, Mode, Source, Stage
from tests.edge_agent.steer.house import house

FAMILIES = ("goodwe-et", "huawei-sun2000", "sunspec", "sungrow-sh", "sma", "solaredge", "fronius-gen24", "victron-gx")


@pytest.mark.parametrize("family", FAMILIES)
async def test_backup_is_ordered_verified_held_and_released(family: str) -> None:
    async with house(family) as it:
        await it.live(10)
        it.order(Mode.BACKUP)
        await it.live(120, until=lambda: it.stage is Stage.VERIFIED)
        print(it.log.receipts)
        assert it.stage is Stage.VERIFIED
        assert it.said.mode is Mode.BACKUP
        assert it.site.world.flows.battery_w <= 0
        await it.live(700, until=lambda: it.stage is Stage.HELD)
        assert it.log.stages(1)[-1] is Stage.HELD
        it.order(Mode.NORMAL, revision=2)
        await it.live(400, until=lambda: it.stage is Stage.VERIFIED)
        print(it.log.receipts)
        assert it.stage is Stage.VERIFIED
        assert it.site.world.flows.battery_w >= 0
        assert (it.said.mode, it.said.source, it.said.grid) == (Mode.NORMAL, Source.CITY, GridState.PRESENT)
