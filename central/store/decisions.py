"""Decisions, orders, receipts and reported states in the records: part of ``Records``, in its transactions."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy.engine import Connection

from central.core.audit import Decision, Entry, chained, entry_of
from central.core.orders import Order, ReceiptRecord
from central.store.base import StoreRefusedError
from central.store.decision_tables import DecisionStatements
from contract.messages import MILLIS_MAX
from contract.steering import (
    Desired,
    Reason,
    Receipt,
    Reported,
    SignedDesired,
    Stage,
    SteeringError,
    decode_reported,
    encode_reported,
)

T = TypeVar("T")
_signed = msgspec.json.Decoder(SignedDesired)
_desired = msgspec.json.Decoder(Desired)


class Ask(Protocol):
    """Runs a job over the database, whole or not at all."""

    def __call__(self, job: Callable[[Connection], T]) -> Awaitable[T]:
        """Raises ``StoreError``; then nothing was changed."""
        ...


class Decisions:
    """What was decided and what came of it. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(self, ask: Ask, statements: Callable[[], DecisionStatements]) -> None:
        self._ask = ask
        self._statements = statements

    async def decide(self, decisions: Sequence[Decision], orders: Sequence[Order] = ()) -> list[Entry]:
        """Add to the book, and keep the orders that follow, in one transaction; returns the new entries."""

        def job(db: Connection) -> list[Entry]:
            do = self._statements()
            entries = enter(db, do, decisions)
            if orders:
                db.execute(do.add_desired, [_values_of_order(order) for order in orders])
            return entries

        return await self._ask(job)

    async def book(self) -> list[Entry]:
        """All entries, from the first on."""
        return [_entry_of(row) for row in await self._all("entries")]

    async def newest_entries(self, *, limit: int = 100) -> list[Entry]:
        """The newest entries first."""
        return [_entry_of(row) for row in await self._all("newest_entries", at_most=limit)]

    async def orders(self, *, until_ms: int = MILLIS_MAX) -> dict[str, Order]:
        """Site → the order that held at a time; without one, the newest."""
        found = [_order_of(row["payload"]) for row in await self._all("orders_at", until_ms=until_ms)]
        return {order.site: order for order in found}

    async def orders_of(self, site: str, *, limit: int = 100) -> list[Order]:
        """A shelter's orders, the newest first."""
        return [_order_of(row["payload"]) for row in await self._all("orders_of_site", of_site=site, at_most=limit)]

    async def receipts(self, *, until_ms: int = MILLIS_MAX) -> dict[str, list[ReceiptRecord]]:
        """Site → receipts until a time, of the order that held then and of no order (refusals), as they came."""
        found: dict[str, list[ReceiptRecord]] = {}
        for row in await self._all("receipts_at", until_ms=until_ms):
            found.setdefault(row["site"], []).append(_receipt_of(row))
        return found

    async def receipts_of(self, site: str, *, limit: int = 1_000) -> list[ReceiptRecord]:
        """A shelter's receipts of all orders, the newest first."""
        return [_receipt_of(row) for row in await self._all("receipts_of_site", of_site=site, at_most=limit)]

    async def receipts_after(self, n: int, *, since_ms: int = 0, limit: int = 1_000) -> list[ReceiptRecord]:
        """Receipts that came after the ``n``-th and not before ``since_ms``, in their order."""
        found = await self._all("receipts_after", after=n, since_ms=since_ms, at_most=limit)
        return [_receipt_of(row) for row in found]

    async def reported(self) -> dict[str, tuple[Reported, int]]:
        """Site → its newest reported state and when it came; what an older version cannot read is left out."""
        found = {}
        for row in await self._all("reported"):
            try:
                found[row["site"]] = (decode_reported(row["message"].encode()), row["received_ms"])
            except SteeringError:
                continue
        return found

    async def _all(self, statement: str, **parameters: object) -> list[Mapping[str, Any]]:
        def job(db: Connection) -> list[Mapping[str, Any]]:
            chosen = getattr(self._statements(), statement)
            return [dict(row) for row in db.execute(chosen, parameters).mappings()]

        return await self._ask(job)


def enter(db: Connection, do: DecisionStatements, decisions: Sequence[Decision]) -> list[Entry]:
    """Add to the book inside the transaction of whoever changes something; returns the new entries."""
    row = db.execute(do.newest_entries, {"at_most": 1}).mappings().first()
    entries = chained(decisions, last=_entry_of(dict(row)) if row else None)
    if entries:
        db.execute(do.add_entry, [_values_of_entry(entry) for entry in entries])
    return entries


def save_steering(
    db: Connection,
    do: DecisionStatements,
    receipts: Iterable[ReceiptRecord],
    reported: Mapping[str, tuple[Reported, int]],
) -> None:
    """What a batch of the intake brings of receipts (site → state and when it came) inside its transaction."""
    rows = [_values_of_receipt(record) for record in receipts]
    if rows:
        db.execute(do.add_receipt, rows)
    if reported:
        db.execute(
            do.upsert_reported,
            [
                {"site": site, "received_ms": at_ms, "message": _clean(encode_reported(state).decode())}
                for site, (state, at_ms) in reported.items()
            ],
        )


def _values_of_entry(entry: Entry) -> dict[str, object]:
    d = entry.decision
    return {
        "n": entry.n,
        "at_ms": d.at_ms,
        "by": d.by,
        "action": d.action.value,
        "why": d.why,
        "incident": d.incident,
        "site": d.site,
        "detail": json.dumps(d.detail, ensure_ascii=False, sort_keys=True, allow_nan=False),
        "hash": entry.hash,
    }


def _entry_of(row: Mapping[str, Any]) -> Entry:
    try:
        return entry_of({**row, "detail": json.loads(row["detail"])})
    except ValueError as error:
        raise StoreRefusedError(f"entry {row['n']} of the book was changed: it can't be read ({error})") from None


def _values_of_order(order: Order) -> dict[str, object]:
    return {
        "site": order.site,
        "revision": order.revision,
        "issued_ms": order.desired.issued_ms,
        "payload": order.payload.decode("utf-8"),
    }


def _order_of(payload: str) -> Order:
    raw = payload.encode("utf-8")
    return Order(desired=_desired.decode(_signed.decode(raw).body), payload=raw)


def _values_of_receipt(record: ReceiptRecord) -> dict[str, object]:
    told = record.receipt
    return {
        "site": record.site,
        "revision": told.revision,
        "at_ms": told.at_ms,
        "stage": told.stage.value,
        "reason": told.reason.value,
        "device": _clean(told.device),
        "detail": _clean(told.detail),
        "received_ms": record.received_ms,
    }


def _receipt_of(row: Mapping[str, Any]) -> ReceiptRecord:
    told = Receipt(
        revision=row["revision"],
        stage=Stage(row["stage"]),
        at_ms=row["at_ms"],
        reason=Reason(row["reason"]),
        device=row["device"],
        detail=row["detail"],
    )
    return ReceiptRecord(site=row["site"], receipt=told, received_ms=row["received_ms"], n=row["n"])


def _clean(text: str) -> str:
    """Text from outside, as every database takes it: without NUL and without halves of characters."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
