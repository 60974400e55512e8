"""Events that were told before the time was known get it when they are sent. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from contract.messages import Event, EventKind
from edge_agent.core.clock import PROVISIONAL_MAX_MS


def dated(event: Event, at_ms: int) -> Event:
    """The event at its time, and a receipt inside it likewise: the city sorts receipts by theirs."""
    told_ms = event.detail.get("at_ms")
    is_provisional = isinstance(told_ms, int) and told_ms < PROVISIONAL_MAX_MS
    if event.kind is not EventKind.RECEIPT or not is_provisional:
        return replace(event, at_ms=at_ms)
    return replace(event, at_ms=at_ms, detail={**event.detail, "at_ms": at_ms})
