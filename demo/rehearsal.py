"""A scenario's incidents as drills of a running city, one after the other: opened, confirmed, waited for, stood down.

Without ``live`` shelters judge everything and write nothing. Everything goes through the city's own command line.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from central.access import find
from central.core.drills import Result, result_of
from central.settings import load
from demo.drill import incident_lines
from demo.house import program
from demo.operator import Ask, by_command, opening
from demo.outcome import is_settled
from demo.processes import ChildError
from simulator.scenario import Declared, Scenario

SETTLED_WITHIN_S: Final = 400.0
"""A shelter that has not answered by then is on the crew list."""
LOOK_EVERY_S: Final = 2.0


async def rehearse(
    plot: Scenario,
    data: Path,
    *,
    live: bool,
    people: tuple[str, str],
    say: Callable[[str], None],
) -> list[Result]:
    """What came of each incident of a scenario.

    Raises:
        ChildError: the city refused a decision, or no service runs there.
    """
    access = find(load(None, {}, {}, data=data).access_path)
    if access is None:
        raise ChildError(
            f"no service runs with the data folder {data}: start it with shelter-central run --data {data}"
        )
    decide = by_command(program("shelter-central"), data)
    steps = [step for step in plot.steps if isinstance(step, Declared)]
    if not steps:
        raise ChildError("this scenario declares no incident: nothing to rehearse")
    headers = {"Authorization": f"Bearer {access.token}"}
    async with httpx.AsyncClient(
        base_url=f"{access.url}api/v1/", headers=headers, timeout=30.0, trust_env=False
    ) as http:
        return [await _one(step, decide, http, live=live, people=people, say=say) for step in steps]


async def _one(
    step: Declared,
    decide: Ask,
    http: httpx.AsyncClient,
    *,
    live: bool,
    people: tuple[str, str],
    say: Callable[[str], None],
) -> Result:
    declares, confirms = people
    opened = await decide([*opening(step, is_drill=True, by=declares), *(["--live"] if live else [])])
    incident = str(opened["id"])
    await decide(["confirm", incident, "--by", confirms, "--why", step.why, "--yes", "--wait", "0"])
    say(f"{incident}: drill of {step.mode}")
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        told = await _read(http, f"incidents/{incident}")
        if is_settled(told) or time.monotonic() >= deadline:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    orders: dict[str, list[dict[str, Any]]] = {}
    for one in told["shelters"]:
        orders[one["site"]] = (await _read(http, f"sites/{one['site']}/orders"))["orders"]
    await decide(["stand-down", incident, "--by", declares, "--why", step.why, "--wait", "0"])
    return result_of(told, orders)


async def _read(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    try:
        answer = await http.get(path)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ChildError(f"the city does not answer ({error}); its incidents: shelter-central incident list") from None
    return dict(answer.json())


def to_text(results: Sequence[Result]) -> str:
    """For people."""
    return "\n".join(line for one in results for line in incident_lines(one))


def to_json(results: Sequence[Result]) -> str:
    """One line."""
    return json.dumps({"is_synthetic": False, "incidents": [one.as_json() for one in results]}, ensure_ascii=False)
