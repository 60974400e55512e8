"""Makes InfluxDB ready: a bucket for raw readings with its retention and one for roll-ups, as databases in 1.x.

What is there stays. A retention is lengthened, never shortened unasked, because that deletes. In 2.x each bucket also
gets the mapping under which InfluxQL, and so Grafana, finds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import urllib3

from central.store import influx_lines as lines
from central.store.base import StoreError
from central.store.influx_query import refusal

DAY_S: Final = 86_400
SHARD_DAYS: Final = 7
_POLICY: Final = "autogen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A bucket as it should be. ``days``: how long rows are kept; 0: for good."""

    bucket: str
    days: int


class Outcome(StrEnum):
    """What was done about a bucket."""

    MADE = "made"
    RIGHT = "right"
    """It was there as wanted."""
    LENGTHENED = "lengthened"
    SHORTENED = "shortened"
    LEFT = "left"
    """It keeps rows for longer than wanted; shortening deletes rows, so it was left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a bucket was and is. ``before_days`` ``None``: it was not there."""

    home: Home
    outcome: Outcome
    before_days: float | None


class Server(Protocol):
    """The few things that differ between versions. All raise ``StoreError``."""

    def kept_days(self, bucket: str) -> float | None:
        """How long a bucket keeps rows; 0: for good; ``None``: it is not there."""
        ...

    def make(self, home: Home) -> None:
        """Make a bucket."""
        ...

    def keep(self, home: Home) -> None:
        """Change how long a bucket keeps rows."""
        ...

    def map(self, bucket: str) -> None:
        """Let InfluxQL find it."""
        ...


def prepare(server: Server, homes: Sequence[Home], *, shorten: bool = False) -> list[Done]:
    """Make every bucket as it should be. Doing it again changes nothing.

    Raises:
        StoreError: the server is away or does not let us; what was done until then stays.
    """
    done = []
    for home in homes:
        before = server.kept_days(home.bucket)
        outcome = _outcome(before, home.days, shorten=shorten)
        if outcome is Outcome.MADE:
            server.make(home)
        elif outcome in {Outcome.LENGTHENED, Outcome.SHORTENED}:
            server.keep(home)
        server.map(home.bucket)
        done.append(Done(home=home, outcome=outcome, before_days=before))
    return done


def _outcome(before: float | None, wanted: int, *, shorten: bool) -> Outcome:
    if before is None:
        return Outcome.MADE
    if before == wanted:
        return Outcome.RIGHT
    is_longer = wanted == 0 or 0 < before < wanted
    if is_longer:
        return Outcome.LENGTHENED
    return Outcome.SHORTENED if shorten else Outcome.LEFT


class Http:
    """Requests to InfluxDB's HTTP API. Blocking."""

    def __init__(self, url: str, token: str, *, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=timeout_s), retries=urllib3.Retry(0))
        self._headers = urllib3.make_headers(basic_auth=token) if ":" in token else {"Authorization": f"Token {token}"}

    def ask(self, method: str, path: str, *, missing_is_none: bool = False, **more: Any) -> Any:
        """A JSON answer; ``None`` for an empty one.

        Raises:
            StoreError: no answer, or a refusal.
        """
        try:
            answer = self._pool.request(method, self.url + path, headers=self._headers, **more)
        except urllib3.exceptions.HTTPError as error:
            raise StoreError(f"{self.url}: no answer: {error} (does InfluxDB run there?)") from error
        if answer.status == 404 and missing_is_none:
            return None
        if answer.status >= 300:
            raise StoreError(f"{self.url}{path}: {refusal(answer.status, answer.data)}")
        try:
            return json.loads(answer.data) if answer.data.strip() else None
        except ValueError as error:
            raise StoreError(f"{self.url}{path}: not an answer of InfluxDB: {answer.data[:200]!r}") from error

    def version(self) -> str:
        """As the server says it, without a leading v; empty: it does not say.

        Raises:
            StoreError: no answer.
        """
        try:
            answer = self._pool.request("GET", self.url + "/ping", headers=self._headers)
        except urllib3.exceptions.HTTPError as error:
            raise StoreError(f"{self.url}: no answer: {error} (does InfluxDB run there?)") from error
        return str(answer.headers.get("X-Influxdb-Version", "")).removeprefix("v")

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


