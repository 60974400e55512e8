"""Who is notified of what, what was sent, what was acknowledged."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "notification_case",
        sa.Column("id", sa.Text(), primary_key=True),
        *_numbers("begun_ms", "ended_ms"),
        *_texts("state"),
    )
    op.create_table(
        "notification_ack",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *_texts("case", "person", "by"),
        *_numbers("at_ms"),
        sqlite_autoincrement=True,
    )
    op.create_index("notification_ack_case", "notification_ack", ["case"])
    op.create_table(
        "notification",
        sa.Column("id", sa.Text(), primary_key=True),
        *_texts("message", "case", "person", "name", "channel", "purpose", "severity"),
        sa.Column("is_drill", sa.Boolean(), nullable=False),
        *_texts("subject", "text"),
        *_numbers("made_ms"),
        *_texts("state"),
        *_numbers("attempts", "next_ms", "done_ms"),
        *_texts("said", "stands_in_for"),
    )
    op.create_index("notification_state", "notification", ["state", "next_ms"])
    op.create_index("notification_made", "notification", ["made_ms"])
    op.create_index("notification_message", "notification", ["message"])


def downgrade() -> None:
    """Take the tables away."""
    for name in ("notification", "notification_ack", "notification_case"):
        op.drop_table(name)
