"""People, their sessions and their tokens."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _millis(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "account",
        sa.Column("login", sa.Text(), primary_key=True),
        *_texts("name", "role", "wards", "password"),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        *_millis("made_ms"),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.Text(), primary_key=True),
        *_texts("login"),
        *_millis("made_ms", "seen_ms"),
        *_texts("agent"),
    )
    op.create_index("session_login", "session", ["login"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Text(), primary_key=True),
        *_texts("name"),
        sa.Column("digest", sa.Text(), nullable=False, unique=True),
        *_texts("rights", "wards", "by"),
        *_millis("made_ms", "expires_ms", "used_ms"),
        sa.Column("revoked", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("api_token", "session", "account"):
        op.drop_table(name)
