"""InfluxDB where it differs: what is stored for other programs to read, and its refusals."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from central.store.base import StoreError, StoreRefusedError
from central.store.influx import InfluxStore
from central.store.influx_lines import DAY_MS, LineMaker
from central.store.influx_write import InfluxAddress
from tests.central.store.rows import INVERTER, SITE, T0, inverter
from tests.influx_support import Influx, running_influx
from tests.support import free_port

pytestmark = pytest.mark.influx


def test_a_line_has_floats_only_and_says_why_values_are_missing() -> None:
    maker = LineMaker()
    whole, gap, dark = maker.of_rows(
        [
            inverter(0, 2000.0, -20.5, 1e16),
            inverter(1, 100.0, None, 50.0, bad="battery.power_w=n"),
            inverter(2, None, None, None, bad="t"),
        ]
    )
    head = whole.partition(" ")[0]
    assert head.startswith("shelter,device=inverter,shape=")
    assert head.endswith(f",site={SITE}")
    assert whole == f"{head} pv.power_w=2000.0,battery.power_w=-20.5,battery.soc_pct=1e+16,good=3.0 {T0}"
    assert gap == f'{head} pv.power_w=100.0,battery.soc_pct=50.0,good=2.0,bad="battery.power_w=n" {T0 + 5_000}'
    assert dark == f'{head} good=0.0,bad="t" {T0 + 10_000}'


async def test_a_dashboard_can_ask_in_plain_influxql(influx: Influx, influx_address: InfluxAddress) -> None:
    store = await InfluxStore.open(influx_address)
    await store.write([inverter(n, 100.0 * n, 0.0, 50.0) for n in range(4)])
    await store.close()
    answer = influx.query(f'SELECT mean("pv.power_w") FROM "{influx_address.bucket}".."shelter" GROUP BY site, device')
    (series,) = json.loads(answer)["results"][0]["series"]
    assert series["tags"] == {"site": SITE, "device": "inverter"}
    assert series["values"][0][1] == 150.0


async def test_a_bucket_that_keeps_rows_for_some_time_has_all_that_is_needed_to_read_them(
    influx: Influx, influx_address: InfluxAddress
) -> None:
    address = replace(influx_address, bucket=influx.make_database(f"{influx_address.bucket}_kept", days=400))
    now_ms = time.time_ns() // 1_000_000
    days = [replace(inverter(day), at_ms=now_ms - day * DAY_MS) for day in (399, 40, 1, 0)]
    store = await InfluxStore.open(address)
    await store.write(days)
    influx.query("DROP MEASUREMENT shelter_shape", database=address.bucket)
    with pytest.raises(StoreRefusedError):
        await store.write([replace(inverter(0), at_ms=now_ms - 410 * DAY_MS)])
    await store.write(days)
    again = await InfluxStore.open(address)
    try:
        assert [row async for row in again.export(SITE, from_ms=0, to_ms=now_ms + 1)] == days, "all was told again"
        assert await again.latest(SITE) == days[-1:]
        meter_row = replace(days[-1], device="meter", points=("grid.power_w",), values=(5.0,))
        await store.write([meter_row])
        assert await again.latest(SITE) == [days[-1], meter_row], "what another one began to write is found"
    finally:
        await store.close()
        await again.close()


async def test_a_field_of_another_type_is_a_refusal_and_the_rest_is_stored(
    influx: Influx, influx_address: InfluxAddress
) -> None:
    influx.write(influx_address.bucket, f"shelter,site=x,device=y pv.power_w=5i {T0 + 5_000}000000")
    store = await InfluxStore.open(influx_address)
    try:
        meter_row = replace(inverter(0), device="meter", points=("grid.power_w",), values=(5.0,))
        with pytest.raises(StoreRefusedError, match="field type conflict"):
            await store.write([inverter(0), meter_row])
        assert await store.latest(SITE) == [meter_row]
    finally:
        await store.close()


async def test_a_wrong_token_and_a_missing_database_are_named_and_are_no_refusal_of_rows(
    influx_address: InfluxAddress,
) -> None:
    for address, reason, asked in (
        (replace(influx_address, token="shelter:wrong"), "token is not accepted", "token is not accepted"),
        (replace(influx_address, bucket="nothing"), "shelter-central init-store", "shelter-central init-store"),
    ):
        store = await InfluxStore.open(address)
        try:
            with pytest.raises(StoreError, match=reason) as caught:
                await store.write([inverter(0)])
            assert not isinstance(caught.value, StoreRefusedError)
            with pytest.raises(StoreError, match=asked):
                await store.latest(SITE)
        finally:
            await store.close()


async def test_a_server_that_is_away_is_named() -> None:
    store = await InfluxStore.open(InfluxAddress(url=f"http://127.0.0.1:{free_port()}", token="a:b", bucket="c"))
    try:
        with pytest.raises(StoreError, match="does InfluxDB run there"):
            await store.write([inverter(0)])
        with pytest.raises(StoreError, match="does InfluxDB run there"):
            await store.latest(SITE)
    finally:
        await store.close()


async def test_acknowledged_rows_survive_kill_9_of_the_database(tmp_path: Path) -> None:
    with running_influx(tmp_path / "influx") as server:
        address = InfluxAddress(url=server.url, token=server.token, bucket=server.make_database("kill"), org=server.org)
        store = await InfluxStore.open(address)
        try:
            rows = [inverter(n) for n in range(500)]
            await store.write(rows)
            server.kill_influx()
            with pytest.raises(StoreError):
                await store.write([inverter(500)])
            server.start_influx()
            await store.write([inverter(500)])
            assert await store.count_rows() == 501
            assert [r.values for r in await store.latest(SITE)] == [inverter(500).values]
            assert [r async for r in store.export(SITE, from_ms=0, to_ms=T0 * 2)][:500] == rows
            assert rows[0].points == INVERTER
        finally:
            await store.close()
