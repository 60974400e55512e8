"""Plans of PV energy and the ledger of assets in the records: part of ``Records``. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.engine import Connection

from central.core.accounting.assets import Asset, decode_asset, encode_asset
from central.core.accounting.assets import decision_of as decision_of_assets
from central.core.accounting.plans import PlanCell
from central.core.accounting.plans import decision_of as decision_of_plan
from central.store.accounting_tables import EnergyStatements
from central.store.decision_tables import DecisionStatements
from central.store.decisions import Ask, enter


class LedgerRows:
    """Plans and assets. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(
        self, ask: Ask, statements: Callable[[], EnergyStatements], book: Callable[[], DecisionStatements]
    ) -> None:
        self._ask = ask
        self._do = statements
        self._book = book

    async def plans(self, first_month: str, last_month: str) -> dict[tuple[str, str], int]:
        """Shelter and month → planned PV energy, Wh; both ends are included."""

        def job(db: Connection) -> dict[tuple[str, str], int]:
            asked = {"first_month": first_month, "last_month": last_month}
            found = {(row.site, row.month): row.wh for row in db.execute(self._do().plans, asked)}
            return {key: wh for key, wh in found.items() if wh is not None}

        return await self._ask(job)

    async def add_plan(self, cells: Sequence[PlanCell], *, sha256: str, by: str, now_ms: int) -> int:
        """Keep what an import says, and enter it in the book; returns the import's number."""

        def job(db: Connection) -> int:
            do = self._do()
            n = (db.execute(do.last_plan).scalar() or 0) + 1
            db.execute(
                do.add_plan,
                [{"site": one.site, "month": one.month, "n": n, "wh": one.wh, "at_ms": now_ms} for one in cells],
            )
            enter(db, self._book(), [decision_of_plan(cells, n, sha256=sha256, by=by, now_ms=now_ms)])
            return n

        return await self._ask(job)

    async def assets(self) -> dict[str, Asset]:
        """Id → the asset as it stands, by id."""

        def job(db: Connection) -> dict[str, Asset]:
            found = {row.id: row.body for row in db.execute(self._do().assets)}
            return {name: decode_asset(found[name]) for name in sorted(found)}

        return await self._ask(job)

    async def add_assets(self, assets: Sequence[Asset], *, sha256: str, by: str, now_ms: int) -> int:
        """Keep new versions of assets, and enter it in the book; returns the import's number."""

        def job(db: Connection) -> int:
            do = self._do()
            n = (db.execute(do.last_asset).scalar() or 0) + 1
            db.execute(
                do.add_asset,
                [{"id": one.id, "n": n, "at_ms": now_ms, "by": by, "body": encode_asset(one)} for one in assets],
            )
            enter(db, self._book(), [decision_of_assets(assets, n, sha256=sha256, by=by, now_ms=now_ms)])
            return n

        return await self._ask(job)
