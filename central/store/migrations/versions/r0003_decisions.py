"""The book of decisions, orders to shelters, receipts, and what shelters report."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _big(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit",
        sa.Column("n", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_big("at_ms"),
        *_text("by", "action", "why", "incident", "site", "detail", "hash"),
    )
    op.create_table(
        "desired",
        *_text("site"),
        *_big("revision", "issued_ms"),
        *_text("payload"),
        sa.PrimaryKeyConstraint("site", "revision"),
    )
    op.create_index("desired_issued", "desired", ["issued_ms"])
    op.create_table(
        "receipt",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *_text("site"),
        *_big("revision", "at_ms"),
        *_text("stage", "reason", "device", "detail"),
        *_big("received_ms"),
        sa.UniqueConstraint("site", "revision", "at_ms", "stage", "device", "reason", name="receipt_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("receipt_received", "receipt", ["received_ms"])
    op.create_table(
        "reported", *_text("site"), *_big("received_ms"), *_text("message"), sa.PrimaryKeyConstraint("site")
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("reported", "receipt", "desired", "audit"):
        op.drop_table(name)
