"""The tests' own tools, where a fault in them would look like one of the product."""

from __future__ import annotations

import asyncio

import aiomqtt
import pytest

from tests.support import MqttClient


async def test_a_client_that_is_cancelled_as_its_answer_comes_ends() -> None:
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(MqttClient("127.0.0.1")._wait_for(answer, timeout=10))
    await asyncio.sleep(0)
    answer.set_result(1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_a_client_that_hears_nothing_says_so() -> None:
    with pytest.raises(aiomqtt.MqttError, match="timed out"):
        await MqttClient("127.0.0.1")._wait_for(asyncio.Event().wait(), timeout=0)
