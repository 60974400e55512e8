"""What happened, as others are told of it, and webhooks with what could not be delivered."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "news",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *_numbers("at_ms"),
        *_texts("kind", "severity", "site", "ward", "incident"),
        sa.Column("is_drill", sa.Boolean(), nullable=False),
        *_texts("group", "values"),
        sqlite_autoincrement=True,
    )
    op.create_table("news_told", sa.Column("key", sa.Text(), primary_key=True), *_texts("value"))
    op.create_table(
        "webhook",
        sa.Column("id", sa.Text(), primary_key=True),
        *_texts("name", "url", "secret", "filter", "by"),
        *_numbers("made_ms", "done_n", "delivered", "failures", "next_ms", "last_ms", "last_ok_ms"),
        *_texts("last_said"),
    )
    op.create_table(
        "webhook_letter",
        sa.Column("hook", sa.Text(), primary_key=True),
        sa.Column("n", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_texts("news"),
        *_numbers("failed_ms"),
        *_texts("reason"),
        sa.Column("again", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("webhook_letter", "webhook", "news_told", "news"):
        op.drop_table(name)
