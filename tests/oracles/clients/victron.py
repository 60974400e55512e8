"""aiovictron (MIT): the system unit of a GX device."""

import asyncio
import dataclasses
import json
import sys

from aiovictron import VictronClient


async def run():
    async with VictronClient("127.0.0.1", port=int(sys.argv[1]), timeout=3, retries=1) as client:
        data = await client.get_data()
    return {name: dataclasses.asdict(part) for name in ("system", "vebus") if (part := getattr(data, name)) is not None}


print(json.dumps(asyncio.run(run())))
