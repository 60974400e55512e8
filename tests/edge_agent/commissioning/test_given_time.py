"""A cabinet that was judged by an hour of somebody's choice says so, and a real one is then not proven."""

from __future__ import annotations

import pytest

from contract.commissioning import CheckVerdict
from edge_agent.check import DeviceSeen, SiteSeen
from edge_agent.commissioning.build_report import check_done
from edge_agent.findings import Balance

AT_S = 1_795_489_200.0


def seen(address: str) -> SiteSeen:
    device = DeviceSeen(device="meter", bus="gateway", address=address, unit=2, profile="sdm630", online=True)
    balance = Balance(
        **dict.fromkeys(("pv_w", "battery_w", "grid_w", "load_w", "inverter_w", "error_w", "limit_w")),
        verdict="unknown",
    )
    return SiteSeen("E1", "", [device], [], balance, [], (), requests=1, seconds=1.0, reads=1)


@pytest.mark.parametrize(
    ("address", "verdict"),
    [("127.0.0.1:502", CheckVerdict.NOT_JUDGED), ("192.168.1.20:502", CheckVerdict.FAILED)],
)
def test_a_real_cabinet_is_not_proven_by_a_given_hour(address: str, verdict: CheckVerdict) -> None:
    done = check_done(seen(address), 1_000, given_s=AT_S)
    (told,) = done.checks
    assert (told.kind, told.verdict) == ("time_given", verdict)
    assert "JST" in told.ja
    assert check_done(seen(address), 1_000).checks == ()
