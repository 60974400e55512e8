"""Asking InfluxDB by InfluxQL over ``/query``, and what its refusals mean."""

from __future__ import annotations

import json
from typing import Any

import urllib3
from influxdb_client.rest import ApiException

from central.store.base import StoreError, StoreRefusedError

Series = tuple[dict[str, str], list[dict[str, Any]]]
"""Tags, and rows by column name; ``time`` in milliseconds."""

_ADVICE = {
    401: "the token is not accepted: check user:password, or make a token that may read and write the bucket",
    403: "the token may not use this bucket: give it read and write access",
    404: "no such database, bucket or organisation: check store.bucket, store.org; shelter-central init-store makes it",
    413: "the request is too large for the server or a proxy before it",
    429: "the server takes no more for now",
    503: "the server is busy",
}

_NO_DATABASE = "make it by shelter-central init-store; in 2.x the token has to be allowed to read the bucket"


class InfluxQuery:
    """The reading side. Blocking: call it in a thread of its own."""

    def __init__(self, url: str, token: str, bucket: str, *, timeout_s: float) -> None:
        self._url = url.rstrip("/") + "/query"
        self._name = url
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=timeout_s), retries=urllib3.Retry(0), maxsize=1)
        # 1.x knows a user and a password, 2.x and 3 a token.
        self._headers = urllib3.make_headers(basic_auth=token) if ":" in token else {"Authorization": f"Token {token}"}
        database, _, policy = bucket.partition("/")
        self._fields = {"db": database, "epoch": "ms"} | ({"rp": policy} if policy else {})

    def ask(self, question: str) -> list[Series]:
        """Answer of one statement, series by series.

        Raises:
            StoreError: no answer, or a refusal.
        """
        return self._said("GET", question)

    def do(self, statement: str) -> None:
        """Have a statement done that changes something; the server takes such ones by POST alone.

        Raises:
            StoreError: no answer, or a refusal.
        """
        self._said("POST", statement)

    def _said(self, method: str, statement: str) -> list[Series]:
        fields = self._fields | {"q": statement}
        try:
            answer = self._pool.request_encode_url(method, self._url, fields=fields, headers=self._headers)
        except urllib3.exceptions.HTTPError as error:
            raise StoreError(f"{self._name}: no answer: {error} (does InfluxDB run there?)") from error
        if answer.status != 200:
            raise StoreError(f"{self._name}: {refusal(answer.status, answer.data)}")
        try:
            found = json.loads(answer.data)
            # 2.x says {} of a change that is done.
            (result,) = found["results"] if found or method == "GET" else ({},)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self._name}: not an answer of InfluxDB: {answer.data[:200]!r}") from error
        if "error" in result:
            said = str(result["error"])
            advice = f" ({_NO_DATABASE})" if said.startswith("database not found") else ""
            raise StoreError(f"{self._name}: {said}{advice}")
        return [
            (series.get("tags", {}), [dict(zip(series["columns"], row, strict=True)) for row in series["values"]])
            for series in result.get("series", ())
        ]

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.clear()


def explain_write(url: str, bucket: str, error: Exception) -> StoreError:
    """What a failed write means: never (the rows are wrong), or not now."""
    if not isinstance(error, ApiException) or not error.status:
        return StoreError(f"{url}: no answer: {error} (does InfluxDB run there?)")
    reason = f"{url}, bucket {bucket}: {refusal(error.status, error.body or '')}"
    # 400: a malformed line or a field of another type; 422: older than the bucket keeps. The rest is stored.
    return StoreRefusedError(reason) if error.status in (400, 422) else StoreError(reason)


def refusal(status: int, body: bytes | str) -> str:
    """What a refusal of the server says, and what to try."""
    said = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        answer = json.loads(said)
        said = answer.get("message") or answer.get("error") or said
    except (ValueError, AttributeError):
        pass
    advice = f" ({_ADVICE[status]})" if status in _ADVICE else ""
    return f"HTTP {status}: {said.strip()[:500]}{advice}"
