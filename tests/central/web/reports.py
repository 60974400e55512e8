"""Invented commissioning reports, as a city keeps them."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from central.commissioning import report_of
from central.core.stages import KeyRecord, ReportRecord, proof_of
from contract.commissioning import (
    CheckVerdict,
    ControlVerdict,
    Report,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    ReportedPhoto,
    ReportedValue,
    SignedReport,
    as_detail,
    to_document,
)
from contract.signing import Signer, in_text
from tests.central.fake import HOUR_MS, NOW_MS, FakeQueries

SITE = "E0000000001111"
SIGNER = Signer.new()
OTHER_SIGNER = Signer.new()
INVERTER = ReportedDevice(
    id="inverter",
    profile="huawei-sun2000",
    confidence="recorded",
    address="192.0.2.10:502",
    unit=1,
    online=True,
    identity={"vendor": "HUAWEI", "model": "SUN2000-33KTL", "serial": "S000001"},
    values=[
        ReportedValue(point="pv.power_w", value=18_250.0, unit="W"),
        ReportedValue(point="battery.soc_pct", value=62.5, unit="%"),
        ReportedValue(point="inverter.state", value=4.0),
        ReportedValue(point="inverter.clock_s", value=NOW_MS // 1_000 - 4_000, unit="s"),
        ReportedValue(point="battery.temperature_c", quality="not_available"),
    ],
)
METER = ReportedDevice(
    id="meter",
    profile="sdm630",
    confidence="documented",
    address="192.0.2.20:502",
    unit=2,
    online=True,
    values=[
        ReportedValue(point="grid.power_w", value=1_780.0, unit="W"),
        ReportedValue(point="grid.l1_voltage_v", value=101.3, unit="V"),
    ],
)
PASSED = ReportedCheck(
    kind="balance", verdict=CheckVerdict.PASSED, ja="電力の収支が合っています", en="The powers add up"
)
NO_SUN = ReportedCheck(
    kind="sun",
    device="inverter",
    verdict=CheckVerdict.NOT_JUDGED,
    ja="日射がなく、太陽光は判定できません",
    en="There is no sun: PV was not judged",
)
TURNED = ReportedCheck(
    kind="swapped_ct",
    device="meter",
    verdict=CheckVerdict.FAILED,
    ja="電力量計のCTが逆向きです",
    en="The meter's CTs are turned round",
    try_ja="CTの向き（K→L）を確認してください",
    try_en="Check the direction of the CTs (K to L)",
)
RESERVE = ReportedControl(
    device="inverter",
    control="reserve",
    verdict=ControlVerdict.PASSED,
    before=20.0,
    written=35.0,
    read_back=35.0,
    restored=20.0,
    unit="%",
)
GOOD = Report(
    site=SITE,
    name="中央第1小学校",
    started_ms=NOW_MS - HOUR_MS - 1_200_000,
    at_ms=NOW_MS - HOUR_MS,
    clock_is_set=True,
    technician="試験 太郎",
    company="見本電設",
    software="1.0.0",
    devices=[INVERTER, METER],
    checks=[PASSED, NO_SUN],
    controls=[RESERVE],
    backup=ReportedControl(
        device="inverter", control="backup", verdict=ControlVerdict.PASSED, ja="自立運転に移行", en="It islanded"
    ),
    sign_proven=True,
    photos=[ReportedPhoto(name="photo-1.jpg", sha256="5d" * 32, bytes=181_000, caption="分電盤")],
    remarks="試験用の報告書\n二行目",
)
BAD = msgspec.structs.replace(
    GOOD,
    at_ms=NOW_MS - HOUR_MS // 2,
    clock_is_set=False,
    devices=[INVERTER, msgspec.structs.replace(METER, online=False, cause="timeout", values=[])],
    checks=[PASSED, NO_SUN, TURNED],
    controls=[
        msgspec.structs.replace(RESERVE, verdict=ControlVerdict.NOT_RESTORED, restored=None),
        ReportedControl(device="relay", control="tier3", verdict=ControlVerdict.NOT_TESTED),
    ],
    backup=None,
    sign_proven=False,
    photos=[],
    remarks="",
    is_synthetic=True,
)


def kept(report: Report, signer: Signer = SIGNER) -> ReportRecord:
    """A report as the intake keeps it."""
    document = to_document(report)
    signed = SignedReport(document, signer.public, signer.sign(document))
    return report_of(report.site, as_detail(signed), report.at_ms + 60_000)


def tell(queries: FakeQueries, *reports: ReportRecord) -> None:
    """Reports came, the first one with the key that holds; what is proven of their shelters follows."""
    queries.kept_reports += reports
    key = KeyRecord(site=reports[0].site, public_key=in_text(SIGNER.public), since_ms=0, by="")
    proof = proof_of([replace(report, document="") for report in reports], [key], synthetic_site=True)
    queries.change(reports[0].site, proof=proof)
