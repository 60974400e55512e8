"""Subscriptions of other systems."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ngsi_subscription",
        sa.Column("id", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("document", "by")),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("made_ms", "changed_ms", "times_sent", "times_failed", "failures")
        ),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("last_notification_ms", "last_success_ms", "last_failure_ms")
        ),
    )


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("ngsi_subscription")
