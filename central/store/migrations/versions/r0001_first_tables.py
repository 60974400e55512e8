"""Sites, events, dead letters, the ledger, layouts, statuses and notes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _big(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _double(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "site",
        *_text("id", "name", "name_en", "ward", "ward_en", "kind"),
        *_double("latitude", "longitude", "pv_kw", "inverter_kw", "battery_kwh"),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "event",
        *_text("site", "epoch"),
        *_big("seq", "at_ms", "received_ms"),
        *_text("kind", "severity", "device", "detail"),
        sa.PrimaryKeyConstraint("site", "epoch", "seq"),
    )
    op.create_index("event_at", "event", ["at_ms"])
    op.create_index("event_site_at", "event", ["site", "at_ms"])
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *_big("received_ms"),
        *_text("site", "topic", "reason", "detail", "payload"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ledger",
        *_text("site", "epoch"),
        *_big("first_seq", "last_seq", "from_ms", "to_ms"),
        *_text("fate", "reason"),
        *_big("rows"),
        sa.PrimaryKeyConstraint("site", "epoch", "first_seq"),
    )
    op.create_index("ledger_site_to", "ledger", ["site", "to_ms"])
    op.create_table("layout", *_text("site", "id", "device", "points"), sa.PrimaryKeyConstraint("site", "id"))
    op.create_table("status", *_text("site"), *_big("at_ms"), *_text("message"), sa.PrimaryKeyConstraint("site"))
    op.create_table("note", *_text("key", "value"), sa.PrimaryKeyConstraint("key"))


def downgrade() -> None:
    """Take the tables away."""
    for name in ("note", "status", "layout", "ledger", "dead_letter", "event", "site"):
        op.drop_table(name)
