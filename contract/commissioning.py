"""The report that ends a commissioning: what a technician proved at a cabinet, and what follows from it.

The report is a JSON document, signed as the exact bytes that lie on disk (contract/signing.py). It travels to the city
as one event of kind ``commissioning_report`` whose detail carries document, key and signature (``as_detail``). Both
sides judge it by the same rule (``judge``); what a report says of itself is never taken on trust.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from contract.messages import DeviceId, Millis, PointName
from contract.signing import PUBLIC_BYTES, SIGNATURE_BYTES, in_text, is_signed_by, of_text
from contract.topics import is_site_id

REPORT_VERSION: Final = 1
REPORT_BYTES_MAX: Final = 1_000_000
"""Of the document itself."""
PACKED_CHARS_MAX: Final = 200_000
_PART_CHARS: Final = 7_000
_ROUNDED_SHARE: Final = 0.2
CHECK_AGE_MS_MAX: Final = 86_400_000
"""A report rests on a check of the same day: what was read longer ago says little of the cabinet that is signed for."""
_FIELDS: Final = ("key", "signature")

ShortText = Annotated[str, Meta(max_length=200)]
LongText = Annotated[str, Meta(max_length=2_000)]
Few = Annotated[int, Meta(ge=0, le=1_000_000)]


PROVING: Final = ("reserve", "charge", "discharge_block", "backup")
"""Controls that prove a battery obeys. Usually the reserve is tested; some families have no register for it."""


class ReportError(ValueError):
    """A report that cannot be used. The text says what is wrong with it."""


class SiteStage(StrEnum):
    """How far a site has come. Only a verified site counts as able to go into backup mode."""

    PLANNED = "planned"
    """In the registry; nothing was heard from it."""
    INSTALLED = "installed"
    """A technician's report is there, and something in it failed or was not proven."""
    VERIFIED = "verified"
    """The newest report proves devices, readings and control."""


class CheckVerdict(StrEnum):
    """What came of one check."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    """Something to look at that does not stand in the way."""
    NOT_JUDGED = "not_judged"
    """It could not be told: no sun, no load, no such point."""


class ControlVerdict(StrEnum):
    """What came of a control test, the restoring of what stood there before included."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RESTORED = "not_restored"
    """The device may still hold the test's value: somebody has to look."""
    NOT_TESTED = "not_tested"


