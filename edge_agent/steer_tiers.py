"""The relays of the load tiers: which one is switched next is decided by core/tiers, done here through obey."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from contract.steering import Reason, Stage
from edge_agent.core.conditions import Conditions
from edge_agent.core.interlocks import Rules
from edge_agent.core.modes import Loads, SetPoints
from edge_agent.core.receipts import Part
from edge_agent.core.tiers import Move, Power, Tiers, are_right, learnt, moved, next_move
from edge_agent.core.wanted import DeviceOrder
from edge_agent.steer_device import SteeredDevice

AGAIN_MS: Final = 10_000
"""After a relay did not obey."""
TRIES_MAX: Final = 3
DARK_MS: Final = 60_000


class TierSteer:
    """All load tiers of a site. ``rated_w``: what the secured output carries, where staff entered it."""

    def __init__(
        self,
        devices: Sequence[SteeredDevice] = (),
        *,
        tiers: Tiers | None = None,
        rated_w: float | None = None,
    ) -> None:
        self.devices = tuple(devices)
        self.tiers = tiers or Tiers()
        self._rated_w = rated_w
        self._points = SetPoints()
        self._closed: tuple[bool | None, ...] = ()
        self._power = Power(is_alone=False, load_w=None, room_w=None)
        self._failed: Part | None = None
        self._tries = 0
        self._again_ms = 0
        self._dark_since_ms: int | None = None

    @property
    def count(self) -> int:
        """How many tiers there are: those that any relay has."""
        kinds = {c.kind for d in self.devices if d.map is not None for c in d.map.controls if c.kind.startswith("tier")}
        most = len(self.tiers.entered_w) or len(kinds)
        return min(most, len(kinds))

    def seen(self, watts: Mapping[int, float]) -> None:
        """What was seen of the tiers before a reboot."""
        self.tiers = replace(self.tiers, seen_w=dict(watts))

    def want(self, points: SetPoints, seen: Conditions, now_ms: int) -> None:
        """Take in what is wanted and what is seen."""
        if points != self._points:
            self._failed, self._tries, self._again_ms = None, 0, 0
        self._points, self._closed = points, seen.tiers
        self.tiers = replace(learnt(self.tiers, seen.load_w, now_ms), count=self.count)
        limits = [watts for watts in (self._rated_w, seen.room_w) if watts is not None]
        self._power = Power(
            is_alone=_is_alone(points),
            load_w=seen.load_w if seen.load_w is not None else seen.backup_w,
            room_w=min(limits, default=None),
        )
        is_dark = bool(self.devices) and points.loads is not Loads.LEAVE and None in self._closed[points.tiers_closed :]
        if not is_dark:
            self._dark_since_ms = None
        elif self._dark_since_ms is None:
            self._dark_since_ms = now_ms
        elif now_ms - self._dark_since_ms >= DARK_MS:
            self._failed = Part(stage=Stage.FAILED, reason=Reason.DEVICE_DARK, detail="a relay does not answer")

    def parts(self) -> dict[str, Part]:
        """How far the relays have come; nothing where there are none, or where they are left alone."""
        if not self.devices or self._points.loads is Loads.LEAVE:
            return {}
        is_right = are_right(self._points, self._closed) and self._dark_since_ms is None
        if self._failed is not None and is_right:
            self._failed = None
        return {self.devices[0].id: self._failed or Part(stage=Stage.HELD if is_right else Stage.ACCEPTED)}

    async def act(self, device_id: str, rules: Rules, boot_ms: Callable[[], int]) -> float:
        """Switch the next relay of this device, if one is due; seconds until the next look."""
        now_ms = boot_ms()
        move = next_move(self._points, self._closed, self.tiers, self._power, now_ms) if self._closed else None
        device = next((d for d in self.devices if d.id == device_id), None)
        if move is None or device is None or not _has(device, move) or now_ms < self._again_ms:
            return 5.0
        before_w = self._power.load_w
        came = await device.order(DeviceOrder(kind=move.kind, off=not move.closes), rules)
        now_ms = boot_ms()
        if came.wait_s > 0:
            self._again_ms = now_ms + round(came.wait_s * 1000)
            return came.wait_s
        if not came.is_good:
            self._tries += 1
            self._again_ms = now_ms + AGAIN_MS * (1 if self._tries < TRIES_MAX else 30)
            self._failed = Part(stage=Stage.FAILED, reason=came.reason, detail=came.detail)
            return 1.0
        self.tiers = moved(self.tiers, move, before_w, now_ms)
        number = move.number - 1
        self._closed = (*self._closed[:number], move.closes, *self._closed[number + 1 :])
        self._again_ms = now_ms
        return 0.1


def _has(device: SteeredDevice, move: Move) -> bool:
    return device.map is not None and any(control.kind == move.kind for control in device.map.controls)


def _is_alone(points: SetPoints) -> bool:
    """Loads go by order only while the shelter stands alone (core/modes.TABLE)."""
    return points.loads is not Loads.ALL
