"""The best that a battery could have done for a year's peak, had it known the year: a linear programme, by HiGHS."""

from __future__ import annotations

import highspy
import numpy as np

from central.core.autonomy.values import Floats
from central.core.peak.learning import Store

HALF_HOUR_H = 0.5


def best_peak_w(net_w: Floats, store: Store, *, efficiency: float, begins_wh: float) -> float:
    """The lowest peak that any use of the battery comes to.

    For each half hour: what is charged (c), discharged (d), and what is in the battery above the reserve after it (s).

        peak + d - c >= net                      what is bought stays under the peak
        s - s_before - e c h + d h / e = 0       the battery
        d <= max(net, 0)                         nothing is exported from the battery

    Args:
        net_w: what would be bought without the battery, mean of each half hour.
        store: the battery; it may be charged with all its power.
        efficiency: of battery and inverter, one way (e).
        begins_wh: what is in it above the reserve at first.
    """
    count = len(net_w)
    steps = np.arange(count)
    charge, discharge, stored, peak = steps, steps + count, steps + 2 * count, 3 * count
    rows = np.concatenate([steps, steps, steps, steps + count, steps[1:] + count, steps + count, steps + count])
    columns = np.concatenate([np.full(count, peak), discharge, charge, stored, stored[:-1], charge, discharge])
    values = np.concatenate(
        [
            np.ones(count),
            np.ones(count),
            -np.ones(count),
            np.ones(count),
            -np.ones(count - 1),
            np.full(count, -efficiency * HALF_HOUR_H),
            np.full(count, HALF_HOUR_H / efficiency),
        ]
    )
    order = np.lexsort((rows, columns))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = 3 * count + 1, 2 * count
    model.col_cost_ = np.concatenate([np.full(2 * count, 1e-7), np.zeros(count), [1.0]])
    model.col_lower_ = np.zeros(3 * count + 1)
    model.col_upper_ = np.concatenate(
        [
            np.full(count, store.charge_w),
            np.minimum(store.discharge_w, np.maximum(net_w, 0.0)),
            np.full(count, store.usable_wh),
            [highspy.kHighsInf],
        ]
    )
    first = np.zeros(count)
    first[0] = begins_wh
    model.row_lower_ = np.concatenate([net_w, first])
    model.row_upper_ = np.concatenate([np.full(count, highspy.kHighsInf), first])
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.searchsorted(columns[order], np.arange(3 * count + 2))
    model.a_matrix_.index_ = rows[order]
    model.a_matrix_.value_ = values[order]
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS found no best use: {solver.modelStatusToString(solver.getModelStatus())}")
    return float(solver.getSolution().col_value[peak])
