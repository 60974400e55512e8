"""Sends what waits, channel by channel: one that is down or hangs delays no other.

A delivery is kept before it is sent and noted after it, so a service that dies in between sends it once more under the
same id, by which the receiver's side knows a repeat.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from central.core.audit import Action, Decision
from central.core.news import Severity
from central.core.notify.delivery import Delivery, Outcome, Result, State, after, stand_ins
from central.core.notify.people import Channel, Person, RuleBook
from central.core.notify.telling import Purpose
from central.notify.messages import stood_in, test_message
from central.notify.senders import Sender
from central.store.base import StoreError
from central.store.notices import NoticeRows

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
AT_ONCE: Final = 4
"""Deliveries of one channel at the same time."""
ATTEMPT_S: Final = 60.0
"""Longest attempt; every sender has shorter limits of its own."""


class Post:
    """Delivers; ``run`` until cancelled."""

    def __init__(
        self,
        rows: NoticeRows,
        senders: Mapping[Channel, Sender],
        book: Callable[[], RuleBook],
        *,
        now: Callable[[], int],
    ) -> None:
        self.rows = rows
        self._senders = senders
        self._book = book
        self._now = now
        self._bells = {channel: asyncio.Event() for channel in Channel}

    def ring(self) -> None:
        """There is something to send."""
        for bell in self._bells.values():
            bell.set()

    async def run(self) -> None:
        """Every channel has a lane of its own."""
        async with asyncio.TaskGroup() as lanes:
            for channel in Channel:
                lanes.create_task(self._lane(channel), name=f"notify-{channel.value}")

    async def _lane(self, channel: Channel) -> None:
        bell = self._bells[channel]
        while True:
            bell.clear()
            try:
                sent = await self.send_due(channel)
            except StoreError as error:
                # What was sent last may be sent again, under the same id.
                log.warning("notify_not_noted", channel=channel.value, error=str(error))
                sent = 0
            if not sent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await bell.wait()

    async def send_due(self, channel: Channel) -> int:
        """Try what is due over a channel, some at the same time; returns how many.

        Raises:
            StoreError: it could not be read or noted.
        """
        due = await self.rows.waiting(channel, self._now(), limit=AT_ONCE)
        await asyncio.gather(*(self._deliver(delivery) for delivery in due))
        return len(due)

    async def test(self, person: Person, *, by: str) -> list[Delivery]:
        """Send a test over each of a person's channels now, once; returns what came of each. The log shows it.

        Raises:
            StoreError: it could not be noted.
        """
        now_ms, message = self._now(), str(uuid.uuid4())
        subject, text = test_message(person, by, now_ms)

        async def over(channel: Channel) -> Delivery:
            trial = Delivery(
                id=str(uuid.uuid4()),
                message=message,
                person=person.id,
                name=person.name,
                channel=channel,
                purpose=Purpose.TEST,
                severity=Severity.INFO,
                subject=subject,
                text=text,
                made_ms=now_ms,
            )
            tried = after(trial, await self._attempt(trial, person), self._now())
            # A test that was not taken has said so; it does not come later.
            return tried if tried.state is State.SENT else replace(tried, state=State.DEAD, done_ms=self._now())

        done = list(await asyncio.gather(*(over(channel) for channel in person.addresses)))
        detail = {"person": person.id, "taken": [one.channel.value for one in done if one.state is State.SENT]}
        await self.rows.put(done, Decision(at_ms=now_ms, by=by, action=Action.NOTIFY_TESTED, detail=detail))
        return done

    async def _deliver(self, delivery: Delivery) -> None:
        person = self._book().people.get(delivery.person)
        tried = after(delivery, await self._attempt(delivery, person), self._now())
        noted = [tried]
        if tried.state is not State.SENT:
            log.warning(
                "notify_failed",
                channel=tried.channel.value,
                person=tried.person,
                state=tried.state.value,
                said=tried.said,
            )
            used = await self.rows.channels_of(tried.message)
            noted += [_instead(tried, channel, person, self._now()) for channel in stand_ins(tried, person, used)]
        await self.rows.put(noted)
        if len(noted) > 1:
            self.ring()

    async def _attempt(self, delivery: Delivery, person: Person | None) -> Result:
        address = person.addresses.get(delivery.channel) if person else None
        sender = self._senders.get(delivery.channel)
        if address is None:
            said = f"{delivery.person} has no {delivery.channel.value} in the file of people"
            return Result(outcome=Outcome.REFUSED, said=said)
        if sender is None:
            said = f"notify.{delivery.channel.value} is not set up in the settings"
            return Result(outcome=Outcome.LATER, said=said)
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await sender.send(delivery, address)
        except TimeoutError:
            return Result(outcome=Outcome.LATER, said=f"no answer within {ATTEMPT_S:g} s")
        except Exception as error:  # noqa: BLE001 - one message that can't be sent must not end the service
            return Result(outcome=Outcome.LATER, said=f"{type(error).__name__}")


def _instead(failed: Delivery, channel: Channel, person: Person | None, now_ms: int) -> Delivery:
    language = person.language if person else None
    return replace(
        failed,
        id=str(uuid.uuid4()),
        channel=channel,
        text=stood_in(failed, language),
        state=State.WAITING,
        attempts=0,
        next_ms=now_ms,
        done_ms=0,
        said="",
        stands_in_for=failed.channel.value,
    )
