"""Cases, acknowledgements and messages to people in the records: part of ``Records``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import msgspec
from sqlalchemy.engine import Connection

from central.core.audit import Decision
from central.core.news import Severity
from central.core.notify.cases import Ack, Case
from central.core.notify.delivery import BACKOFF_S, Delivery, State
from central.core.notify.people import Channel
from central.core.notify.telling import Purpose
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter
from central.store.notice_tables import NoticeStatements

KEPT_MS: Final = 90 * 86_400_000
DONE: Final = "notify.done_n"
"""Note under which the number of the last news that was taken is kept."""
_case = msgspec.json.Decoder(Case)


class NoticeRows:
    """Messages to people. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(
        self, ask: Ask, statements: Callable[[], NoticeStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._do = statements
        self._book = book

    async def done_n(self) -> int | None:
        """Number of the last news that was taken; ``None``: nothing was ever taken."""

        def job(db: Connection) -> int | None:
            value = db.execute(self._do().done, {"of_key": DONE}).scalar()
            return None if value is None else int(value)

        return await self._ask(job)

    async def open_cases(self) -> list[Case]:
        """Cases that go on, the oldest first."""
        return await self._cases("open_cases", {})

    async def newest_cases(self, *, limit: int = 50) -> list[Case]:
        """Those that go on first, then those that ended; the newest of each first."""
        return await self._cases("newest_cases", {"at_most": limit})

    async def case(self, id_: str) -> Case | None:
        """One case."""
        found = await self._cases("case", {"of_id": id_})
        return found[0] if found else None

    async def save(self, done_n: int, cases: Sequence[Case], deliveries: Sequence[Delivery]) -> None:
        """Keep how far the news were taken, the cases that this changed, and what has to be sent, together."""

        def job(db: Connection) -> None:
            do = self._do()
            db.execute(do.put_done, [{"key": DONE, "value": str(done_n)}])
            for case in cases:
                state = msgspec.json.encode(case).decode()
                values = {"id": case.id, "begun_ms": case.begun_ms, "ended_ms": case.ended_ms, "state": state}
                db.execute(do.put_case, [values])
            _put(db, do, deliveries)

        await self._ask(job)

    async def acks(self) -> dict[str, list[Ack]]:
        """Case that goes on → its acknowledgements as they came."""

        def job(db: Connection) -> dict[str, list[Ack]]:
            found: dict[str, list[Ack]] = {}
            for row in db.execute(self._do().acks).mappings():
                found.setdefault(row["case"], []).append(Ack(**dict(row)))
            return found

        return await self._ask(job)

    async def acks_of(self, case: str) -> list[Ack]:
        """Acknowledgements of one case as they came."""

        def job(db: Connection) -> list[Ack]:
            return [Ack(**dict(row)) for row in db.execute(self._do().acks_of, {"of_case": case}).mappings()]

        return await self._ask(job)

    async def acknowledge(self, ack: Ack, decision: Decision) -> None:
        """Keep that somebody has seen it, and enter it into the book."""

        def job(db: Connection) -> None:
            values = {name: value for name, value in asdict(ack).items() if name != "n"}
            db.execute(self._do().add_ack, [values])
            enter(db, self._book(), [decision])

        await self._ask(job)

    async def waiting(self, channel: Channel, now_ms: int, *, limit: int) -> list[Delivery]:
        """What has to be tried now over a channel, what is critical first."""
        never_ms = now_ms + BACKOFF_S[-1] * 1_000  # A wait longer than any there is comes of a clock that was set back.
        values = {"of_channel": channel.value, "now_ms": now_ms, "never_ms": never_ms}
        return await self._deliveries("waiting", limit, **values)

    async def channels_of(self, message: str) -> list[Channel]:
        """Channels that a message went to."""

        def job(db: Connection) -> list[Channel]:
            return [Channel(row[0]) for row in db.execute(self._do().of_message, {"of_message": message})]

        return await self._ask(job)

    async def put(self, deliveries: Sequence[Delivery], decision: Decision | None = None) -> None:
        """Keep how deliveries stand, with new ones among them, and what a person decided."""

        def job(db: Connection) -> None:
            _put(db, self._do(), deliveries)
            if decision is not None:
                enter(db, self._book(), [decision])

        await self._ask(job)

    async def recent(self, since_ms: int) -> dict[str, int]:
        """Person → messages that were made since a time, without tests."""

        def job(db: Connection) -> dict[str, int]:
            return {row[0]: row[1] for row in db.execute(self._do().recent, {"since_ms": since_ms})}

        return await self._ask(job)

    async def undelivered(self, from_ms: int, to_ms: int) -> int:
        """Messages made within a stretch of time, without tests, that no channel has taken."""
        values = {"from_ms": from_ms, "to_ms": to_ms}
        return await self._ask(lambda db: int(db.execute(self._do().undelivered, values).scalar() or 0))

    async def log(self, *, limit: int = 100, only_dead: bool = False) -> list[Delivery]:
        """Deliveries, the newest first."""
        return await self._deliveries("log_dead" if only_dead else "log", limit)

    async def counts(self) -> dict[State, int]:
        """How many deliveries stand how."""

        def job(db: Connection) -> dict[State, int]:
            return {State(row[0]): row[1] for row in db.execute(self._do().counts)}

        return await self._ask(job)

    async def again(self, id_: str | None, decision: Decision) -> int:
        """Try a dead letter, or all (``id_`` None), once more; returns how many."""

        def job(db: Connection) -> int:
            do = self._do()
            found = db.execute(do.all_again) if id_ is None else db.execute(do.again, {"of_id": id_})
            if found.rowcount:
                enter(db, self._book(), [decision])
            return found.rowcount

        return await self._ask(job)

    async def forget(self, now_ms: int) -> None:
        """Let go of what is too old."""

        def job(db: Connection) -> None:
            for statement in self._do().forget:
                db.execute(statement, {"before_ms": now_ms - KEPT_MS})

        await self._ask(job)

    async def _cases(self, statement: str, parameters: Mapping[str, object]) -> list[Case]:
        def job(db: Connection) -> list[Case]:
            return [_case.decode(row[0]) for row in db.execute(getattr(self._do(), statement), parameters)]

        return await self._ask(job)

    async def _deliveries(self, statement: str, limit: int, **values: object) -> list[Delivery]:
        def job(db: Connection) -> list[Delivery]:
            rows = db.execute(getattr(self._do(), statement), {"at_most": limit, **values}).mappings()
            return [_delivery_of(dict(row)) for row in rows]

        return await self._ask(job)


def _put(db: Connection, do: NoticeStatements, deliveries: Sequence[Delivery]) -> None:
    if deliveries:
        db.execute(do.put, [{each.name: getattr(one, each.name) for each in fields(one)} for one in deliveries])


def _delivery_of(row: dict[str, Any]) -> Delivery:
    words = {
        "channel": Channel(row["channel"]),
        "purpose": Purpose(row["purpose"]),
        "severity": Severity(row["severity"]),
        "state": State(row["state"]),
    }
    return Delivery(**{**row, **words})
