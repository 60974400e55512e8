"""Energy by half hours, closed months and corrections."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "energy_day",
        sa.Column("site", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("late", sa.Boolean(), primary_key=True, autoincrement=False),
        sa.Column("counted_ms", sa.BigInteger(), nullable=False),
        sa.Column("peak_wh", sa.BigInteger()),
        sa.Column("peak_slot", sa.Integer()),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("energy_day_by_day", "energy_day", ["day"])
    op.create_table(
        "energy_evidence",
        sa.Column("site", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("readings", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "energy_month",
        sa.Column("month", sa.Text(), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("prior", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
    op.create_table(
        "energy_exchange",
        sa.Column("site", sa.Text(), primary_key=True),
        sa.Column("device", sa.Text(), primary_key=True),
        sa.Column("at_ms", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("energy_exchange")
    op.drop_table("energy_month")
    op.drop_table("energy_evidence")
    op.drop_index("energy_day_by_day", "energy_day")
    op.drop_table("energy_day")
