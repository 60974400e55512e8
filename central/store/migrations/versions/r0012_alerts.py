"""Alerts that were raised, acknowledged and resolved."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert",
        sa.Column("n", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_numbers("raised_ms", "resolved_ms"),
        sa.Column("state", sa.Text(), nullable=False),
    )
    op.create_index("alert_resolved", "alert", ["resolved_ms", "raised_ms"])
    op.create_table(
        "alert_step",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *_numbers("alert", "at_ms"),
        sa.Column("state", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("alert_step_alert", "alert_step", ["alert"])


def downgrade() -> None:
    """Take the tables away."""
    for name in ("alert_step", "alert"):
        op.drop_table(name)
