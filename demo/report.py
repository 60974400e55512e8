"""The demo's closing words: one object for machines, a few lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.audit import Comparison
from demo.processes import Usage
from demo.wiretap import Wiretap


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run of the demo came to."""

    sites_expected: int
    sites_online: int
    online_after_s: float | None
    ran_s: float
    comparison: Comparison
    ingest: Mapping[str, Any]
    wiretap: Wiretap
    usage: Mapping[str, Usage]
    broker: str

    @property
    def is_good(self) -> bool:
        """Every shelter online, nothing lost, doubled or changed."""
        counts = self.comparison
        return (
            self.sites_online == self.sites_expected
            and not counts.lost + counts.duplicated + counts.changed + counts.foreign
        )

    def to_json(self) -> str:
        """One line."""
        counts = self.comparison
        return json.dumps(
            {
                "sites_expected": self.sites_expected,
                "sites_online": self.sites_online,
                "online_after_s": _rounded(self.online_after_s, 1),
                "ran_s": _rounded(self.ran_s, 1),
                "readings_polled": counts.polled,
                "readings_stored": counts.stored,
                "readings_waiting": counts.waiting,
                "readings_lost": counts.lost,
                "readings_duplicated": counts.duplicated,
                "readings_changed": counts.changed,
                "readings_foreign": counts.foreign,
                "dead_letters": self.ingest.get("dead_letters", {}),
                "register_to_store_p50_s": _rounded(self.ingest.get("store_seconds_p50"), 3),
                "register_to_store_p99_s": _rounded(self.ingest.get("store_seconds_p99"), 3),
                "bytes_per_reading": _rounded(self.wiretap.live.bytes_per_reading, 2),
                "bytes_per_reading_backfill": _rounded(self.wiretap.backfill.bytes_per_reading, 2),
                "cpu_seconds": {role: round(used.cpu_s, 2) for role, used in self.usage.items()},
                "peak_rss_mb": {role: round(used.peak_rss_mb, 1) for role, used in self.usage.items()},
                "broker": self.broker,
            }
        )

    def to_text(self) -> str:
        """A few lines."""
        counts = self.comparison
        verdict = "every reading arrived once" if self.is_good else "NOT every reading arrived once: see the counts"
        return "\n".join(
            [
                f"{self.sites_online} of {self.sites_expected} shelters were online; {verdict}.",
                f"readings: {counts.polled:,} polled, {counts.stored:,} stored, {counts.waiting:,} safe in an outbox",
                f"          {counts.lost:,} lost, {counts.duplicated:,} duplicated, {counts.changed:,} changed",
                *(f"{role}: {used.cpu_s:.1f} CPU s, {used.peak_rss_mb:.0f} MB" for role, used in self.usage.items()),
            ]
        )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
