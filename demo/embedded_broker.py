"""A broker inside Python, to show the house on a machine without Mosquitto. Not for service: it keeps every payload."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys


async def serve(port: int) -> None:
    """Serve on a loopback port until SIGTERM or SIGINT."""
    from amqtt.broker import Broker

    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 2000}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    broker = Broker(config)
    await broker.start()
    sys.stdout.write("ready " + json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    await stopped.wait()
    async with asyncio.timeout(5):
        await broker.shutdown()


def main() -> None:
    """Command line: ``python -m demo.embedded_broker --port N``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port to listen on")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
