"""What shelters still hold back, by the newest status of each."""

from __future__ import annotations

from central.store.records import Records
from contract.rows import WireError
from contract.wire import decode_status


async def held_back(records: Records) -> dict[str, int]:
    """Shelter → time of the oldest entry that waits in its outbox, UTC milliseconds; only those that have one.

    Raises:
        StoreError: the records are away.
    """
    found = {}
    for site, (message, _) in (await records.statuses()).items():
        try:
            outbox = decode_status(message).outbox
        except WireError:
            continue
        if outbox is not None and outbox.waiting and outbox.oldest_ms:
            found[site] = outbox.oldest_ms
    return found
