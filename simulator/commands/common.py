"""What the commands share: the ready line, ends with a reason, and the loop that serves until somebody stops it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, NoReturn

import typer

from simulator.files import Network
from simulator.scenario import Scenario, ScenarioError, load

SHUTDOWN_LIMIT_S: Final = 3.0

Speed = Annotated[
    float | None,
    typer.Option(min=0.01, max=10_000, help="World seconds per second. Without it, what the scenario says (else 1)."),
]
ScenarioName = Annotated[str, typer.Option(help="A scenario of `shelter-sim scenarios`, or a file that ends in .yaml.")]
Seed = Annotated[int, typer.Option(help="Decides sizes, weather, loads and who is hit. Same seed, same city.")]
NetworkPrefix = Annotated[
    str,
    typer.Option("--network", help="First two numbers of the devices' loopback addresses; another fleet needs others."),
]


def fail(text: str, code: int = 2) -> NoReturn:
    """End with a reason on stderr."""
    sys.stderr.write(f"shelter-sim: {text}\n")
    raise typer.Exit(code)


def say_ready(facts: dict[str, Any]) -> None:
    """The one line on stdout by which others know that everything answers."""
    sys.stdout.write(f"ready {json.dumps(facts, ensure_ascii=False)}\n")
    sys.stdout.flush()


def run(main_task: Coroutine[Any, Any, None]) -> None:
    """Run a loop, the quick one where it is installed."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        pass  # A speed-up, no need.
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main_task)


def stopping() -> asyncio.Event:
    """Set at SIGTERM and Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def scenario_of(name: str) -> Scenario:
    """The scenario of a name or file; ends with its faults when there is none."""
    try:
        return load(name)
    except ScenarioError as error:
        fail(str(error))


def network_of(prefix: str) -> Network:
    """Addresses that begin with a prefix."""
    parts = prefix.split(".")
    if len(parts) != 2 or parts[0] != "127" or not parts[1].isdigit() or int(parts[1]) > 255:
        fail(f"--network {prefix}: want the first two numbers of a loopback address, such as 127.42")
    return Network(prefix=prefix)
