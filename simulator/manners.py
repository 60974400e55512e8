"""How a device behaves on the wire beside its registers: how many clients, how soon, which silence. Plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from device_profiles.load import Profile

_TARGET_SILENT: Final = 11
_MISSING_UNIT: Final = {"victron-gx": _TARGET_SILENT, "victron-vebus": _TARGET_SILENT}
"""Families whose gateway says that a unit does not exist; the others leave the client waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What a port does beside answering."""

    clients_max: int = 0
    """TCP clients at a time; one more is hung up on. 0: as many as come."""
    swallow_within_s: float = 0.0
    """The first request of a connection gets no answer when it comes sooner than this."""
    answer_after_s: float = 0.0
    is_late: bool = False
    """The answer to a request leaves when the next request has come, as from a gateway that lags behind."""
    missing_unit: int | None = None
    """Exception code for a unit that does not exist; None: silence."""


def manners_of(profile: Profile) -> Manners:
    """What the family is known for."""
    return Manners(
        clients_max=profile.limits.clients_max,
        swallow_within_s=profile.limits.connect_delay_s,
        missing_unit=_MISSING_UNIT.get(profile.id),
    )


def told_otherwise(
    usual: Manners,
    *,
    clients_max: int | None = None,
    answer_after_s: float = 0.0,
    is_late: bool = False,
    swallows_first: bool = False,
    is_gateway: bool = False,
) -> Manners:
    """The manners with what somebody asked for instead."""
    return replace(
        usual,
        clients_max=usual.clients_max if clients_max is None else clients_max,
        answer_after_s=answer_after_s,
        is_late=is_late,
        swallow_within_s=math.inf if swallows_first else usual.swallow_within_s,
        missing_unit=_TARGET_SILENT if is_gateway else usual.missing_unit,
    )
