"""Devices of shelters as their newest commissioning reports name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from central.core.accounting.assets import AssetKind, Reported
from central.core.city import Site
from central.store.records import Records
from contract.commissioning import ReportedDevice, ReportError, read_report

_KINDS: Final = (
    ("inverter.", AssetKind.INVERTER),
    ("pv.", AssetKind.INVERTER),
    ("battery.", AssetKind.BATTERY),
    ("grid.", AssetKind.METER),
    ("load.", AssetKind.METER),
)
"""What a device reads shows what it is; the first that fits counts."""


class ReportedDevices:
    """Reads each report once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[str, tuple[Reported, ...]] = {}
        """Digest of a report → its devices."""

    async def of(self, sites: Iterable[Site]) -> list[Reported]:
        """Devices of the newest report of each shelter, by shelter.

        Raises:
            StoreError: the records are away.
        """
        found: list[Reported] = []
        for site in sites:
            for newest in await self._records.reports(site.id, limit=1):
                if newest.sha256 not in self._known:
                    self._known[newest.sha256] = await self._read(site.id, newest.sha256)
                found += self._known[newest.sha256]
        return found

    async def _read(self, site: str, sha256: str) -> tuple[Reported, ...]:
        kept = await self._records.report(sha256)
        try:
            devices = read_report(kept.document.encode()).devices if kept else []
        except ReportError:
            devices = []
        return tuple(_reported(site, one) for one in devices)


def _reported(site: str, one: ReportedDevice) -> Reported:
    points = {each.point for each in one.values}
    kind = next((kind for start, kind in _KINDS if any(name.startswith(start) for name in points)), AssetKind.OTHER)
    return Reported(
        site=site,
        device=one.id,
        kind=kind,
        name=one.id,
        maker=one.identity.get("vendor", ""),
        model=one.identity.get("model", "") or one.profile,
        serial=one.identity.get("serial", ""),
    )
