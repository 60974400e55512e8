"""When the shelters' certificates end, for the alerts: the records are asked now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from central.core.provisioning import Kind, newest
from central.store.base import StoreError
from central.store.certificates import CertificateRows

log = structlog.get_logger(__name__)

EVERY_S: Final = 600.0
"""A renewal by a command is seen after so long at the latest."""


class CertificateEnds:
    """Shelter → end of the newest certificate that was not withdrawn. ``run`` until cancelled."""

    def __init__(self, rows: CertificateRows) -> None:
        self._rows = rows
        self._ends: dict[str, int] = {}

    def expiries(self) -> Mapping[str, int]:
        """As of the last look, UTC ms; a shelter without a certificate of this authority is not in it."""
        return self._ends

    async def look(self) -> None:
        """Ask the records.

        Raises:
            StoreError: they can't be read; what was known stays.
        """
        found = newest(await self._rows.all())
        self._ends = {name: one.ends_ms for (kind, name), one in found.items() if kind is Kind.SITE}

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.warning("certificates_not_read", error=str(error))
            await asyncio.sleep(EVERY_S)
