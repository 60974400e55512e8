"""The staff's pages while the city works: how long the service takes for each, and how large each is.

The house runs as in service: broker, city, an agent for every shelter. A ward is being switched, so that the board has
something to show. Somebody signs in and asks for one page after the other, in both languages, over loopback; time runs
from the question to the last byte. The floor, in the same run, is a page that holds the frame and one sentence (an
address that leads nowhere): what a page takes on top of it is its own.

The first answers are not counted: templates are read then. The city's page is made once for all who see the same, so
its p50 is that of a kept page and its p99 that of one that was just made.

    make bench BENCH=pages
    make bench BENCH=pages BENCH_ARGS="--sites 30 --rounds 20"
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import structlog

from bench.report import Target, finish, progress
from central.core.drills import quantile
from central.web.catalogue import Lang
from demo.accounts import Pass
from demo.house import House, Plan, program
from demo.operator import Operator, by_command
from demo.running import Stop, all_online, all_proven
from simulator.scenario import Declared, Where

SITES: Final = 182
ROUNDS: Final = 50
WARM_UPS: Final = 2
MS_MAX: Final = 100.0
BYTES_MAX: Final = 100_000
WARD: Final = "美浜区"
FLOOR: Final = "floor"
LOGIN: Final = "admin"
"""Sees every page."""
PAGES: Final = {
    FLOOR: "/no-such-page",
    "city": "/",
    "city_ward": f"/?ward={WARD}",
    "shelter": "/sites/{site}",
    "shelter_30_days": "/sites/{site}?days=30",
    "commissioning_report": "/sites/{site}/report",
    "board": "/board",
    "incident": "/board/{incident}",
    "incident_crew": "/board/{incident}/crew",
    "crew": "/board/crew",
    "dispatch": "/board/dispatch",
    "board_scope": "/board/new",
    "board_mode": f"/board/new/mode?kind=ward&wards={WARD}",
    "board_preview": f"/board/new/preview?kind=ward&wards={WARD}&mode=backup&why=x",
    "fleet": "/fleet",
    "alerts": "/alerts",
    "public_status": "/public-status",
    "public_status_shelter": "/public-status/{site}",
    "demand": "/demand",
    "demand_shelter": "/demand/{site}",
    "reports": "/reports",
    "rules": "/rules",
    "notifications": "/notifications",
    "webhooks": "/webhooks",
    "audit": "/audit",
    "users": "/users",
    "import": "/sites/import",
    "account": "/account",
}
"""Name → path. A new page of staff belongs here (tests/central/web/test_page_bytes.py says so)."""


async def measure(url: str, one: Pass, named: dict[str, str], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds and bytes of every page, asked for in turn."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    largest: dict[str, bytes] = dict.fromkeys(PAGES, b"")
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30.0) as http:
        signed = await http.post("/login", data={"login": one.login, "password": one.password})
        if signed.status_code != httpx.codes.SEE_OTHER:
            raise SystemExit(f"could not sign in as {one.login}: {signed.status_code}")
        for n in range(WARM_UPS + rounds):
            for name, path in PAGES.items():
                for lang in Lang:
                    where = path.format(**named)
                    where += f"{'&' if '?' in where else '?'}lang={lang.value}"
                    began = time.perf_counter()
                    answer = await http.get(where)
                    took_ms = (time.perf_counter() - began) * 1_000
                    if answer.status_code != (httpx.codes.NOT_FOUND if name == FLOOR else httpx.codes.OK):
                        raise SystemExit(f"{where} answered {answer.status_code}")
                    largest[name] = max(largest[name], answer.content, key=len)
                    if n >= WARM_UPS:
                        times[name].append(took_ms)
            if n % 10 == 0:
                progress(f"round {n} of {WARM_UPS + rounds}")
    return {
        name: {
            "ms_p50": round(quantile(found, 0.5) or 0.0, 2),
            "ms_p99": round(quantile(found, 0.99) or 0.0, 2),
            "bytes": len(largest[name]),
            "gzip_bytes": len(gzip.compress(largest[name], 6)),
        }
        for name, found in times.items()
    }


async def of_a_house(folder: Path, sites: int, rounds: int) -> dict[str, dict[str, float]]:
    """Start a city, switch a ward, ask for the pages.

    Raises:
        ChildError: a part of the house did not start or ended, or the city refused the incident.
    """
    began, stop = time.monotonic(), Stop(asyncio.Event())
    async with House(Plan(folder=folder, sites=sites), progress) as house:
        await house.prepare()
        await house.start()
        await all_online(house, stop, progress, began)
        await all_proven(house, stop, progress)
        operator = Operator(by_command(program("shelter-central"), house.central_folder), progress)
        where = Where(ward=WARD)
        incident = await operator.take(
            Declared(at="+0s", do="incident", name="ward", mode="backup", where=where, why="pages (synthetic)")
        )
        here = next(one["id"] for one in await house.shelters() if one["ward"] == WARD)
        admin = next(one for one in house.passes if one.login == LOGIN)
        found = await measure(house.url, admin, {"incident": incident, "site": here}, rounds)
        await house.stop()
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=SITES, help="shelters of the city")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each page is asked for in each language")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory(prefix="shelter-pages-") as folder:
        pages = asyncio.run(of_a_house(Path(folder), asked.sites, asked.rounds))
    figures: dict[str, dict[str, Any]] = {}
    for name, found in pages.items():
        if name != FLOOR:
            figures[f"{name}_ms_p99"] = Target(MS_MAX).judge(found["ms_p99"])
            figures[f"{name}_bytes"] = Target(BYTES_MAX).judge(found["bytes"])
    return finish("pages", figures, sites=asked.sites, rounds=asked.rounds, pages=pages)


if __name__ == "__main__":
    raise SystemExit(main())
