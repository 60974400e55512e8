"""Writing line protocol by InfluxDB's v2 API. Blocking: call it in a thread of its own."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

import urllib3
from influxdb_client import InfluxDBClient, WritePrecision, WriteService

from central.store.influx_query import explain_write


@dataclass(frozen=True, kw_only=True, slots=True)
class InfluxAddress:
    """Where InfluxDB is. For 1.8 the token is ``user:password`` and the bucket ``database`` or ``database/policy``."""

    url: str
    token: str
    bucket: str
    org: str = "-"
    timeout_s: float = 10.0


class InfluxWriter:
    """Writes lines into buckets of one server."""

    def __init__(self, address: InfluxAddress) -> None:
        self._address = address
        self._client = InfluxDBClient(
            url=address.url,
            token=address.token,
            org=address.org,
            timeout=round(address.timeout_s * 1000),
            retries=urllib3.Retry(0),  # The caller tries again, and says so.
        )
        self._service = WriteService(self._client.api_client)

    def write(self, lines: Sequence[str], bucket: str | None = None) -> None:
        """Write lines with times in milliseconds; the server's log has them when this returns.

        Raises:
            StoreRefusedError: the server will never take some of them (another type in the same field).
            StoreError: it is away, or does not let us.
        """
        bucket = bucket or self._address.bucket
        # The client's own gzip works at level 9, which costs four times as much as all the rest of a write.
        packed = gzip.compress("\n".join(lines).encode(), compresslevel=1)
        try:
            self._service.post_write(
                org=self._address.org,
                bucket=bucket,
                body=packed,
                precision=WritePrecision.MS,
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except Exception as error:
            raise explain_write(self._address.url, bucket, error) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
