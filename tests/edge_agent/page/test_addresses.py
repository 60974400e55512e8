"""Where the page listens and to which names it answers."""

from __future__ import annotations

import pytest

from edge_agent.page.addresses import AddressError, Listen, is_expected_host, parse_listen


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("192.168.10.5", Listen("192.168.10.5", 8_080)),
        ("192.168.10.5:80", Listen("192.168.10.5", 80)),
        ("localhost:9000", Listen("127.0.0.1", 9_000)),
        ("[fd00::5]:8080", Listen("fd00::5", 8_080)),
        ("fd00::5", Listen("fd00::5", 8_080)),
        (" 0.0.0.0:8080 ", Listen("0.0.0.0", 8_080)),
    ],
)
def test_an_address_of_the_cabinet_is_taken(text: str, listen: Listen) -> None:
    assert parse_listen(text) == listen


@pytest.mark.parametrize(
    "text", ["", "cabinet.local", "8.8.8.8:8080", "192.168.10.5:x", "192.168.10.5:70000", "224.0.0.1", "[::]x", "1.2.3"]
)
def test_what_the_internet_reaches_and_what_is_no_address_is_not(text: str) -> None:
    with pytest.raises(AddressError, match="want"):
        parse_listen(text)


def test_everywhere_is_told_apart() -> None:
    assert parse_listen("0.0.0.0").is_everywhere
    assert not parse_listen("10.0.0.1").is_everywhere
    assert parse_listen("[fd00::5]").url == "[fd00::5]:8080"


@pytest.mark.parametrize(
    ("header", "is_ours"),
    [
        ("192.168.10.5:8080", True),
        ("192.168.10.5", True),
        ("localhost:8080", True),
        ("127.0.0.1:1", True),
        ("192.168.10.6:8080", False),
        ("evil.example:8080", False),
        ("192.168.10.5.evil.example", False),
        ("192.168.10.5:8080@evil", False),
        ("", False),
    ],
)
def test_a_name_that_points_here_is_not_ours(header: str, is_ours: bool) -> None:
    assert is_expected_host(header, Listen("192.168.10.5", 8_080)) is is_ours


def test_who_listens_everywhere_answers_to_any_address_but_to_no_name() -> None:
    everywhere = Listen("0.0.0.0", 8_080)
    assert is_expected_host("10.1.2.3:8080", everywhere)
    assert is_expected_host("[fd00::5]:8080", everywhere)
    assert not is_expected_host("evil.example", everywhere)
