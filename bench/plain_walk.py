"""The rival of the vectorised walk: one shelter, one scenario, one step at a time, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence

from central.core.autonomy import ShelterEnergy


def plain_hours(shelter: ShelterEnergy, pv_w: Sequence[float], load_w: Sequence[float], *, step_h: float) -> float:
    """Hours until the loads of one scenario end; its whole length when they do not."""
    full_wh = shelter.usable_wh
    floor_wh = full_wh * shelter.floor_pct / 100
    stored_wh = full_wh * (shelter.soc_pct or 0.0) / 100
    output_w = min(shelter.backup_w, shelter.inverter_w) / max(1.0, shelter.peak_factor)
    for number, (sun_w, wanted_w) in enumerate(zip(pv_w, load_w, strict=True)):
        lack_w = (wanted_w + shelter.own_use_w) / (1 - shelter.conversion_loss) - sun_w
        if wanted_w > output_w or lack_w > shelter.discharge_w:
            return number * step_h
        if lack_w > 0:
            drawn_wh = lack_w * step_h / shelter.efficiency
            left_wh = max(0.0, stored_wh - floor_wh)
            if drawn_wh > left_wh:
                return (number + left_wh / drawn_wh) * step_h
            stored_wh -= drawn_wh
        else:
            taper = min(1.0, max(0.1, (full_wh - stored_wh) / (full_wh * 0.05 + 1e-6)))
            charged_w = min(-lack_w, shelter.charge_w * taper)
            stored_wh = min(full_wh, stored_wh + charged_w * step_h * shelter.efficiency)
    return len(pv_w) * step_h
