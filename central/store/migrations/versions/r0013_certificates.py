"""Certificates that were given to shelters, and those withdrawn."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "certificate",
        sa.Column("serial", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "name", "pem", "by")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("made_ms", "from_ms", "ends_ms", "revoked_ms")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("revoked_by", "revoked_why")),
    )
    op.create_index("certificate_name", "certificate", ["name", "made_ms"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("certificate")
