"""Accounts without a clock of their own: rights, names, passwords, and how long wrong tries wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.access import RIGHTS, Principal, Right, Role
from central.core.accounts import (
    IDLE_MS,
    LASTS_MS,
    Account,
    AccountError,
    Attempts,
    Session,
    Token,
    admins_left,
    check_password,
    of_account,
    of_token,
    tidy_login,
    tidy_name,
)

HOUR_MS = 3_600_000


def test_a_viewer_has_no_right_but_to_read() -> None:
    assert RIGHTS[Role.VIEWER] == {Right.READ}
    assert Right.SWITCH not in RIGHTS[Role.TECHNICIAN]
    assert RIGHTS[Role.ADMIN] == set(Right)


@pytest.mark.parametrize(
    ("wards", "asked", "may"),
    [((), ("中央区", "緑区"), True), (("中央区",), ("中央区",), True), (("中央区",), ("中央区", "緑区"), False)],
)
def test_wards_bind_what_changes_something(wards: tuple[str, ...], asked: tuple[str, ...], may: bool) -> None:
    who = Principal(name="a", rights=frozenset({Right.SWITCH}), wards=frozenset(wards))
    assert who.may(Right.SWITCH, asked) is may
    assert not who.may(Right.ADMIN, asked)


@pytest.mark.parametrize("text", ["", "a", "-ab", "a b", "ab/..", "é" * 5, "a" * 41, "ab\n\x00"])
def test_what_is_no_login_name_is_refused(text: str) -> None:
    with pytest.raises(AccountError, match="login: want"):
        tidy_login(text)


def test_a_login_name_typed_in_full_width_on_a_phone_is_the_same() -> None:
    assert tidy_login(" Ｔanaka ") == "tanaka"


@pytest.mark.parametrize("text", ["", "  ", "a\u202eb", "x" * 61])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(AccountError, match="name: want"):
        tidy_name(text)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "my-tanaka-password", "x" * 201])
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(AccountError, match="password"):
        check_password(password, "tanaka")


def test_a_session_ends_when_it_is_old_or_forgotten() -> None:
    session = Session(digest="d", login="a", made_ms=0, seen_ms=LASTS_MS - 1)
    assert session.is_alive(LASTS_MS - 1)
    assert not session.is_alive(LASTS_MS)
    idle = Session(digest="d", login="a", made_ms=0, seen_ms=0)
    assert idle.is_alive(IDLE_MS - 1)
    assert not idle.is_alive(IDLE_MS)


def test_a_token_ends_when_it_runs_out_or_is_withdrawn() -> None:
    token = Token(id="t", name="n", digest="d", rights=frozenset({Right.READ}), expires_ms=10)
    assert (token.is_alive(9), token.is_alive(10)) == (True, False)
    assert Token(id="t", name="n", digest="d", rights=frozenset()).is_alive(1 << 52)
    assert not Token(id="t", name="n", digest="d", rights=frozenset(), revoked=True).is_alive(0)


def test_two_people_of_one_name_stay_two_in_the_book() -> None:
    names = {
        of_account(Account(login=login, name="田中", role=Role.OPERATOR), "").name for login in ("tanaka1", "tanaka2")
    }
    assert len(names) == 2
    assert not of_token(Token(id="t", name="田中", digest="d", rights=frozenset())).may_name_others


def test_a_shut_out_administrator_lets_nobody_in() -> None:
    shut = Account(login="a", name="a", role=Role.ADMIN, disabled=True)
    assert admins_left([shut, Account(login="b", name="b", role=Role.VIEWER)]) == 0


def test_wrong_tries_wait_ever_longer_and_are_forgotten() -> None:
    tries = Attempts()
    waits = []
    now_ms = 0
    for _ in range(12):
        wait_ms = tries.wait_ms(["name:a"], now_ms)
        waits.append(wait_ms)
        now_ms += wait_ms
        tries.failed(["name:a", "from:b"], now_ms)
    assert waits[:5] == [0] * 5
    assert waits[5:] == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000]
    assert tries.wait_ms(["name:other"], now_ms) == 0
    assert tries.wait_ms(["name:other", "from:b"], now_ms) > 0, "another name from the same address waits too"
    tries.succeeded("name:a")
    assert tries.wait_ms(["name:a"], now_ms) == 0
    assert tries.wait_ms(["from:b"], now_ms + HOUR_MS) == 0


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 10 * HOUR_MS)), max_size=60))
def test_nobody_waits_longer_than_a_quarter_of_an_hour(tried: list[tuple[str, int]]) -> None:
    tries = Attempts()
    for key, at_ms in tried:
        tries.failed([key], at_ms)
        assert 0 <= tries.wait_ms([key], at_ms) <= Attempts.WAIT_MS_MAX


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    tries = Attempts()
    for n in range(Attempts.KEPT_MAX + 500):
        tries.failed([f"from:{n}"], n)
    assert len(tries._failed) == Attempts.KEPT_MAX
