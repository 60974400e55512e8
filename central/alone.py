"""One service at a time over the same data: the first has them, a second one says so and ends, or waits to take over.

Two would each keep a ledger, an order number and a book of their own. Files are locked by the system; a PostgreSQL
database, which several machines reach, by an advisory lock (store/service_lock.py) that is looked at all the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from central.host import HeldError, StartError, only_one_in, who
from central.settings import Settings
from central.store.base import StoreError
from central.store.records_database import file_of
from central.store.service_lock import ServiceLock

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
"""How often one that waits tries again, and one that serves sees whether the database is still its own."""


class Alone:
    """That this process is the one that serves, for as long as it is."""

    def __init__(self, lock: ServiceLock | None) -> None:
        self._lock = lock
        self.lost = ""
        """Who serves instead; empty: this one does."""

    async def keep(self, stop: Callable[[], None]) -> None:
        """See to it until it is lost, and then have the service stopped. A server that is away is waited for."""
        if self._lock is None:
            return
        is_away = False
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                holder = await self._lock.take()
            except StoreError as error:
                if not is_away:
                    log.warning("lock_not_seen", error=str(error))
                is_away = True
                continue
            is_away = False
            if holder:
                self.lost = f"the database is served by another shelter-central now ({holder}): this one has ended"
                stop()
                return


@asynccontextmanager
async def only_service(settings: Settings, *, wait: bool) -> AsyncIterator[Alone]:
    """Be the only service over these data.

    Args:
        settings: which data.
        wait: while another one serves, wait until it is gone, instead of ending.

    Raises:
        HeldError: another one serves; the text says which and what to try.
        StartError: folder or database can't be used.
    """
    async with AsyncExitStack() as held:
        said = ""
        while True:
            try:
                held.enter_context(only_one_in(settings))
                break
            except HeldError as error:
                said = await _patience(str(error), said, wait=wait)
        lock = None
        if file_of(settings.records_address) is None:
            lock = _lock(settings.records_address, f"shelter-central, {who()}")
            held.push_async_callback(lock.close)
            while holder := await _holder(lock, wait=wait):
                why = f"{lock.name}: another shelter-central serves this database ({holder}): stop that one first"
                said = await _patience(why, said, wait=wait)
        if said:
            log.info("taking_over")
        yield Alone(lock)


def _lock(address: str | Path, who_we_are: str) -> ServiceLock:
    try:
        return ServiceLock(address, who_we_are)
    except StoreError as error:
        raise StartError(str(error)) from error


async def _holder(lock: ServiceLock, *, wait: bool) -> str:
    try:
        return await lock.take()
    except StoreError as error:
        if not wait:
            raise StartError(str(error)) from error
        return f"or it does not answer: {error}"


async def _patience(why: str, said: str, *, wait: bool) -> str:
    if not wait:
        raise HeldError(f"{why}, or let this one wait and take over when it ends: --wait")
    if why != said:
        log.info("waiting", why=why)
    await asyncio.sleep(LOOK_S)
    return why
