"""The service over a real InfluxDB: told by settings, away for a while, and nothing lost, doubled or said too early."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.store.influx import InfluxStore
from central.store.influx_write import InfluxAddress
from central.store.records import Records
from tests.central.accounting.parts import OCTOBER
from tests.central.app.test_service import CENTRAL, register, service, shelter
from tests.central.ingest.parts import METER, SITE
from tests.influx_support import Influx, running_influx
from tests.support import Mosquitto, eventually

BUCKET = "city"


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Influx]:
    with running_influx(tmp_path / "influx") as server:
        server.make_database(BUCKET, days=400)
        yield server


def configured(folder: Path, influx: Influx, mqtt_port: int) -> list[str]:
    """A command whose settings come from the file, the token's file and the options."""
    token = folder / "influx.token"
    token.write_text(f"{influx.token}\n", encoding="utf-8")
    config = folder / "central.yaml"
    config.write_text(
        f"data: {folder / 'data'}\nmqtt: {{port: {mqtt_port}}}\nhttp: {{port: 0}}\n"
        f"store: {{token_file: {token}, bucket: {BUCKET}, org: '{influx.org}'}}\n",
        encoding="utf-8",
    )
    return [*CENTRAL, "run", "--config", str(config), "--store", "influx"]


async def counted(data: Path) -> None:
    """A day of October 2026 that the accounting has counted, as it stands in the records."""
    day = SiteDay(site=SITE, day=OCTOBER, wh={Flow.PV: [100] * 48}, marks={Flow.PV: "m" * 48})
    records = await Records.open(data / "records.sqlite")
    try:
        await records.energy.save([day], {}, counted_ms=time.time_ns() // 1_000_000)
    finally:
        await records.close()


async def rows_in(influx: Influx) -> list[tuple[int, tuple[float | None, ...]]]:
    store = await InfluxStore.open(InfluxAddress(url=influx.url, token=influx.token, bucket=BUCKET, org=influx.org))
    try:
        found = [row async for row in store.export(SITE, from_ms=0, to_ms=time.time_ns() // 1_000_000)]
        assert await store.count_rows() == len(found)
    finally:
        await store.close()
    assert all((row.device, row.points) == (METER.device, METER.points) for row in found)
    return [(row.at_ms, row.values) for row in found]


@pytest.mark.influx
@pytest.mark.mosquitto
async def test_influx_goes_away_and_comes_back_behind_the_service(
    influx: Influx, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELTER_STORE_URL", influx.url)
    command = configured(tmp_path, influx, mosquitto.port)
    register(tmp_path / "data", SITE)
    async with shelter(mosquitto.port) as here:
        with service(tmp_path / "data", mosquitto.port, command=command) as central:
            assert central.get("readyz").status_code == 200
            await here.send(1, 2, 3)
            await eventually(lambda: here.acked == {1, 2, 3}, what="stored and acknowledged")
            influx.kill_influx()
            await here.send(4, 5, 6)
            await eventually(lambda: central.get("readyz").status_code == 503, what="it is not ready")
            told = central.get("readyz").json()["parts"]
            assert told["records"] == told["mqtt"] == "ok"
            assert influx.url in told["store"]
            assert influx.token not in str(told)
            assert central.get("healthz").status_code == 200
            asked = central.get(f"api/v1/sites/{SITE}/series?point=grid.power_w")
            assert asked.status_code == 503
            assert influx.url not in asked.text, "whoever asks is not told of the house behind"
            await here.send(4)  # Nobody answered, so the shelter sends again.
            assert here.acked == {1, 2, 3}, "nothing is acknowledged before it is durable"
            influx.start_influx()
            await eventually(lambda: here.acked == {1, 2, 3, 4, 5, 6}, timeout_s=20, what="what waited is stored")
            assert central.get("readyz").status_code == 200
            found = central.get(f"api/v1/sites/{SITE}/series?point=grid.power_w&step=1h&aggregate=count").json()
            assert sum(step["count"] for step in found["samples"]) == 6
            assert central.end() == (0, "")
        with service(tmp_path / "data", mosquitto.port, command=command) as again:
            assert again.get(f"api/v1/sites/{SITE}").json()["last_reading_at"] is not None
    assert await rows_in(influx) == [(here.began_ms + seq, (float(seq), 50.0)) for seq in range(1, 7)]


@pytest.mark.influx
@pytest.mark.mosquitto
async def test_it_starts_while_influx_is_away(
    influx: Influx, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELTER_STORE_URL", influx.url)
    register(tmp_path / "data", SITE)
    influx.kill_influx()
    command = configured(tmp_path, influx, mosquitto.port)
    async with shelter(mosquitto.port) as here:
        with service(tmp_path / "data", mosquitto.port, command=command) as central:
            assert central.get("readyz").status_code == 503
            await here.send(1)
            await eventually(lambda: central.get("api/v1/ingest").json()["queue_length"] == 0, what="it was taken")
            influx.start_influx()
            await eventually(lambda: here.acked == {1}, timeout_s=20, what="stored and acknowledged")
            assert central.get("readyz").status_code == 200
    assert len(await rows_in(influx)) == 1


@pytest.mark.influx
@pytest.mark.mosquitto
async def test_the_running_service_writes_what_dashboards_read(
    influx: Influx, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELTER_STORE_URL", influx.url)
    influx.make_database("shelter_rollup")
    register(tmp_path / "data", SITE)
    await counted(tmp_path / "data")
    command = configured(tmp_path, influx, mosquitto.port)
    with service(tmp_path / "data", mosquitto.port, command=command) as central:
        await eventually(
            lambda: b'"values"' in influx.query('SELECT pv_wh FROM "shelter_rollup".."energy_day" WHERE pv_wh = 4800'),
            what="a day that was accounted is told",
        )
        await eventually(
            lambda: "集計を始めました".encode() in influx.query('SELECT "text" FROM "shelter_rollup".."event"'),
            what="it says that it began",
        )
        shown = influx.query(f'SELECT state FROM "{BUCKET}".."site_now" WHERE site = \'{SITE}\'')
        assert b'"values"' in shown
        assert central.end() == (0, "")


@pytest.mark.influx
@pytest.mark.mosquitto
async def test_while_influx_hangs_nothing_is_acknowledged_and_the_service_goes_on_answering(
    influx: Influx, mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELTER_STORE_URL", influx.url)
    register(tmp_path / "data", SITE)
    command = configured(tmp_path, influx, mosquitto.port)
    async with shelter(mosquitto.port) as here:
        with service(tmp_path / "data", mosquitto.port, command=command) as central:
            await here.send(1)
            await eventually(lambda: here.acked == {1}, what="stored and acknowledged")
            influx.hang()
            try:
                await here.send(2, 3)
                await eventually(lambda: central.get("api/v1/ingest").json()["messages"] == 3, what="all were taken")
                assert central.get("api/v1/city").status_code == 200
                assert here.acked == {1}, "what hangs in the store is still the shelter's"
            finally:
                influx.wake()
            await eventually(lambda: here.acked == {1, 2, 3}, timeout_s=30, what="stored and acknowledged")
    assert await rows_in(influx) == [(here.began_ms + seq, (float(seq), 50.0)) for seq in range(1, 4)]
