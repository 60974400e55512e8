"""What staff tell citizens of a shelter, and what is published."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    texts = ("site", "opening", "crowding", "services", "notes", "by")
    op.create_table(
        "shelter_status",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("shelter_status_newest", "shelter_status", ["site", "n"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("shelter_status")
