"""aiovictron (MIT) reads a GX device; victron (MIT) writes what the orders say and reads set points back."""

import asyncio
import dataclasses
import json
import sys

from aiovictron import VictronClient
from victron.victron import Victron

PORT, UNIT = int(sys.argv[1]), int(sys.argv[2])
SOC = {"soc": 50, "socDischargeLimit": 10, "socChargeLimit": 90}


def steer():
    client = Victron("127.0.0.1", PORT, unit_id=UNIT, timeout=3, config={"gridLimit": 99_999})
    for order in sys.argv[3:]:
        name, _, value = order.partition(":")
        if name == "reserve":
            client.set_min_ess_soc(int(value))
        elif name == "setpoint":
            client.setEssSetPoint(int(value), **SOC)
    return {
        "reserve": client.get_min_ess_soc(),
        "setpoint": client.getEssSetPoint(),
        "battery_life": client.get_ess_battery_life_state(),
        "grid_l1": client.getPower(),
        "soc": client.getSoc(),
    }


async def read():
    async with VictronClient("127.0.0.1", port=PORT, timeout=3, retries=1) as client:
        data = await client.get_data()
    parts = {name: getattr(data, name) for name in ("system", "vebus")}
    return {name: dataclasses.asdict(part) for name, part in parts.items() if part is not None}


print(json.dumps({**asyncio.run(read()), **steer()}))
