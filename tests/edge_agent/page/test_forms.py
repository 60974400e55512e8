"""Hostile and clumsy input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.page.forms import FormError, number_in, text_in, whole_in
from edge_agent.page.guard import local_path
from edge_agent.page.words import TEXTS


def test_a_name_is_trimmed_and_composed() -> None:
    assert text_in({"name": "  試運転 か\u3099 "}, "name") == "試運転 が"


def test_lines_are_kept_where_lines_are_wanted() -> None:
    assert text_in({"remarks": "a\r\nb\rc"}, "remarks", lines=True) == "a\nb\nc"
    with pytest.raises(FormError):
        text_in({"name": "a\nb"}, "name")


@pytest.mark.parametrize("text", ["\x00", "a\x1b[31m", "\u202eevil", "\ud800", "\u2028", "\ue000"])
def test_what_nobody_types_is_not_taken(text: str) -> None:
    with pytest.raises(FormError) as caught:
        text_in({"name": f"x{text}x"}, "name")
    assert caught.value.key in TEXTS


def test_a_text_has_a_limit() -> None:
    with pytest.raises(FormError) as caught:
        text_in({"name": "x" * 201}, "name")
    assert caught.value.key == "too_long"


def test_a_file_is_no_text() -> None:
    with pytest.raises(FormError):
        text_in({"name": object()}, "name")


def test_full_width_digits_are_digits() -> None:
    assert number_in({"load_w": "1,200"}, "load_w", low=0, high=5_000) == 1_200
    assert whole_in({"port": ""}, "port", low=1, high=65_535, default=1_883) == 1_883


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "1e9", "0x10", "12 W", "1" * 33])
def test_a_number_out_of_its_range_is_not_taken(text: str) -> None:
    with pytest.raises(FormError):
        number_in({"load_w": text}, "load_w", low=100, high=20_000)


@given(text=st.text(max_size=300))
def test_after_the_pin_nobody_is_led_elsewhere(text: str) -> None:
    path = local_path(text)
    assert path == "/" or (path == text and path.startswith("/") and not path.startswith("//") and "\\" not in path)


def test_a_path_of_ours_is_kept() -> None:
    assert local_path("/walk/controls/inverter/reserve") == "/walk/controls/inverter/reserve"
    assert local_path("//evil.example") == "/"
    assert local_path("/walk/../../x") == "/"
