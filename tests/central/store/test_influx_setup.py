"""``init-store`` against a real InfluxDB (see tests/influx_support.py), and against a stand-in for 2.x's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from central.cli import app
from central.core.rollups.rows import RollupRow, Series
from central.store.base import StoreError
from central.store.influx import InfluxStore
from central.store.influx_query import InfluxQuery
from central.store.influx_rollups import InfluxRollups
from central.store.influx_setup import Done, Home, Http, One, Outcome, Two, prepare, server_of
from central.store.influx_write import InfluxAddress
from tests.central.store.rows import SITE, T0, inverter
from tests.influx_support import V2_WRITE_SINCE, Influx
from tests.support import free_port

DAY_S = 86_400


def outcomes(done: list[Done]) -> list[Outcome]:
    return [one.outcome for one in done]


def policies(influx: Influx, database: str) -> dict[str, str]:
    answer = json.loads(influx.query(f'SHOW RETENTION POLICIES ON "{database}"'))
    return {row[0]: row[1] for row in answer["results"][0]["series"][0]["values"]}


def buckets(influx: Influx, name: str) -> list[tuple[str, int]]:
    """Buckets of 2.x with the seconds that they keep."""
    found = influx.api("GET", f"/api/v2/buckets?org={influx.org}&name={name}")["buckets"]
    return [(one["name"], sum(rule["everySeconds"] for rule in one["retentionRules"])) for one in found]


def mappings(influx: Influx, database: str) -> list[tuple[str, str, bool]]:
    """What 2.x was told about a database: bucket, policy, whether it is the default one."""
    found = influx.api("GET", f"/api/v2/dbrps?org={influx.org}&db={database}")["content"]
    named = {
        one["id"]: one["name"] for one in influx.api("GET", f"/api/v2/buckets?org={influx.org}&limit=100")["buckets"]
    }
    told = [one for one in found if not one["virtual"]]
    return sorted((named[one["bucketID"]], one["retention_policy"], one["default"]) for one in told)


def token_for(influx: Influx, *names: str, may: tuple[str, ...] = ("read", "write")) -> str:
    """A token of 2.x for some buckets alone."""
    org_id = influx.api("GET", f"/api/v2/orgs?org={influx.org}")["orgs"][0]["id"]
    ids = [influx.api("GET", f"/api/v2/buckets?orgID={org_id}&name={name}")["buckets"][0]["id"] for name in names]
    rights = [
        {"action": action, "resource": {"type": "buckets", "id": one, "orgID": org_id}} for one in ids for action in may
    ]
    made = influx.api("POST", "/api/v2/authorizations", orgID=org_id, permissions=rights)
    return str(made["token"])


@pytest.mark.influx
def test_databases_are_made_once_lengthened_and_shortened_only_when_told(influx: Influx) -> None:
    if influx.is_2:
        pytest.skip("databases and policies are of 1.x; 2.x is asked below")
    influx.make_database("before_setup")
    http = Http(influx.url, influx.token, timeout_s=10)
    server, version = server_of(http, "-")
    assert isinstance(server, One)
    assert version.startswith("1.")
    homes = [Home(bucket="raw_setup", days=400), Home(bucket="roll_setup", days=0)]
    assert outcomes(prepare(server, homes)) == [Outcome.MADE, Outcome.MADE]
    assert policies(influx, "raw_setup") == {"autogen": "9600h0m0s"}
    assert policies(influx, "roll_setup") == {"autogen": "0s"}
    assert outcomes(prepare(server, homes)) == [Outcome.RIGHT, Outcome.RIGHT]
    assert outcomes(prepare(server, [Home(bucket="raw_setup", days=800)])) == [Outcome.LENGTHENED]
    assert policies(influx, "raw_setup") == {"autogen": "19200h0m0s"}
    (left,) = prepare(server, [Home(bucket="raw_setup", days=30)])
    assert (left.outcome, left.before_days) == (Outcome.LEFT, 800)
    assert policies(influx, "raw_setup") == {"autogen": "19200h0m0s"}
    assert outcomes(prepare(server, [Home(bucket="raw_setup", days=30)], shorten=True)) == [Outcome.SHORTENED]
    assert policies(influx, "raw_setup") == {"autogen": "720h0m0s"}
    assert outcomes(prepare(server, [Home(bucket="before_setup/short", days=7)])) == [Outcome.MADE]
    assert policies(influx, "before_setup") == {"autogen": "0s", "short": "168h0m0s"}
    http.close()


@pytest.mark.influx
def test_buckets_are_made_once_with_their_mapping_lengthened_and_shortened_only_when_told(influx: Influx) -> None:
    if not influx.is_2:
        pytest.skip(f"NOT TESTED: needs InfluxDB 2, and this is {influx.version}")
    http = Http(influx.url, influx.token, timeout_s=10)
    server, version = server_of(http, influx.org)
    assert isinstance(server, Two)
    assert version.startswith("2.")
    homes = [Home(bucket="raw_setup", days=400), Home(bucket="roll_setup", days=0)]
    assert outcomes(prepare(server, homes)) == [Outcome.MADE, Outcome.MADE]
    assert buckets(influx, "raw_setup") == [("raw_setup", 400 * DAY_S)]
    assert buckets(influx, "roll_setup") == [("roll_setup", 0)]
    assert outcomes(prepare(server, homes)) == [Outcome.RIGHT, Outcome.RIGHT]
    assert mappings(influx, "raw_setup") == [("raw_setup", "autogen", True)]
    assert mappings(influx, "roll_setup") == [("roll_setup", "autogen", True)]
    assert outcomes(prepare(server, [Home(bucket="raw_setup", days=800)])) == [Outcome.LENGTHENED]
    (left,) = prepare(server, [Home(bucket="raw_setup", days=30)])
    assert (left.outcome, left.before_days) == (Outcome.LEFT, 800)
    assert buckets(influx, "raw_setup") == [("raw_setup", 800 * DAY_S)]
    assert outcomes(prepare(server, [Home(bucket="raw_setup", days=30)], shorten=True)) == [Outcome.SHORTENED]
    assert buckets(influx, "raw_setup") == [("raw_setup", 30 * DAY_S)]
    assert outcomes(prepare(server, [Home(bucket="raw_setup/short", days=7)])) == [Outcome.MADE]
    assert mappings(influx, "raw_setup") == [("raw_setup", "autogen", True), ("raw_setup/short", "short", False)]
    http.close()


@pytest.mark.influx
async def test_a_token_for_two_buckets_alone_is_enough_to_serve_and_too_little_to_prepare(influx: Influx) -> None:
    if not influx.is_2:
        pytest.skip(f"NOT TESTED: needs InfluxDB 2, and this is {influx.version}")
    for name in ("served", "served_rollup", "of_others"):
        influx.make_database(name)
    token = token_for(influx, "served", "served_rollup")
    address = InfluxAddress(url=influx.url, token=token, bucket="served", org=influx.org)
    store, rollups = await InfluxStore.open(address), InfluxRollups(address, "served_rollup")
    elsewhere = await InfluxStore.open(replace(address, bucket="of_others"))
    try:
        await store.write([inverter(0)])
        assert await store.latest(SITE) == [inverter(0)]
        await rollups.write([RollupRow(series=Series.EVENT, at_ms=T0, tags={"site": SITE}, fields={"text": "始め"})])
        asker = InfluxQuery(influx.url, token, "served_rollup", timeout_s=10)
        assert [rows[0]["text"] for _tags, rows in asker.ask('SELECT "text" FROM "event"')] == ["始め"]
        asker.close()
        former = {"site": SITE, "ward": "北区", "name": "旧"}
        await rollups.write([RollupRow(series=Series.ENERGY_DAY, at_ms=T0, tags=former, fields={"missing": 0.0})])
        assert await rollups.energy_names() == {SITE: {("北区", "旧")}}
        await rollups.forget_energy(SITE, ward="北区", name="旧")
        assert await rollups.energy_names() == {}
        with pytest.raises(StoreError, match=r"HTTP 40[134]"):
            await elsewhere.write([inverter(0)])
        http = Http(influx.url, token, timeout_s=10)
        with pytest.raises(StoreError, match="no organisation"):
            prepare(server_of(http, influx.org)[0], [Home(bucket="another", days=1)])
        http.close()
    finally:
        await store.close()
        await elsewhere.close()
        await rollups.close()


@pytest.mark.influx
async def test_a_bucket_with_a_policy_s_name_is_written_and_read(influx: Influx) -> None:
    if influx.version < V2_WRITE_SINCE:
        pytest.skip(f"NOT TESTED: needs InfluxDB 1.8 or 2, and this is {influx.version}")
    http = Http(influx.url, influx.token, timeout_s=10)
    server, _ = server_of(http, influx.org)
    prepare(server, [Home(bucket="two_lives", days=0), Home(bucket="two_lives/short", days=0)])
    http.close()
    address = InfluxAddress(url=influx.url, token=influx.token, bucket="two_lives/short", org=influx.org)
    short, long = await InfluxStore.open(address), await InfluxStore.open(replace(address, bucket="two_lives"))
    try:
        await short.write([inverter(0)])
        await long.write([inverter(1)])
        assert await short.latest(SITE) == [inverter(0)]
        assert await long.latest(SITE) == [inverter(1)]
    finally:
        await short.close()
        await long.close()


@pytest.mark.influx
def test_the_command_says_what_it_did_and_who_may_not_is_told(influx: Influx, tmp_path: Path) -> None:
    influx.make_database("any")
    token = tmp_path / "token"
    token.write_text(influx.token, encoding="utf-8")
    config = tmp_path / "central.yaml"
    config.write_text(
        f"data: {tmp_path}\nstore: {{kind: influx, url: '{influx.url}', org: '{influx.org}', token_file: {token},"
        " bucket: cmd_raw, rollup_bucket: cmd_roll, raw_days: 365}\n",
        encoding="utf-8",
    )
    first = CliRunner().invoke(app, ["init-store", "--config", str(config)])
    assert first.exit_code == 0, first.output
    assert "cmd_raw（365 日 / days）: 新しく作りました / made" in first.output
    again = CliRunner().invoke(app, ["init-store", "--config", str(config), "--json"])
    assert [one["outcome"] for one in json.loads(again.output)["buckets"]] == ["right", "right"]
    token.write_text("shelter:wrong", encoding="utf-8")
    refused = CliRunner().invoke(app, ["init-store", "--config", str(config)])
    assert refused.exit_code == 1
    assert "the token is not accepted" in refused.output


def test_an_embedded_store_needs_no_preparation(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init-store", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "sqlite" in result.output


# --- A stand-in for 2.x ----------------------------------------------------------------------------------------------


@dataclass
class Books:
    version: str = "v2.7.11"
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    dbrps: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


@contextmanager
def stand_in(books: Books) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _say(self, status: int, body: object = None) -> None:
            raw = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("X-Influxdb-Version", books.version)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _body(self) -> dict[str, Any]:
            found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert isinstance(found, dict)
            return found

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/ping":
                return self._say(204)
            if self.headers["Authorization"] != "Token all-access":
                return self._say(401, {"code": "unauthorized", "message": "unauthorized access"})
            if url.path == "/api/v2/orgs":
                return self._say(200, {"orgs": [{"id": "0a", "name": "city"}] if asked["org"] == "city" else []})
            assert asked["orgID"] == "0a"
            if url.path == "/api/v2/dbrps":
                return self._say(200, {"content": [one for one in books.dbrps if one["database"] == asked["db"]]})
            found = books.buckets.get(asked["name"])
            if found is None:
                return self._say(404, {"code": "not found", "message": "bucket not found"})
            return self._say(200, {"buckets": [found]})

        def do_POST(self) -> None:
            body = self._body()
            books.changes.append(f"POST {self.path}")
            if self.path == "/api/v2/buckets":
                books.buckets[body["name"]] = {**body, "id": f"b{len(books.buckets)}"}
            else:
                books.dbrps.append(body)
            self._say(201, body)

        def do_PATCH(self) -> None:
            books.changes.append(f"PATCH {self.path}")
            (one,) = [each for each in books.buckets.values() if self.path.endswith(each["id"])]
            one |= self._body()
            self._say(200, one)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_buckets_of_2_x_get_their_retention_and_the_mapping_for_influxql() -> None:
    books = Books()
    homes = [Home(bucket="shelter", days=400), Home(bucket="shelter_rollup", days=0)]
    with stand_in(books) as url:
        http = Http(url, "all-access", timeout_s=5)
        server, version = server_of(http, "city")
        assert isinstance(server, Two)
        assert version == "2.7.11"
        assert outcomes(prepare(server, homes)) == [Outcome.MADE, Outcome.MADE]
        assert books.buckets["shelter"]["retentionRules"] == [{"type": "expire", "everySeconds": 400 * DAY_S}]
        assert books.buckets["shelter_rollup"]["retentionRules"] == []
        assert [(one["database"], one["bucketID"], one["default"]) for one in books.dbrps] == [
            ("shelter", "b0", True),
            ("shelter_rollup", "b1", True),
        ]
        done_once = list(books.changes)
        assert outcomes(prepare(server, homes)) == [Outcome.RIGHT, Outcome.RIGHT]
        assert books.changes == done_once
        assert outcomes(prepare(server, [Home(bucket="shelter", days=500)])) == [Outcome.LENGTHENED]
        assert books.buckets["shelter"]["retentionRules"] == [{"type": "expire", "everySeconds": 500 * DAY_S}]
        http.close()


def test_an_unknown_organisation_a_wrong_token_and_another_version_are_named() -> None:
    books = Books()
    with stand_in(books) as url:
        for token, org, reason in (
            ("all-access", "elsewhere", "no organisation 'elsewhere'"),
            ("none", "city", "the token is not accepted"),
        ):
            http = Http(url, token, timeout_s=5)
            server, _ = server_of(http, org)
            with pytest.raises(StoreError, match=reason):
                prepare(server, [Home(bucket="shelter", days=1)])
            http.close()
        books.version = "3.2.0"
        http = Http(url, "all-access", timeout_s=5)
        with pytest.raises(StoreError, match=r"InfluxDB 3\.2\.0: only 1\.x and 2\.x"):
            server_of(http, "city")
        http.close()
    assert not books.buckets


def test_a_server_that_is_away_is_named_when_it_is_made_ready() -> None:
    http = Http(f"http://127.0.0.1:{free_port()}", "a:b", timeout_s=2)
    with pytest.raises(StoreError, match="does InfluxDB run there"):
        server_of(http, "-")
    http.close()
