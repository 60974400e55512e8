"""Disaster telegrams and other alerts from outside, as they came."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "telegram",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("origin", "digest", "verdict", "meaning")),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("source", "digest", name="telegram_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("telegram_received", "telegram", ["received_ms"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("telegram")
