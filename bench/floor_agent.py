"""The reference: 30 lines that poll 60 registers a second and publish them. No disk, no acknowledgement, no quality."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque

import aiomqtt
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException


async def sample(client: AsyncModbusTcpClient, queue: deque[bytes], filled: asyncio.Event) -> None:
    due = time.monotonic()
    while True:
        due += 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        try:
            if client.connected or await client.connect():
                answer = await client.read_holding_registers(0, count=60, device_id=1)
                queue.append(json.dumps({"t": round(time.time() * 1_000), "v": answer.registers}).encode())
                filled.set()
        except ModbusException:
            client.close()


async def publish(port: int, queue: deque[bytes], filled: asyncio.Event) -> None:
    while True:
        try:
            async with aiomqtt.Client("127.0.0.1", port) as broker:
                while await filled.wait():
                    while queue:
                        await broker.publish("floor/values", queue[0], qos=1)
                        queue.popleft()
                    filled.clear()
        except aiomqtt.MqttError:
            await asyncio.sleep(1)


async def main(modbus_port: int, mqtt_port: int) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=modbus_port, timeout=0.9, retries=0, reconnect_delay=0)
    queue, filled = deque[bytes](maxlen=100_000), asyncio.Event()
    await asyncio.gather(sample(client, queue, filled), publish(mqtt_port, queue, filled))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
