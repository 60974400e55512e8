"""Tells subscribers: looks at the entities every two seconds, sends what is due, keeps what did not arrive for later.

Nothing queues up: of every subscription there is at most one notification on its way, and what waits is a set of
entity ids. A failed one is tried again after 2 s, 4 s … up to ten minutes, with the entities as they are by then.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from central.core.audit import Action, Decision
from central.core.ngsi import city, show, subs
from central.core.ngsi.subs import Subscription
from central.core.ngsi.terms import inline, ours
from central.core.ngsi.values import Entity, NgsiError, iso
from central.ngsi.entities import Source
from central.ngsi.http import CONTEXT_PATH, LD, context_link
from central.outgoing import OutgoingError, post
from central.store.base import StoreError
from central.store.subscriptions import Kept, SubscriptionRows

LOOK_S: Final = 2.0
SUBSCRIPTIONS_MAX: Final = 100
ENTITIES_MAX: Final = 500
"""Of one notification; the others come with the next."""

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4


@dataclass(slots=True)
class Subscriber:
    """A subscription and where it stands."""

    kept: Kept
    told: Subscription
    seen: dict[str, int] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    is_sending: bool = False
    runs: int = 0
    """Notifications since the start; they number the ids of notifications."""


class Notifier:
    """Holds the subscriptions; ``run`` until cancelled. ``allow``: hosts in networks of one's own that may be told."""

    def __init__(self, source: Source, rows: SubscriptionRows, allow: Collection[str], now: Callable[[], int]) -> None:
        self._source = source
        self._rows = rows
        self._allow = allow
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._now = now
        self._lock = asyncio.Lock()
        self.subscribers: dict[str, Subscriber] = {}

    async def load(self) -> None:
        """What was subscribed before.

        Raises:
            StoreError: it can't be read.
        """
        for kept in await self._rows.all():
            try:
                self.subscribers[kept.id] = Subscriber(kept, self._read(kept))
            except NgsiError as error:
                log.warning("subscription_not_readable", subscription=kept.id, error=str(error))

    def _read(self, kept: Kept) -> Subscription:
        # As of when it was made: what expired since is kept, and shown as expired.
        context = inline(kept.document["@context"], CONTEXT_PATH, ours(CONTEXT_PATH))
        return subs.read(kept.document, context, default_id=kept.id, now_ms=kept.changed_ms)

    # --- What subscribers do -----------------------------------------------------------------------------------------

    def find(self, id_: str) -> Subscriber:
        """One subscription.

        Raises:
            NgsiError: there is none.
        """
        try:
            return self.subscribers[id_]
        except KeyError:
            raise NgsiError(f"No subscription has the id {id_[:120]!r}.", kind="ResourceNotFound") from None

    async def add(self, document: dict[str, Any], told: Subscription, by: str) -> None:
        """Subscribe.

        Raises:
            NgsiError: the id is taken, or there are too many.
            StoreError: it can't be kept; then it does not hold.
        """
        async with self._lock:
            if told.id in self.subscribers:
                raise NgsiError(f"A subscription has the id {told.id[:120]!r} already.", kind="AlreadyExists")
            if len(self.subscribers) >= SUBSCRIPTIONS_MAX:
                raise NgsiError(
                    f"There are {SUBSCRIPTIONS_MAX} subscriptions, and no more are taken.", kind="TooComplexQuery"
                )
            now_ms = self._now()
            kept = Kept(id=told.id, document={**document, "id": told.id}, by=by, made_ms=now_ms, changed_ms=now_ms)
            await self._rows.put(kept, self._decision(Action.SUBSCRIBED, told, by))
            self.subscribers[told.id] = Subscriber(kept, told)

    async def change(self, id_: str, change: dict[str, Any], by: str) -> None:
        """Change a subscription.

        Raises:
            NgsiError: there is none, or what comes out can't be understood; nothing is changed.
            StoreError: it can't be kept; nothing is changed.
        """
        async with self._lock:
            one = self.find(id_)
            context = {"@context": change["@context"]} if len(change) > 1 else {}
            document = subs.kept(subs.merged(one.kept.document, {**change, **context}))
            kept = replace(one.kept, document=document, changed_ms=self._now())
            told = self._read(kept)
            await self._rows.put(kept, self._decision(Action.SUBSCRIPTION_CHANGED, told, by))
            one.kept, one.told = kept, told

    async def drop(self, id_: str, by: str) -> None:
        """End a subscription.

        Raises:
            NgsiError: there is none.
            StoreError: it can't be forgotten; it goes on.
        """
        async with self._lock:
            one = self.find(id_)
            await self._rows.drop(id_, self._decision(Action.UNSUBSCRIBED, one.told, by))
            del self.subscribers[id_]

    def _decision(self, action: Action, told: Subscription, by: str) -> Decision:
        # Without receiverInfo, which may hold a secret of the receiver's.
        return Decision(at_ms=self._now(), by=by, action=action, detail={"id": told.id, "uri": told.endpoint.uri})

    # --- What they are told ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look and send, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._start_due(tasks)
                await asyncio.sleep(LOOK_S)

    async def once(self) -> None:
        """Look once, and send everything that is due."""
        async with asyncio.TaskGroup() as tasks:
            self._start_due(tasks)

    def _start_due(self, tasks: asyncio.TaskGroup) -> None:
        now_ms = self._now()
        active = [one for one in self.subscribers.values() if one.told.status(now_ms) == "active"]
        if not active:
            return
        wanted: set[str] = set()
        for one in active:
            types = one.told.asked.types
            wanted |= city.MAKERS.keys() if types is None else types
        all_now = {one.id: city.present(one) for one in city.entities(self._source.seen(), wanted)}
        for one in active:
            marks = subs.fingerprints(one.told, all_now.values())
            one.waiting = (one.waiting | subs.changed(one.seen, marks)) & marks.keys()
            one.seen = marks
            if one.told.interval_s is not None:
                one.waiting = set(marks)
            has_news = bool(one.waiting)
            if has_news and not one.is_sending and subs.is_due(one.told, one.kept.sent, has_news=True, now_ms=now_ms):
                one.is_sending = True
                chosen = [all_now[id_] for id_ in sorted(one.waiting)[:ENTITIES_MAX]]
                one.waiting -= {entity.id for entity in chosen}
                tasks.create_task(self._tell(one, chosen, now_ms), name=f"notify {one.told.id}")

    async def _tell(self, one: Subscriber, chosen: list[Entity], now_ms: int) -> None:
        told, sent = one.told, one.kept.sent
        one.runs += 1
        body, headers = _notification(told, chosen, now_ms, one.runs, self._source.since_ms)
        try:
            async with self._turn:
                answer = await post(told.endpoint.uri, body, headers, allow=self._allow)
            if not answer.is_success:
                raise OutgoingError(f"{told.endpoint.uri}: answered {answer.status}")
        except OutgoingError as error:
            log.warning("not_notified", subscription=told.id, error=str(error), failures=sent.failures + 1)
            one.waiting |= {entity.id for entity in chosen}
            sent = replace(
                sent, times_failed=sent.times_failed + 1, failures=sent.failures + 1, last_failure_ms=self._now()
            )
        else:
            sent = replace(sent, failures=0, last_success_ms=self._now())
        finally:
            one.is_sending = False
        sent = replace(sent, times_sent=sent.times_sent + 1, last_notification_ms=now_ms)
        one.kept = replace(one.kept, sent=sent)
        try:
            await self._rows.note(told.id, sent)
        except StoreError as error:
            log.warning("subscription_not_noted", subscription=told.id, error=str(error))


def _notification(
    told: Subscription, chosen: list[Entity], now_ms: int, number: int, since_ms: int
) -> tuple[bytes, dict[str, str]]:
    shape = told.shape(since_ms)
    made: dict[str, Any] = {
        "id": f"urn:ngsi-ld:Notification:{now_ms}-{number}",
        "type": "Notification",
        "subscriptionId": told.id,
        "notifiedAt": iso(now_ms),
        "data": [show.entity(one, shape, told.context) for one in chosen],
    }
    headers = {"Content-Type": told.endpoint.accept, **dict(told.endpoint.headers)}
    if told.endpoint.accept == LD:
        made = {"@context": told.context.url, **made}
    else:
        headers["Link"] = context_link(told.context)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(), headers
