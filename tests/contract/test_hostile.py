"""Whatever arrives: a message, or a WireError that says why not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract import wire
from contract.examples import Example, examples
from contract.layouts import Layout
from contract.messages import INTEGER_MAX, MILLIS_MAX, Telemetry
from contract.wire import WireError
from tests.contract.strategies import telemetry

Decode = Callable[[bytes], object]
DECODERS: list[Decode] = [wire.decode_telemetry, wire.decode_event, wire.decode_status, wire.decode_ack]
SAMPLES = [wire.encode(sample.message) for sample in examples()]


def read_all(payload: bytes) -> None:
    """Everything that a receiver does with bytes; only a WireError may come of it."""
    reasons: list[str] = []
    for decode in DECODERS:
        try:
            message = decode(payload)
            wire.encode(message)  # type: ignore[arg-type]
            if isinstance(message, Telemetry):
                layouts = wire.layouts_in(message)
                assert all(last >= first >= 1 for first, last in wire.seqs_of(message))
                for row in wire.rows_of(message):
                    assert 0 <= row.at_ms <= MILLIS_MAX
                    assert all(isinstance(slot, str) or abs(slot) <= INTEGER_MAX for slot in row.slots)
                    if row.layout_id in layouts:
                        wire.slots_of(row, layouts[row.layout_id])
        except WireError as error:
            reasons.append(str(error))
    assert all(len(reason) < 1_000 for reason in reasons), "a reason is for people, and for a table"


@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"x":' * 20_000)
@example(b'{"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
@example(b'{"e":"\\udc00","s":1,"t":1}')
@example(b'{"e":"\\ud800\\ud800","s":1,"t":1}')
def test_random_bytes_are_refused_in_good_order(payload: bytes) -> None:
    read_all(payload)


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_message_is_refused_or_read_never_worse(sample: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                damaged[at] = data.draw(st.integers(0, 255))
            case "cut":
                del damaged[at : at + data.draw(st.integers(1, 20))]
            case _:
                damaged[at:at] = data.draw(st.sampled_from([b"9" * 30, b"-", b"[", b"]", b"null", b'"', b",", b"1e9"]))
        if not damaged:
            break
    read_all(bytes(damaged))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["v", "e", "s", "t", "r", "c", "d", "k", "y", "x", "l", "a", "n"]), json_values))
def test_any_json_under_our_names_is_refused_or_read(message: dict[str, object]) -> None:
    read_all(wire._encoder.encode(message))


@given(telemetry(), st.data())
def test_any_json_in_place_of_one_field_is_refused_or_read(message: Telemetry, data: st.DataObject) -> None:
    fields = wire.msgspec.to_builtins(message)
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(json_values)
    read_all(wire._encoder.encode(fields))


def unfold(payload: bytes) -> None:
    message = wire.decode_telemetry(payload)
    wire.layouts_in(message)
    wire.rows_of(message)


def loss(**changed: int) -> bytes:
    told = {"a": 4, "b": 5, "f": 1, "u": 2, "n": 1, "y": "dropped"} | changed
    return wire._encoder.encode({"e": "e", "s": 1, "t": 1, "k": "data_lost", "l": [told]})


BASE = b'{"e":"e","s":1,"t":1000'
LAYOUT = Layout("meter", ("grid.power_w", "grid.power_w"))


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b'{"e":"e","s":1}', "missing required field `t`"),
        (b'{"e":"e","s":0,"t":1}', ">= 1"),
        (b'{"e":"e","s":true,"t":1}', "got `bool`"),
        (b'{"e":"e","s":1.0,"t":1}', "got `float`"),
        (b'{"e":"e","s":[],"t":1}', "length >= 1"),
        (b'{"e":"e","s":[[9,3]],"t":1}', "9..3 is turned round"),
        (b'{"e":"e","s":[[1,9223372036854775807]],"t":1}', "<= 9007199254740991"),
        (b'{"e":"e","s":1,"t":-1}', ">= 0"),
        (b'{"e":"e","s":1,"t":253402300800000}', "<= 253402300799999"),
        (b'{"e":"","s":1,"t":1}', "length >= 1"),
        (b'{"e":"a\\u0000b","s":1,"t":1}', "regex"),
        (b'{"e":"a\\n","s":1,"t":1}', "regex"),
        (b'{"v":2,"e":7}', "contract version 2, this side speaks 1"),
        (b'{"v":2,"e":"e","s":1,"t":1}', "contract version 2"),
        (b'{"e":"e","s":1,"t":1} {}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (BASE + b',"d":{"AAAAAA":["meter",["grid.power_w"]]}}', "not the hash"),
        (BASE + b',"d":{"AAAAAA":["meter",[]]}}', "length >= 1"),
        (BASE + f',"d":{{"{LAYOUT.id}":["meter",["grid.power_w","grid.power_w"]]}}}}'.encode(), "names a point twice"),
        (BASE + b',"r":[["AAAAAA",1]]}', "want layout, milliseconds and slots"),
        (BASE + b',"r":[[1,1,1]]}', "want a layout id"),
        (BASE + b',"r":[["AAAAAA","n",1]]}', "want a layout id and milliseconds"),
        (BASE + b',"r":[["AAAAAA",-1001,1]]}', "is no time"),
        (BASE + b',"r":[["AAAAAA",9007199254740991,1]]}', "is no time"),
        (BASE + b',"r":[["AAAAAA",1,9007199254740992]]}', "<= 9007199254740991"),
        (BASE + b',"r":[["AAAAAA",1,' + b"9" * 400 + b"]]}", "<= 9007199254740991"),
        (BASE + b',"r":[["AAAAAA",1,true]]}', "got `bool`"),
        (BASE + b',"r":[["AAAAAAAAAAAA",1,2]]}', "length <= 6"),
        (BASE + b',"c":[["AAAAAA",[0]]]}', "wants layout, times and columns"),
        (BASE + b',"c":[["AAAAAA",[],1]]}', "want a layout id and a list of times"),
        (BASE + b',"c":[[[1],[0],1]]}', "want a layout id and a list of times"),
        (BASE + b',"c":[["AAAAAA",0,1]]}', "list of times"),
        (BASE + b',"c":[["AAAAAA",["n"],1]]}', "a time is not a number"),
        (BASE + b',"c":[["AAAAAA",[0,-1001],1]]}', "which are none"),
        (BASE + b',"c":[["AAAAAA",[0,1],[1,2,3]]]}', "3 slots for 2 times"),
        (BASE + b',"c":[["AAAAAA",[0,1],[9007199254740991,1]]]}', "a column runs to"),
        (BASE + b',"x":"' + b"a" * wire.MESSAGE_BYTES_MAX + b'"}', "the limit is 262144"),
    ],
    ids=lambda value: value[:60].decode(errors="replace") if isinstance(value, bytes) else "",
)
def test_what_is_wrong_with_telemetry_is_told(payload: bytes, told: str) -> None:
    with pytest.raises(WireError, match=re.escape(told)):
        unfold(payload)


def test_few_bytes_cannot_unfold_to_many_rows() -> None:
    times = b"0" + b",0" * wire.ROWS_MAX
    with pytest.raises(WireError, match="more rows than the limit"):
        wire.rows_of(wire.decode_telemetry(BASE + b',"c":[["AAAAAA",[' + times + b"],1]]}"))


def test_few_times_and_many_bare_columns_cannot_unfold_without_limit() -> None:
    times, columns = b"0" + b",0" * 9_999, b",1" * 51
    with pytest.raises(WireError, match="more slots than the limit"):
        wire.rows_of(wire.decode_telemetry(BASE + b',"c":[["AAAAAA",[' + times + b"]" + columns + b"]]}"))


def test_many_column_sets_share_one_limit() -> None:
    one = b'["AAAAAA",[0' + b",0" * 1_999 + b"]" + b",1" * 100 + b"]"
    few = wire.decode_telemetry(BASE + b',"c":[' + b",".join([one] * 2) + b"]}")
    many = wire.decode_telemetry(BASE + b',"c":[' + b",".join([one] * 3) + b"]}")
    assert len(wire.rows_of(few)) == 4_000
    with pytest.raises(WireError, match="more slots than the limit"):
        wire.rows_of(many)


@pytest.mark.parametrize(
    ("decode", "payload", "told"),
    [
        (wire.decode_event, b'{"e":"e","s":1,"t":1,"k":"Party!"}', "Party!"),
        (wire.decode_event, loss(a=5, b=4), "5..4 is turned round"),
        (wire.decode_event, loss(f=3), "ends before it begins"),
        (wire.decode_event, loss(n=-1), ">= 0"),
        (wire.decode_event, b'{"e":"e","s":1,"t":1,"k":"data_lost","x":{"a":' + b"9" * 300 + b"}}", "<= 90071"),
        (wire.decode_ack, b'{"e":"e","a":[[2,1]]}', "2..1 is turned round"),
        (wire.decode_ack, b'{"e":"e","a":[[0,1]]}', ">= 1"),
        (wire.decode_status, b'{"online":1}', "got `int`"),
        (wire.decode_status, b'{"online":true,"interval_s":1e999}', "out of range"),
        (wire.decode_status, b'{"online":true,"outbox":{"epoch":"e","next_seq":0}}', ">= 1"),
    ],
)
def test_what_is_wrong_with_the_other_messages_is_told(decode: Decode, payload: bytes, told: str) -> None:
    with pytest.raises(WireError, match=told):
        decode(payload)


@pytest.mark.parametrize("sample", examples(), ids=lambda sample: sample.name)
def test_every_example_is_read_as_its_own_kind(sample: Example) -> None:
    decode = DECODERS[["telemetry", "event", "status", "ack"].index(sample.channel.value)]
    assert decode(wire.encode(sample.message)) == sample.message
