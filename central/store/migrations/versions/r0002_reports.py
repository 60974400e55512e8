"""Commissioning reports, and the keys that hold for each shelter."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _big(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "report",
        *_text("site", "sha256"),
        *_big("at_ms", "received_ms"),
        *_text("public_key", "stage", "missing", "technician"),
        sa.Column("is_synthetic", sa.Boolean(), nullable=False),
        *_text("document"),
        sa.PrimaryKeyConstraint("site", "sha256"),
    )
    op.create_index("report_sha256", "report", ["sha256"])
    op.create_table(
        "site_key",
        *_text("site"),
        *_big("since_ms"),
        *_text("public_key", "by", "why"),
        sa.PrimaryKeyConstraint("site", "since_ms"),
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("site_key", "report"):
        op.drop_table(name)
