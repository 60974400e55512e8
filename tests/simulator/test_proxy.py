"""A site's link to the broker: whole it is invisible, cut it ends and refuses, slow it delays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulator.faults import Link
from simulator.proxy import LinkProxy
from tests.support import free_port


@asynccontextmanager
async def echo_behind_a_link() -> AsyncIterator[LinkProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    broker_port = server.sockets[0].getsockname()[1]
    proxy = LinkProxy("127.0.0.1", free_port(), broker_host="127.0.0.1", broker_port=broker_port, link=Link())
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
        server.close()


async def said_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    try:
        writer.write(text)
        async with asyncio.timeout(3):
            return await reader.read(100)
    except ConnectionError:
        return b""


async def test_a_whole_link_carries_bytes_both_ways() -> None:
    async with echo_behind_a_link() as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        assert await said_back(reader, writer, b"hello") == b"hello"
        writer.close()


async def test_a_cut_ends_connections_and_refuses_new_ones_until_it_is_whole_again() -> None:
    async with echo_behind_a_link() as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        assert await said_back(reader, writer, b"hello") == b"hello"
        proxy.link.cut = True
        await proxy.drop()
        assert await said_back(reader, writer, b"anyone?") == b""
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        assert await said_back(reader, writer, b"anyone?") == b""
        proxy.link.cut = False
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        assert await said_back(reader, writer, b"hello") == b"hello"
        writer.close()


async def test_a_slow_link_delays() -> None:
    async with echo_behind_a_link() as proxy:
        proxy.link.delay_s = 0.1
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        started_s = loop.time()
        assert await said_back(reader, writer, b"hello") == b"hello"
        assert loop.time() - started_s >= 0.2
        writer.close()


async def test_closing_leaves_no_task_behind() -> None:
    before = len(asyncio.all_tasks())
    async with echo_behind_a_link() as proxy:
        _, writer = await asyncio.open_connection(proxy.host, proxy.port)
        await asyncio.sleep(0.05)
        await proxy.close()
        writer.close()
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == before


async def test_lost_packets_come_late_and_in_their_order() -> None:
    async with echo_behind_a_link() as proxy:
        proxy.link.loss = 0.5
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        said = b"".join(b"%d," % number for number in range(20))
        for number in range(20):
            writer.write(b"%d," % number)
            await writer.drain()
        async with asyncio.timeout(30):
            assert await reader.readexactly(len(said)) == said
        writer.close()
