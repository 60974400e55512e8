"""What the order of a drill would have done: everything is judged, nothing is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from contract.steering import Reason, Receipt, Stage
from edge_agent.core.modes import SetPoints
from edge_agent.core.wanted import Able, DeviceOrder, orders_for


def rehearsed(revision: int, points: SetPoints, devices: Mapping[str, Able | None], at_ms: int) -> Receipt:
    """The receipt of a drill. ``devices``: what can be ordered of each now; None for one that does not answer."""
    reason = Reason.DRILL if devices else Reason.NO_CONTROL
    would = []
    for device, able in devices.items():
        orders = None if able is None else orders_for(points, able)
        if able is None:
            reason = Reason.DEVICE_DARK
        elif orders is None:
            reason = Reason.NO_CONTROL
        would.append(f"{device}: {', '.join(map(shown, orders or ())) or 'nothing to order'}")
    detail = ("would order " + "; ".join(would))[:500]
    return Receipt(revision=revision, stage=Stage.REFUSED, reason=reason, at_ms=at_ms, detail=detail)


def shown(order: DeviceOrder) -> str:
    """An order for a person: "charge 5000 W, 100 %"."""
    values = ", ".join(f"{value:g} {'%' if name == 'soc_pct' else 'W'}" for name, value in order.arguments.items())
    return f"{order.kind} off" if order.off else f"{order.kind} {values}".strip()