class One:
    """InfluxDB 1.x, by InfluxQL. A bucket is a database, or ``database/policy``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def kept_days(self, bucket: str) -> float | None:
        """See ``Server``."""
        database, policy = _parts(bucket)
        if database not in {row[0] for row in self._run("SHOW DATABASES")}:
            return None
        found = self._run(f"SHOW RETENTION POLICIES ON {lines.identifier(database)}")
        return next((_seconds(row[1]) / DAY_S for row in found if row[0] == policy), None)

    def make(self, home: Home) -> None:
        """See ``Server``."""
        database, policy = _parts(home.bucket)
        name = lines.identifier(database)
        if database not in {row[0] for row in self._run("SHOW DATABASES")}:
            self._run(f"CREATE DATABASE {name} WITH {_lasting(home)} NAME {lines.identifier(policy)}")
        else:
            self._run(f"CREATE RETENTION POLICY {lines.identifier(policy)} ON {name} {_lasting(home)}")

    def keep(self, home: Home) -> None:
        """See ``Server``."""
        database, policy = _parts(home.bucket)
        self._run(f"ALTER RETENTION POLICY {lines.identifier(policy)} ON {lines.identifier(database)} {_lasting(home)}")

    def map(self, bucket: str) -> None:
        """A database needs no mapping."""

    def _run(self, statement: str) -> list[list[Any]]:
        answer = self._http.ask("POST", "/query", fields={"q": statement}, encode_multipart=False)
        (result,) = answer["results"]
        if "error" in result:
            raise StoreError(f"{self._http.url}: {result['error']}")
        return [row for series in result.get("series", ()) for row in series.get("values", ())]


class Two:
    """InfluxDB 2.x, by its API. A bucket ``database/policy`` is found by InfluxQL under both names.

    The token has to be allowed to read orgs and to write buckets and dbrps.
    """

    def __init__(self, http: Http, org: str) -> None:
        self._http = http
        self._org = org
        self._org_id = ""

    def kept_days(self, bucket: str) -> float | None:
        """See ``Server``."""
        found = self._bucket(bucket)
        if found is None:
            return None
        seconds: float = sum(rule.get("everySeconds", 0) for rule in found.get("retentionRules", ()))
        return seconds / DAY_S

    def make(self, home: Home) -> None:
        """See ``Server``."""
        body = {"orgID": self._of(), "name": home.bucket, "retentionRules": _rules(home)}
        self._http.ask("POST", "/api/v2/buckets", json=body)

    def keep(self, home: Home) -> None:
        """See ``Server``."""
        found = self._bucket(home.bucket)
        if found is None:
            raise StoreError(f"{self._http.url}: bucket {home.bucket} has gone meanwhile: try again")
        self._http.ask("PATCH", f"/api/v2/buckets/{found['id']}", json={"retentionRules": _rules(home)})

    def map(self, bucket: str) -> None:
        """See ``Server``."""
        found = self._bucket(bucket)
        if found is None:
            raise StoreError(f"{self._http.url}: bucket {bucket} has gone meanwhile: try again")
        database, policy = _parts(bucket)
        known = self._http.ask("GET", "/api/v2/dbrps", fields={"orgID": self._of(), "db": database}) or {}
        if any(one.get("bucketID") == found["id"] and not one.get("virtual") for one in known.get("content") or ()):
            return
        body = {
            "orgID": self._of(),
            "bucketID": found["id"],
            "database": database,
            "retention_policy": policy,
            "default": policy == _POLICY,
        }
        self._http.ask("POST", "/api/v2/dbrps", json=body)

    def _bucket(self, name: str) -> Mapping[str, Any] | None:
        fields = {"orgID": self._of(), "name": name}
        answer = self._http.ask("GET", "/api/v2/buckets", fields=fields, missing_is_none=True) or {}
        return next((one for one in answer.get("buckets") or () if one.get("name") == name), None)

    def _of(self) -> str:
        if not self._org_id:
            answer = self._http.ask("GET", "/api/v2/orgs", fields={"org": self._org}, missing_is_none=True) or {}
            found = [one for one in answer.get("orgs") or () if self._org in (one.get("name"), one.get("id"))]
            if not found:
                raise StoreError(f"{self._http.url}: no organisation {self._org!r}: set store.org to its name")
            self._org_id = found[0]["id"]
        return self._org_id


def server_of(http: Http, org: str) -> tuple[Server, str]:
    """How to speak to this server, and its version.

    Raises:
        StoreError: it is away, or of a version that this cannot make ready.
    """
    version = http.version()
    if version.startswith("1."):
        return One(http), version
    if version.startswith("2."):
        return Two(http, org), version
    raise StoreError(
        f"{http.url}: InfluxDB {version or 'of a version that it does not say'}: only 1.x and 2.x are made ready here. "
        "In InfluxDB 3 make both databases by hand: influxdb3 create database NAME --retention-period 400d"
    )


def _parts(bucket: str) -> tuple[str, str]:
    database, _, policy = bucket.partition("/")
    return database, policy or _POLICY


def _lasting(home: Home) -> str:
    if home.days == 0:
        return "DURATION INF REPLICATION 1"
    return f"DURATION {home.days}d REPLICATION 1 SHARD DURATION {min(SHARD_DAYS, home.days)}d"


def _rules(home: Home) -> list[dict[str, Any]]:
    return [{"type": "expire", "everySeconds": home.days * DAY_S}] if home.days else []


def _seconds(said: str) -> float:
    """Of a duration as InfluxDB writes it: ``9600h0m0s``; ``0s`` is for good."""
    found, digits = 0.0, ""
    for character in said:
        if character.isdigit() or character == ".":
            digits += character
        else:
            found += float(digits or 0) * {"h": 3_600, "m": 60, "s": 1}.get(character, 0)
            digits = ""
    return found
