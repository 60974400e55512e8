"""The five boards, one file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.boards.city import city
from dashboards.boards.disaster import disaster
from dashboards.boards.energy import energy
from dashboards.boards.fleet import fleet
from dashboards.boards.site import site

BOARDS: Final[tuple[Callable[[], Dashboard], ...]] = (city, site, fleet, energy, disaster)
