"""Layouts are known by what they hold."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from contract.layouts import Layout
from tests.contract.strategies import point_names

layouts = st.builds(Layout, st.sampled_from(["inverter", "meter", "a", "b"]), st.lists(point_names).map(tuple))


def test_the_hash_is_agreed_for_good() -> None:
    assert Layout("meter", ("grid.power_w", "grid.l1_voltage_v")).id == "VOgPKg"


@given(layouts)
def test_an_id_is_six_characters_that_need_no_escape(layout: Layout) -> None:
    assert re.fullmatch(r"[0-9A-Za-z_-]{6}", layout.id)


@given(layouts, layouts)
def test_equal_layouts_and_only_they_share_an_id(one: Layout, other: Layout) -> None:
    assert (one.id == other.id) == (one == other)


def test_the_order_of_points_counts() -> None:
    assert Layout("meter", ("a", "b")).id != Layout("meter", ("b", "a")).id
