"""Looks at a small city, and rules of a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from central.core.watch.alerts import Change
from central.core.watch.looking import Look, State, look
from central.core.watch.readings import Readings
from central.core.watch.rules import Rule, read_rules

NOW_MS = 1_795_489_805_000
MINUTE_MS = 60_000
WARDS = {f"E{n:04d}": ("中央区", "緑区")[n % 2] for n in range(20)}
"""Ten shelters in each of two wards."""
FINE = Readings(silent_min=0, link_drops=0, faults=0, clock_off_s=0, is_clock_unknown=False)


def rules(text: str) -> tuple[Rule, ...]:
    return read_rules(text.encode())


SILENT = rules("rules: {silent: {watch: silent_min, raise: 10, clear: 1, clear_after_min: 3, severity: warning}}")


class City:
    """A city that lives in looks of a minute."""

    def __init__(self, asked: tuple[Rule, ...], wards: Mapping[str, str] = WARDS) -> None:
        self.rules = asked
        self.wards = wards
        self.state = State()
        self.at_ms = NOW_MS
        self.readings = dict.fromkeys(wards, FINE)
        self.service = Readings(broker_down_min=0, store_down_min=0)
        self.log: list[Change] = []

    def say(self, *sites: str, **readings: Any) -> None:
        for site in sites:
            self.readings[site] = replace(self.readings[site], **readings)

    def live(self, minutes: int) -> list[Change]:
        """So many looks; returns what changed."""
        changes: list[Change] = []
        for _ in range(minutes):
            self.at_ms += MINUTE_MS
            seen = Look(at_ms=self.at_ms, wards=self.wards, readings=self.readings, service=self.service)
            self.state, new = look(self.rules, self.state, seen)
            changes += new
        self.log += changes
        return changes

    @property
    def open(self) -> list[str]:
        """Alerts that go on: family and whom they are about."""
        return sorted(f"{family.value} {about.kind.value} {about.name}".strip() for family, about in self.state.alerts)
