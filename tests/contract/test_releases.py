"""A box of one release and a city of the next, and the other way round: what one says more is passed over."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contract import wire
from contract.asyncapi import MODELS
from contract.examples import Example, examples
from contract.messages import EventKind
from contract.signing import Signer, fingerprint, in_text
from contract.steering import (
    Desired,
    Mode,
    Receipt,
    Reported,
    Source,
    Stage,
    decode_reported,
    encode_reported,
    open_desired,
    sign,
)
from contract.wire import WireError

SITE = "E0000000001111"
FREE = {"d", "n", "x"}
"""Fields of any name stand here, as keys of a table: layouts, refusals, further facts."""
LATER = {"zz_new": {"a": [1, {"b": None}]}, "zz_flag": True}


def of_a_later_release(said: Any, name: str = "") -> Any:
    """Every object of a message with more fields than this release knows."""
    if isinstance(said, dict):
        inside = {key: of_a_later_release(value, key) for key, value in said.items()}
        return inside if name in FREE else {**inside, **LATER}
    return [of_a_later_release(each) for each in said] if isinstance(said, list) else said


@pytest.mark.parametrize("sample", examples(), ids=lambda sample: sample.name)
def test_a_message_of_a_later_release_says_the_same(sample: Example) -> None:
    later = msgspec.json.encode(of_a_later_release(msgspec.json.decode(wire.encode(sample.message))))
    assert b"zz_new" in later
    decode = {model.__name__: getattr(wire, f"decode_{channel.value}") for channel, model in MODELS.items()}
    assert decode[type(sample.message).__name__](later) == sample.message


def test_an_order_of_a_later_city_is_obeyed_and_a_report_of_a_later_box_is_read() -> None:
    signer = Signer.new()
    desired = Desired(site=SITE, revision=7, issued_ms=1, expires_ms=9, mode=Mode.BACKUP)
    signed = msgspec.json.decode(sign(desired, signer))
    body = msgspec.json.encode(of_a_later_release(msgspec.json.decode(signed["b"])))
    assert b"zz_new" in body
    later = {**signed, **LATER, "b": body.decode(), "g": in_text(signer.sign(body))}
    keys = {fingerprint(signer.public): signer.public}
    assert open_desired(msgspec.json.encode(later), keys=keys, site=SITE) == desired
    reported = Reported(
        at_ms=5,
        mode=Mode.BACKUP,
        source=Source.CITY,
        receipt=Receipt(revision=7, stage=Stage.HELD, at_ms=4),
    )
    told = msgspec.json.encode(of_a_later_release(msgspec.json.decode(encode_reported(reported))))
    assert decode_reported(told) == reported


def test_what_an_older_release_leaves_out_has_its_default() -> None:
    ack = wire.decode_ack(b'{"e":"k3v9x2","a":[[1,2]]}')
    assert (ack.again, ack.need, ack.refused, ack.at_ms) == ([], [], {}, 0)
    status = wire.decode_status(b'{"online":true}')
    assert (status.outbox, status.devices, status.interval_s) == (None, [], 0)


def test_a_kind_and_a_reason_of_a_later_release_stand_for_themselves() -> None:
    loss = {"a": 1, "b": 2, "f": 3, "u": 4, "n": 5, "y": "kept_by_fans"}
    told = {"e": "k3v9x2", "s": 3, "t": 1795474800012, "k": "fan_failed", "l": [loss]}
    event = wire.decode_event(msgspec.json.encode(told))
    assert (event.kind.value, event.kind == "fan_failed", event.kind.is_known) == ("fan_failed", True, False)
    assert (event.losses[0].reason.value, event.losses[0].reason.is_known) == ("kept_by_fans", False)
    assert msgspec.json.decode(wire.encode(event)) == told
    assert event.kind not in list(EventKind)
    known = wire.decode_event(msgspec.json.encode({**told, "k": "grid_lost"}))
    assert known.kind is EventKind.GRID_LOST
    assert known.kind.is_known


@pytest.mark.parametrize("kind", ["", "Fan", "a b", "fan\n", "a" * 65, "電", "1st", 7, None])
def test_what_is_no_word_is_no_kind(kind: object) -> None:
    told = {"e": "k3v9x2", "s": 3, "t": 1795474800012, "k": kind}
    with pytest.raises(WireError, match=r"\$\.k"):
        wire.decode_event(msgspec.json.encode(told))


def test_another_version_of_the_contract_is_told_as_such() -> None:
    with pytest.raises(WireError, match="update the older side"):
        wire.decode_telemetry(b'{"v":2,"e":"k3v9x2","s":1,"t":1795474800012}')
