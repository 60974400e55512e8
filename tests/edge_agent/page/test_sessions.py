"""Cookies, tokens, and how long they hold."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.page.sessions import IDLE_MS, LIFE_MS, SESSIONS_MAX, Sessions


@dataclass
class Clock:
    ms: int = 0

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def test_a_cookie_leads_back_to_its_session(sessions: Sessions) -> None:
    session = sessions.begin()
    assert sessions.of(sessions.cookie_of(session.id), touch=True) is session


def test_another_process_knows_nothing_of_it(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.cookie_of(sessions.begin().id)
    assert Sessions(clock).of(cookie, touch=True) is None


@given(text=st.text(max_size=200))
def test_a_cookie_that_we_did_not_sign_is_nobody_s(text: str) -> None:
    sessions = Sessions(Clock())
    sessions.begin()
    assert sessions.of(text, touch=True) is None
    assert not sessions.is_token("name", text)
    assert sessions.visitor(text) != text.partition(".")[0] or not text.partition(".")[0]


def test_a_phone_that_lies_idle_is_logged_out_although_its_page_refreshes_itself(
    sessions: Sessions, clock: Clock
) -> None:
    cookie = sessions.cookie_of(sessions.begin().id)
    clock.ms = IDLE_MS
    assert sessions.of(cookie, touch=False) is not None
    clock.ms += 1
    assert sessions.of(cookie, touch=False) is None


def test_who_goes_on_stays_in_but_not_for_ever(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.cookie_of(sessions.begin().id)
    while clock.ms + IDLE_MS <= LIFE_MS:
        clock.ms += IDLE_MS
        assert sessions.of(cookie, touch=True) is not None
    clock.ms = LIFE_MS + 1
    assert sessions.of(cookie, touch=True) is None


def test_who_leaves_is_out(sessions: Sessions) -> None:
    session = sessions.begin()
    sessions.end(session)
    assert sessions.of(sessions.cookie_of(session.id), touch=True) is None


def test_the_number_of_phones_is_bounded(sessions: Sessions, clock: Clock) -> None:
    cookies = []
    for _ in range(SESSIONS_MAX + 1):
        clock.ms += 1
        cookies.append(sessions.cookie_of(sessions.begin().id))
    assert sessions.of(cookies[0], touch=True) is None
    assert all(sessions.of(cookie, touch=True) for cookie in cookies[1:])


def test_a_token_belongs_to_one_session(sessions: Sessions) -> None:
    one, other = sessions.begin(), sessions.begin()
    assert sessions.is_token(one.id, sessions.token_of(one.id))
    assert not sessions.is_token(other.id, sessions.token_of(one.id))
    assert sessions.token_of(one.id) != sessions.cookie_of(one.id).partition(".")[2]


def test_a_visitor_keeps_the_name(sessions: Sessions) -> None:
    name = sessions.visitor("")
    assert sessions.visitor(sessions.cookie_of(name)) == name
    assert sessions.of(sessions.cookie_of(name), touch=True) is None
