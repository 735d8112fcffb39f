"""Where reconciliations lie: a row for each reconciled run, one for each pair that needed a look, and the reports."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(schema="cutover")

MOMENT = sa.DateTime(timezone=True)

reconciliations = sa.Table(
    "reconciliations",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("policy_digest", sa.Text, nullable=False),
    sa.Column("code_version", sa.Text, nullable=False),
    sa.Column("totals", pg.JSONB, nullable=False),
    sa.Column("reconciled_at", MOMENT, nullable=False),
    sa.Column("seen", sa.Text, comment="the snapshot (pg_snapshot) of the outcomes that were looked at"),
    sa.Column(
        "rests_on", pg.JSONB, comment="what verdicts rest on beside outcomes; if it changes, all are judged anew"
    ),
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
    sa.Column("tolerated", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("because", sa.Text),
    sa.Column("accepted", sa.Text),
    sa.Column("findings", pg.JSONB, nullable=False, server_default="[]"),
    sa.Column("examined", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("legacy_digest", sa.LargeBinary),
    sa.Column("legacy_fingerprint", sa.LargeBinary),
    sa.Column("event_driven_digest", sa.LargeBinary),
    sa.Column("event_driven_fingerprint", sa.LargeBinary),
    sa.Column("judged_by", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("verdict IN ('match', 'explained', 'mismatch', 'incomplete')", name="comparisons_verdict"),
    sa.CheckConstraint("because IN ('timing', 'noise', 'accepted')", name="comparisons_because"),
    comment="the pairs whose digests do not settle them; kind NULL: the outcomes are equal under the policy",
)

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("runs", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("made_at", MOMENT, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the report's JSON, deflated; the digest is of it"),
)
