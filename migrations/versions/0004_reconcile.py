"""Reconciliations and their comparisons."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "comparisons",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("causes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("verdict IN ('explained', 'mismatch', 'incomplete')", name="comparisons_verdict"),
        sa.PrimaryKeyConstraint("run", "unit"),
        schema="cutover",
        comment="only the pairs that are not a match; kind NULL: the outcomes are equal, their inputs are not",
    )
    op.create_table(
        "reconciliations",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run"),
        schema="cutover",
    )


def downgrade() -> None:
    op.drop_table("reconciliations", schema="cutover")
    op.drop_table("comparisons", schema="cutover")
