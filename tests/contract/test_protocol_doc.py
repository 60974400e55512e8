"""docs/protocol.md shows real messages, and all of them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from contract import wire
from contract.asyncapi import MODELS
from contract.examples import Example, examples
from contract.layouts import Layout
from contract.messages import MILLIS_MAX
from contract.readings import QUALITIES
from contract.topics import topic
from contract.wire import MESSAGE_BYTES_MAX, ROWS_MAX, SLOTS_MAX

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"```json (\w+)\n(.*?)```", TEXT, re.DOTALL))


def test_every_example_is_shown_and_no_other() -> None:
    assert SHOWN.keys() == {sample.name for sample in examples()}


@pytest.mark.parametrize("sample", examples(), ids=lambda sample: sample.name)
def test_what_is_shown_is_what_is_sent(sample: Example) -> None:
    shown = SHOWN[sample.name].encode()
    assert msgspec.json.decode(shown) == msgspec.json.decode(wire.encode(sample.message))
    decode = {model.__name__: getattr(wire, f"decode_{channel.value}") for channel, model in MODELS.items()}
    assert decode[type(sample.message).__name__](shown) == sample.message


def test_every_topic_is_listed() -> None:
    for channel in MODELS:
        assert topic("{site}", channel) in TEXT


def test_the_table_of_codes_is_the_code_s() -> None:
    assert set(re.findall(r"^\| `(\w)` \|", TEXT, re.MULTILINE)) == set(QUALITIES)


def test_the_text_hashed_for_a_layout_is_as_told() -> None:
    told = r"`meter\ngrid.power_w\ngrid.l1_voltage_v`"
    assert told in TEXT
    device, *points = told.strip("`").split(r"\n")
    assert Layout(device, tuple(points)).id in SHOWN["first"]


def test_the_limits_are_as_told() -> None:
    assert f"{MESSAGE_BYTES_MAX // 1024} KiB" in TEXT
    assert f"{ROWS_MAX:,} rows and {SLOTS_MAX:,} slots" in TEXT
    assert MILLIS_MAX < 2**53
