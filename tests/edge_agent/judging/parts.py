"""Watches over simulated shelters, for the tests of judgements."""

from __future__ import annotations

from bench.watched import HOUR_MS, NOON_MS, Watch, findings, inverters, loud, meters, site

__all__ = ["HOUR_MS", "NOON_MS", "Watch", "findings", "inverters", "loud", "meters", "site"]
