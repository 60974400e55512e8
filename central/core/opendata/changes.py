"""What an import would change in the registry, before anybody confirms it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from central.core.city import Site
from central.core.opendata.lines import Table


@dataclass(frozen=True, slots=True)
class Change:
    """A registered shelter and how it would be."""

    before: Site
    after: Site

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of what changes."""
        names = (one.name for one in fields(Site))
        return tuple(name for name in names if getattr(self.before, name) != getattr(self.after, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Each shelter of a file in exactly one list."""

    added: tuple[Site, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: tuple[Site, ...] = ()

    @property
    def to_save(self) -> tuple[Site, ...]:
        """What has to be written."""
        return (*self.added, *(change.after for change in self.changed))

    @property
    def wards(self) -> frozenset[str]:
        """Wards of what it touches, as they are and as they would be."""
        return frozenset({site.ward for site in self.to_save} | {change.before.ward for change in self.changed})


def plan(table: Table, registered: Iterable[Site]) -> Plan:
    """What a file would change. Fields that it says nothing of stay as they are."""
    known: Mapping[str, Site] = {site.id: site for site in registered}
    added, changed, unchanged = [], [], []
    for told in table.sites:
        before = known.get(told.id)
        if before is None:
            added.append(told)
            continue
        site = replace(told, **{name: getattr(before, name) for name in table.unsaid})
        if site == before:
            unchanged.append(site)
        else:
            changed.append(Change(before, site))
    return Plan(added=tuple(added), changed=tuple(changed), unchanged=tuple(unchanged))
