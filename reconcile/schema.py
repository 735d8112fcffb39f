"""Where reconciliations lie: one row per reconciled run, and one per pair that is not a match."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(schema="cutover")

reconciliations = sa.Table(
    "reconciliations",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("policy_digest", sa.Text, nullable=False),
    sa.Column("code_version", sa.Text, nullable=False),
    sa.Column("totals", pg.JSONB, nullable=False),
    sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=False),
)

comparisons = sa.Table(
    "comparisons",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("fields", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("causes", pg.JSONB, nullable=False),
    sa.CheckConstraint("verdict IN ('explained', 'mismatch', 'incomplete')", name="comparisons_verdict"),
    comment="only the pairs that are not a match; kind NULL: the outcomes are equal, their inputs are not",
)
