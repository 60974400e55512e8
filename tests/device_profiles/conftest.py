"""Random cases without a stop-watch: how long one takes says more of the machine than of the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("no stop-watch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no stop-watch")
