"""Desired state: who signed it, for whom, and that nothing else passes for one."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.signing import Signer, fingerprint, in_text
from contract.steering import (
    ORDERABLE,
    Desired,
    GridState,
    Mode,
    Reason,
    Receipt,
    Reported,
    SignedDesired,
    Source,
    Stage,
    SteeringError,
    decode_reported,
    encode_reported,
    open_desired,
    receipt_detail,
    receipt_of,
    sign,
)

CITY, THIEF = Signer.new(), Signer.new()
SITE, OTHER = "E0000000001111", "E0000000002111"
KEYS = {fingerprint(CITY.public): CITY.public}
WANTED = Desired(site=SITE, revision=7, issued_ms=1_000, expires_ms=9_000, mode=Mode.BACKUP, tiers_closed=2)


def refusal_of(payload: bytes, *, site: str = SITE) -> Reason:
    with pytest.raises(SteeringError) as caught:
        open_desired(payload, keys=KEYS, site=site)
    return caught.value.reason


@pytest.mark.parametrize("mode", ORDERABLE)
def test_what_the_city_signed_comes_back(mode: Mode) -> None:
    wanted = msgspec.structs.replace(WANTED, mode=mode)
    assert open_desired(sign(wanted, CITY), keys=KEYS, site=SITE) == wanted


def resigned(signer: Signer, body: bytes, *, key: bytes | None = None) -> bytes:
    shown = fingerprint(key or signer.public)
    return msgspec.json.encode(SignedDesired(body=body.decode(), key=shown, signature=in_text(signer.sign(body))))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b"{}", Reason.MALFORMED),
        (b"\xff", Reason.MALFORMED),
        (b"[" * 50_000, Reason.MALFORMED),
        (sign(WANTED, THIEF), Reason.FOREIGN_KEY),
        (resigned(THIEF, msgspec.json.encode(WANTED), key=CITY.public), Reason.FORGED),
        (sign(WANTED, CITY).replace(b'\\"r\\":7', b'\\"r\\":8'), Reason.FORGED),
        (resigned(CITY, b"{}"), Reason.MALFORMED),
        (resigned(CITY, msgspec.json.encode(msgspec.structs.replace(WANTED, kind="report"))), Reason.UNKNOWN_VERSION),
        (sign(msgspec.structs.replace(WANTED, version=2), CITY), Reason.UNKNOWN_VERSION),
        (sign(msgspec.structs.replace(WANTED, mode=Mode.MAINTENANCE), CITY), Reason.NOT_ORDERABLE),
        (sign(msgspec.structs.replace(WANTED, mode=Mode.RECOVERY), CITY), Reason.NOT_ORDERABLE),
        (sign(msgspec.structs.replace(WANTED, site=OTHER), CITY), Reason.WRONG_SITE),
    ],
)
def test_everything_else_is_refused_with_its_reason(payload: bytes, reason: Reason) -> None:
    assert refusal_of(payload) is reason


def test_an_order_for_one_shelter_is_none_for_another() -> None:
    assert refusal_of(sign(WANTED, CITY), site=OTHER) is Reason.WRONG_SITE


def test_an_unsigned_order_is_told_so() -> None:
    signed = json.loads(sign(WANTED, CITY))
    assert refusal_of(json.dumps({**signed, "g": ""}).encode()) is Reason.UNSIGNED


@given(st.data())
def test_one_changed_byte_is_never_taken(data: st.DataObject) -> None:
    payload = bytearray(sign(WANTED, CITY))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        found = open_desired(bytes(payload), keys=KEYS, site=SITE)
    except SteeringError:
        return
    assert found == WANTED  # What was changed is outside of what is signed: a blank, or base64's spare bits.


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_raise_nothing_else(payload: bytes) -> None:
    with pytest.raises(SteeringError):
        open_desired(payload, keys=KEYS, site=SITE)
    with pytest.raises(SteeringError):
        decode_reported(payload)


def test_a_reported_state_comes_back() -> None:
    reported = Reported(
        at_ms=5,
        revision=7,
        mode=Mode.BACKUP,
        source=Source.CITY,
        receipt=Receipt(revision=7, stage=Stage.VERIFIED, at_ms=4),
        grid=GridState.LOST,
        soc_pct=55.5,
        tiers_closed=[True, False],
        devices={"inverter": Stage.VERIFIED},
    )
    assert decode_reported(encode_reported(reported)) == reported


@given(
    st.builds(
        Receipt,
        revision=st.integers(0, 2**40),
        stage=st.sampled_from(Stage),
        at_ms=st.integers(0, 2**40),
        reason=st.sampled_from(Reason),
        device=st.text("abc", max_size=5),
        detail=st.text(max_size=50),
    )
)
def test_a_receipt_travels_as_an_event_s_detail(receipt: Receipt) -> None:
    assert receipt_of(receipt_detail(receipt)) == receipt


@pytest.mark.parametrize("detail", [{}, {"revision": "x"}, {"revision": 1, "stage": "done", "at_ms": 1}])
def test_what_is_no_receipt_is_told(detail: dict[str, object]) -> None:
    with pytest.raises(SteeringError, match="no receipt"):
        receipt_of(detail)
