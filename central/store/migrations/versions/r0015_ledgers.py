"""Months closed in spite of something, which half hours came in time, plans of PV energy, the ledger of assets."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the column, and make the tables."""
    op.add_column("energy_month", sa.Column("despite", sa.Text()))
    op.create_table(
        "energy_link",
        sa.Column("site", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("timely", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "energy_plan",
        sa.Column("site", sa.Text(), primary_key=True),
        sa.Column("month", sa.Text(), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("wh", sa.BigInteger()),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "asset",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("energy_day_by_counted", "energy_day", ["counted_ms"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("energy_day_by_counted", "energy_day")
    op.drop_table("asset")
    op.drop_table("energy_plan")
    op.drop_table("energy_link")
    op.drop_column("energy_month", "despite")
