"""A webhook's call: signature, age and body → ``Telegram``. Pure.

The caller signs ``timestamp.body`` with HMAC-SHA256 and sends ``X-Timestamp`` (seconds since 1970) and ``X-Signature``
(``sha256=`` and 64 hexadecimal digits). A call is taken for five minutes; after that, and when it comes a second time,
it changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from central.core.alerts.telegram import HOOK, Called, Info, Lane, Telegram
from central.feeds.xml import RefusedError, Why

BODY_MAX: Final = 65_536
AGE_MAX_S: Final = 300
SECRET_MIN: Final = 32
"""Characters of a secret."""
_PREFIX: Final = "sha256="


class Status(StrEnum):
    """Whether a call is meant."""

    REAL = "real"
    TRAINING = "training"
    TEST = "test"


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a call."""

    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._:-]+$")]
    """What happened: a later call with the same id replaces this one."""
    at_ms: Annotated[int, Meta(ge=0, le=253_402_300_799_000)]
    """When the caller says so, UTC milliseconds; the later call of one id holds."""
    status: Status
    wards: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=2_000)] = []
    """Names of wards as registered; none: all of them."""
    text: Annotated[str, Meta(max_length=60)] = ""
    cancelled: bool = False
    """It was never so."""
    serial: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


_decoder = msgspec.json.Decoder(Call)


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """What ``X-Signature`` has to say."""
    return _PREFIX + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_genuine(secret: str | None, timestamp: str, signature: str, body: bytes, *, now_ms: int) -> bool:
    """Whether a call comes from who has the secret, and now. Takes as long without a secret as with one."""
    expected = signature_of(secret or "\0", timestamp, body)
    fits = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    is_now = is_number and abs(now_ms / 1000 - int(timestamp)) <= AGE_MAX_S
    return fits and is_now and secret is not None


def read(name: str, body: bytes) -> Telegram:
    """The alert of a call.

    Raises:
        RefusedError: its body says nothing that is known here; says where.
    """
    try:
        call = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(Why.MALFORMED, f"body: {error}") from None
    if not call.text.isprintable():
        raise RefusedError(Why.MALFORMED, "body: text has a control character")
    return Telegram(
        source=f"{HOOK}:{name}:{call.id}:{call.serial}",
        type=f"{HOOK}:{name}",
        lane=Lane(call.status.value),
        event=call.id,
        info=Info.CANCELLED if call.cancelled else Info.ISSUED,
        serial=call.serial,
        report_ms=call.at_ms,
        sent_ms=call.at_ms,
        digest=hashlib.sha256(body).hexdigest(),
        title=call.text,
        called=Called(wards=tuple(call.wards), text=call.text),
    )


def unknown_wards(telegram: Telegram, known: tuple[str, ...]) -> list[str]:
    """Wards that a call names and nobody has."""
    return [ward for ward in (telegram.called.wards if telegram.called else ()) if ward not in known]
