"""A simulated month in a real InfluxDB, for the tests and for ``make dashboards-check``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from central.store.influx import InfluxStore
from central.store.influx_rollups import InfluxRollups
from central.store.influx_write import InfluxAddress
from dashboards.queries import Source
from dashboards.sample import Sample, fill
from tests.influx_support import Influx, running_influx

RAW = "shelter"
ROLLUP = "shelter_rollup"
BUCKETS = {Source.RAW: RAW, Source.ROLLUP: ROLLUP}
TO_MS = 1_792_040_400_000
"""15 October 2026, 14:00 in Tokyo: the same month whenever the tests run."""


@dataclass(frozen=True)
class Month:
    influx: Influx
    sample: Sample


def filled(influx: Influx, *, sites: int, days: int, told: Callable[[str], None] = lambda _said: None) -> Month:
    influx.make_database(RAW)
    influx.make_database(ROLLUP)

    async def run() -> Sample:
        address = InfluxAddress(url=influx.url, token=influx.token, bucket=RAW, org=influx.org, timeout_s=60)
        store = await InfluxStore.open(address)
        rollups = InfluxRollups(address, ROLLUP)
        try:
            return await fill(store, rollups, sites=sites, days=days, to_ms=TO_MS, told=told)
        finally:
            await rollups.close()
            await store.close()

    return Month(influx, asyncio.run(run()))


def main() -> None:
    """Fill and check; ends with what ``shelter-dashboards check`` ends with. An argument: draw into that folder."""
    from typer.testing import CliRunner

    from dashboards.cli import app

    began_s = time.monotonic()

    def told(said: str) -> None:
        print(f"{time.monotonic() - began_s:5.1f} s  {said}", flush=True)

    pictures = sys.argv[1:2]
    with tempfile.TemporaryDirectory() as folder, running_influx(Path(folder) / "influx") as influx:
        filled(influx, sites=12 if pictures else 6, days=31, told=told)
        token = Path(folder) / "token"
        token.write_text(influx.token, encoding="utf-8")
        usual = ["--url", influx.url, "--token-file", str(token), "--at", "2026-10-15T05:00"]
        told("shelter-dashboards check")
        result = CliRunner().invoke(app, ["check", *usual])
        told(result.output.strip())
        if pictures:
            note = (
                "合成データ（実在の施設ではない）。データベースの答えから描いた図で、Grafana の見た目とは異なります。"
            )
            drawn = CliRunner().invoke(app, ["draw", *usual, "--out", pictures[0], "--note", note])
            told(drawn.output.strip() or repr(drawn.exception))
    sys.exit(result.exit_code)


if __name__ == "__main__":
    main()
