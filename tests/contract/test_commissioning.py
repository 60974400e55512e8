"""The commissioning report: how it is judged, and how it travels."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.commissioning import (
    PROVING,
    REPORT_BYTES_MAX,
    CheckVerdict,
    ControlVerdict,
    Judgement,
    Report,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    ReportedValue,
    ReportError,
    SignedReport,
    SiteStage,
    as_detail,
    judge,
    of_detail,
    read_report,
    to_document,
)
from contract.messages import Event, EventKind
from contract.signing import Signer
from contract.wire import decode_event, encode

SIGNER = Signer.new()
INVERTER = ReportedDevice(
    id="inverter",
    profile="goodwe-et",
    confidence="recorded",
    address="192.0.2.10:502",
    unit=247,
    online=True,
    values=[ReportedValue(point="battery.soc_pct", value=55.0, unit="%")],
)
RESERVE = ReportedControl(
    device="inverter",
    control="reserve",
    verdict=ControlVerdict.PASSED,
    before=30,
    written=40,
    read_back=40,
    restored=30,
)
GOOD = Report(
    site="E0000000001111",
    started_ms=1_795_000_000_000,
    at_ms=1_795_000_300_000,
    clock_is_set=True,
    technician="T",
    software="0.1.0",
    devices=[INVERTER],
    checks=[ReportedCheck(kind="balance", verdict=CheckVerdict.PASSED)],
    controls=[RESERVE],
    sign_proven=True,
)


def signed(report: Report) -> SignedReport:
    document = to_document(report)
    return SignedReport(document, SIGNER.public, SIGNER.sign(document))


def test_what_is_proven_is_verified() -> None:
    assert judge(GOOD) == Judgement(SiteStage.VERIFIED, ())


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"devices": []}, "no_device"),
        ({"devices": [msgspec.structs.replace(INVERTER, online=False)]}, "device_dark:inverter"),
        ({"checks": [ReportedCheck(kind="swapped_ct", verdict=CheckVerdict.FAILED)]}, "check_failed:swapped_ct"),
        ({"sign_proven": False}, "sign_not_proven"),
        ({"controls": []}, "no_control_tested"),
        (
            {"controls": [RESERVE, msgspec.structs.replace(RESERVE, control="charge", verdict=ControlVerdict.FAILED)]},
            "control_failed:inverter",
        ),
        (
            {"controls": [RESERVE, msgspec.structs.replace(RESERVE, verdict=ControlVerdict.NOT_RESTORED)]},
            "not_restored:inverter",
        ),
        ({"backup": msgspec.structs.replace(RESERVE, verdict=ControlVerdict.FAILED)}, "backup_failed"),
        ({"checked_ms": 1_795_000_300_000 - 86_400_001}, "check_old"),
        (
            {"controls": [RESERVE, msgspec.structs.replace(RESERVE, control="charge", read_back=4)]},
            "control_failed:inverter",
        ),
        ({"controls": [RESERVE, msgspec.structs.replace(RESERVE, restored=40)]}, "not_restored:inverter"),
        ({"controls": [msgspec.structs.replace(RESERVE, device="another")]}, "no_control_tested"),
    ],
)
def test_what_is_missing_is_named_and_keeps_the_site_from_verified(change: dict[str, object], missing: str) -> None:
    judged = judge(msgspec.structs.replace(GOOD, **change))
    assert judged.stage is SiteStage.INSTALLED
    assert judged.missing == (missing,)


def test_a_register_may_round_what_is_written() -> None:
    rounded = msgspec.structs.replace(RESERVE, control="charge", before=0, written=1_000, read_back=950, restored=0)
    assert judge(msgspec.structs.replace(GOOD, controls=[rounded])).stage is SiteStage.VERIFIED


def test_an_outage_test_that_was_not_made_does_not_stand_in_the_way() -> None:
    declined = msgspec.structs.replace(RESERVE, control="backup", verdict=ControlVerdict.NOT_TESTED)
    assert judge(msgspec.structs.replace(GOOD, backup=declined)).stage is SiteStage.VERIFIED


def test_any_control_that_a_battery_obeys_proves_it_and_others_do_not() -> None:
    for control in PROVING:
        assert judge(replaced(control)).stage is SiteStage.VERIFIED
    for control in ("export_limit", "tier1"):
        assert judge(replaced(control)).missing == ("no_control_tested",)


def replaced(control: str) -> Report:
    return msgspec.structs.replace(GOOD, controls=[msgspec.structs.replace(RESERVE, control=control)])


def test_a_warning_and_what_could_not_be_judged_do_not_stand_in_the_way() -> None:
    checks = [
        ReportedCheck(kind="phase_order", verdict=CheckVerdict.WARNED),
        ReportedCheck(kind="pv_noon", verdict=CheckVerdict.NOT_JUDGED),
    ]
    assert judge(msgspec.structs.replace(GOOD, checks=checks)).stage is SiteStage.VERIFIED


def test_a_report_travels_in_an_event_and_comes_back_genuine() -> None:
    sent = signed(GOOD)
    event = Event(epoch="e", seq=1, at_ms=GOOD.at_ms, kind=EventKind.COMMISSIONING_REPORT, detail=dict(as_detail(sent)))
    came = of_detail(decode_event(encode(event)).detail)
    assert came == sent
    assert came.is_genuine
    assert read_report(came.document) == GOOD


def test_a_changed_document_is_not_genuine() -> None:
    sent = signed(GOOD)
    assert not replace(sent, document=sent.document.replace(b'"sign_proven": true', b'"sign_proven":  true')).is_genuine


def test_a_large_report_travels_in_parts() -> None:
    many = [ReportedValue(point=f"p{n}.x{n * 7919 % 1000}", value=n * 1.37, unit="W") for n in range(5_000)]
    report = msgspec.structs.replace(GOOD, devices=[msgspec.structs.replace(INVERTER, values=many)])
    detail = as_detail(signed(report))
    assert "part2" in detail
    assert read_report(of_detail(detail).document) == report


def test_a_report_beyond_all_bounds_is_refused_before_it_is_sent() -> None:
    huge = SignedReport(b" " * (REPORT_BYTES_MAX + 1), SIGNER.public, b"s" * 64)
    with pytest.raises(ReportError, match="do not fit"):
        as_detail(huge)


def test_a_bomb_is_not_unpacked() -> None:
    detail = as_detail(SignedReport(b" " * REPORT_BYTES_MAX, SIGNER.public, b"s" * 64))
    import base64
    import zlib

    detail["part0"] = base64.b85encode(zlib.compress(b" " * (REPORT_BYTES_MAX + 1), 9)).decode()
    with pytest.raises(ReportError, match="more than"):
        of_detail(detail)


@pytest.mark.parametrize("gone", ["key", "signature", "part0"])
def test_a_missing_part_is_named(gone: str) -> None:
    detail = as_detail(signed(GOOD))
    del detail[gone]
    with pytest.raises(ReportError, match="want key, signature, part0"):
        of_detail(detail)


@given(
    st.dictionaries(st.sampled_from(["key", "signature", "part0", "part1", "x"]), st.text(max_size=90) | st.integers())
)
def test_nonsense_raises_nothing_but_its_own_error(detail: dict[str, object]) -> None:
    with pytest.raises(ReportError):
        of_detail(detail)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "no commissioning report"),
        (b"[]", "no commissioning report"),
        (to_document(msgspec.structs.replace(GOOD, kind="other")), "kind 'other'"),
        (to_document(msgspec.structs.replace(GOOD, version=2)), "version 2"),
        (to_document(msgspec.structs.replace(GOOD, site="nowhere")), "national shelter ID"),
        (b" " * (REPORT_BYTES_MAX + 1), "limit"),
    ],
)
def test_what_is_no_report_is_told(document: bytes, told: str) -> None:
    with pytest.raises(ReportError, match=told):
        read_report(document)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_a_report_or_a_clear_error(document: bytes) -> None:
    with pytest.raises(ReportError):
        read_report(document)