class ReportedValue(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value as it was read."""

    point: PointName
    value: float | None = None
    unit: Annotated[str, Meta(max_length=8)] = ""
    quality: Annotated[str, Meta(max_length=32)] = "good"


class ReportedDevice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device of the cabinet."""

    id: DeviceId
    profile: ShortText
    confidence: Annotated[str, Meta(max_length=32)]
    """How well the profile itself is known: recorded, documented, unverified."""
    address: ShortText
    unit: Annotated[int, Meta(ge=0, le=255)]
    online: bool
    cause: ShortText = ""
    """Why it is dark."""
    identity: dict[ShortText, ShortText] = {}
    values: list[ReportedValue] = []


class ReportedCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check, or one finding of it, in the words that the technician saw."""

    kind: ShortText
    verdict: CheckVerdict
    device: Annotated[str, Meta(max_length=128)] = ""
    ja: LongText = ""
    en: LongText = ""
    try_ja: LongText = ""
    try_en: LongText = ""


class ReportedControl(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One control test: written, read back, the plant watched, and what stood there restored."""

    device: DeviceId
    control: ShortText
    verdict: ControlVerdict
    before: float | None = None
    written: float | None = None
    read_back: float | None = None
    restored: float | None = None
    unit: Annotated[str, Meta(max_length=8)] = ""
    ja: LongText = ""
    en: LongText = ""
    at_ms: Millis = 0
    """When it was tested; 0: not said."""


class ReportedPhoto(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A photo that lies beside the report; only its digest travels."""

    name: ShortText
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    bytes: Few
    caption: ShortText = ""


class Report(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole report. Times are UTC milliseconds."""

    kind: str = "commissioning_report"
    version: int = msgspec.field(name="v", default=REPORT_VERSION)
    site: str
    name: ShortText = ""
    started_ms: Millis
    at_ms: Millis
    """When it was finished."""
    clock_is_set: bool
    """Whether a time service or a person vouched for the clock; if not, the times are a guess."""
    technician: Annotated[str, Meta(min_length=1, max_length=100)]
    company: ShortText = ""
    software: ShortText
    devices: list[ReportedDevice]
    checks: list[ReportedCheck]
    controls: list[ReportedControl]
    backup: ReportedControl | None = None
    """The backup test, when it was asked for."""
    sign_proven: bool = False
    """Whether a known load was switched and the meter showed it, in size and direction."""
    checked_ms: Millis = 0
    """When the devices were read and checked; 0: not said."""
    sign_proven_ms: Millis = 0
    """When the load was switched; 0: not said."""
    photos: list[ReportedPhoto] = []
    remarks: LongText = ""
    config_sha256: Annotated[str, Meta(max_length=64)] = ""
    """Of the site.yaml that was tested."""
    request_sha256: Annotated[str, Meta(max_length=64)] = ""
    """Of the certificate request that goes with it."""
    is_synthetic: bool = False
    """The cabinet was a simulated one."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from a report: the stage, and why it is not a better one (closed list of words, see ``judge``)."""

    stage: SiteStage
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report as it lies on disk, with its key and signature."""

    document: bytes
    public: bytes
    signature: bytes

    @property
    def is_genuine(self) -> bool:
        """Whether the key's owner signed exactly these bytes."""
        return is_signed_by(self.public, self.document, self.signature)


def judge(report: Report) -> Judgement:
    """The stage of a site by its newest report.

    Verified means: every device answered, no check failed, the check was no older than a day, a known
    load proved the meter's direction, and at least one control of ``PROVING`` was written, read back and restored, with
    no control test failed. A control test whose own numbers deny its verdict counts by its numbers, and one of a device
    that is not in the report proves nothing. ``missing`` names what is wanting:
    ``device_dark:ID``, ``check_failed:KIND``, ``check_old``, ``sign_not_proven``,
    ``no_control_tested``, ``control_failed:DEVICE``, ``not_restored:DEVICE``, ``backup_failed``.
    """
    missing = [f"device_dark:{device.id}" for device in report.devices if not device.online]
    if not report.devices:
        missing.append("no_device")
    missing += dict.fromkeys(f"check_failed:{c.kind}" for c in report.checks if c.verdict is CheckVerdict.FAILED)
    if report.checked_ms and report.at_ms - report.checked_ms > CHECK_AGE_MS_MAX:
        missing.append("check_old")
    if not report.sign_proven:
        missing.append("sign_not_proven")
    missing += _controls_missing(report.controls, {device.id for device in report.devices})
    if report.backup is not None and report.backup.verdict in (ControlVerdict.FAILED, ControlVerdict.NOT_RESTORED):
        missing.append("backup_failed")
    return Judgement(SiteStage.INSTALLED if missing else SiteStage.VERIFIED, tuple(missing))


def _controls_missing(controls: Iterable[ReportedControl], known: Collection[str]) -> list[str]:
    tests = [(c, _verdict_by_numbers(c)) for c in controls]
    found = [f"not_restored:{c.device}" for c, verdict in tests if verdict is ControlVerdict.NOT_RESTORED]
    found += [f"control_failed:{c.device}" for c, verdict in tests if verdict is ControlVerdict.FAILED]
    proven = any(
        c.control in PROVING and verdict is ControlVerdict.PASSED and (c.device in known or not known)
        for c, verdict in tests
    )
    return list(dict.fromkeys(found)) + ([] if proven else ["no_control_tested"])


def _verdict_by_numbers(test: ReportedControl) -> ControlVerdict:
    """The verdict of a test, unless what was read back or restored is plainly something else."""
    if test.verdict is not ControlVerdict.PASSED:
        return test.verdict
    if _differ(test.before, test.restored):
        return ControlVerdict.NOT_RESTORED
    return ControlVerdict.FAILED if _differ(test.written, test.read_back) else test.verdict


def _differ(wanted: float | None, found: float | None) -> bool:
    """Whether two numbers cannot be the same setting: a register may round, it does not change by a fifth."""
    return wanted is not None and found is not None and abs(wanted - found) > max(1.0, _ROUNDED_SHARE * abs(wanted))


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Report)


def to_document(report: Report) -> bytes:
    """The bytes that are signed: JSON, indented for people."""
    return msgspec.json.format(_encoder.encode(report), indent=1) + b"\n"


def read_report(document: bytes) -> Report:
    """A report from its document.

    Raises:
        ReportError: too large, no JSON, another version, or not of this form.
    """
    if len(document) > REPORT_BYTES_MAX:
        raise ReportError(f"{len(document)} bytes, the limit is {REPORT_BYTES_MAX}")
    try:
        report = _decoder.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"no commissioning report: {error}") from None
    if report.kind != "commissioning_report":
        raise ReportError(f"kind {report.kind!r}, want 'commissioning_report'")
    if report.version != REPORT_VERSION:
        raise ReportError(f"report version {report.version}, this side knows {REPORT_VERSION}: update the older side")
    if not is_site_id(report.site):
        raise ReportError(f"site {report.site!r} is no national shelter ID such as E0000000001111")
    return report


def as_detail(signed: SignedReport) -> dict[str, str]:
    """An event's detail that carries the report.

    Raises:
        ReportError: it is too large to travel.
    """
    packed = base64.b85encode(zlib.compress(signed.document, 9)).decode("ascii")
    if len(signed.document) > REPORT_BYTES_MAX or len(packed) > PACKED_CHARS_MAX:
        raise ReportError(f"{len(signed.document)} bytes do not fit into a message; shorten the remarks")
    parts = [packed[n : n + _PART_CHARS] for n in range(0, len(packed), _PART_CHARS)]
    return {
        "key": in_text(signed.public),
        "signature": in_text(signed.signature),
        **{f"part{n}": part for n, part in enumerate(parts)},
    }


def of_detail(detail: Mapping[str, object]) -> SignedReport:
    """The report in an event's detail; whether it is genuine is for the caller to ask.

    Raises:
        ReportError: a part is missing, or it does not unpack to a document of bounded size.
    """
    texts = {name: text for name, text in detail.items() if isinstance(text, str)}
    names = [f"part{n}" for n in range(len(texts) - len(_FIELDS))]
    if not names or any(name not in texts for name in (*_FIELDS, *names)):
        raise ReportError("want key, signature, part0, part1, …")
    public = of_text(texts["key"], length=PUBLIC_BYTES)
    signature = of_text(texts["signature"], length=SIGNATURE_BYTES)
    if public is None or signature is None:
        raise ReportError("key or signature is not base64 of the right length")
    try:
        packed = base64.b85decode("".join(texts[name] for name in names))
        unpacking = zlib.decompressobj()
        document = unpacking.decompress(packed, REPORT_BYTES_MAX + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ReportError(f"the parts do not unpack: {error}") from None
    if len(document) > REPORT_BYTES_MAX or not unpacking.eof:
        raise ReportError(f"more than {REPORT_BYTES_MAX} bytes, or cut short")
    return SignedReport(document, public, signature)
