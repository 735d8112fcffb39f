"""What judging needs: verdicts that can be taken up again, noise, and reports that can be signed."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0006"
down_revision = "0005"

MOMENT = sa.DateTime(timezone=True)


def _judged() -> "list[sa.Column[Any]]":
    return [
        sa.Column("tolerated", pg.ARRAY(sa.Text()), nullable=False, server_default="{}"),
        sa.Column("because", sa.Text()),
        sa.Column("accepted", sa.Text()),
        sa.Column("findings", pg.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]"),
        sa.Column("examined", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("legacy_digest", sa.LargeBinary()),
        sa.Column("legacy_fingerprint", sa.LargeBinary()),
        sa.Column("event_driven_digest", sa.LargeBinary()),
        sa.Column("event_driven_fingerprint", sa.LargeBinary()),
        sa.Column("judged_by", sa.Text(), nullable=False, server_default=""),
    ]


_KEYED_BY = """
    ALTER TABLE cutover.outcomes DROP CONSTRAINT outcomes_pkey,
        ADD CONSTRAINT outcomes_pkey PRIMARY KEY (run, path, unit) {include}
"""


STAMP = """
CREATE FUNCTION cutover.stamp_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.recorded_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$
"""

VOID_LOOKS = """
CREATE FUNCTION cutover.void_looks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cutover.reconciliations SET seen = NULL WHERE run IN (SELECT DISTINCT run FROM removed);
    RETURN NULL;
END $$
"""

TRIGGERS = (
    "CREATE TRIGGER stamp BEFORE UPDATE ON cutover.outcomes FOR EACH ROW EXECUTE FUNCTION cutover.stamp_outcome()",
    "CREATE TRIGGER void_looks AFTER DELETE ON cutover.outcomes REFERENCING OLD TABLE AS removed "
    "FOR EACH STATEMENT EXECUTE FUNCTION cutover.void_looks()",
)
"""Whoever changes or removes an outcome, the next look at its run sees it."""


def upgrade() -> None:
    for column in _judged():
        op.add_column("comparisons", column, schema="cutover")
    _verdicts("'match', 'explained', 'mismatch', 'incomplete'")
    _comment("the pairs whose digests do not settle them; kind NULL: the outcomes are equal under the policy")
    op.create_check_constraint(
        "comparisons_because", "comparisons", "because IN ('timing', 'noise', 'accepted')", schema="cutover"
    )
    op.add_column(
        "reconciliations",
        sa.Column("seen", sa.Text(), comment="the snapshot (pg_snapshot) of the outcomes that were looked at"),
        schema="cutover",
    )
    op.add_column(
        "reconciliations",
        sa.Column(
            "rests_on",
            pg.JSONB(astext_type=sa.Text()),
            comment="what verdicts rest on beside outcomes; if it changes, all are judged anew",
        ),
        schema="cutover",
    )
    op.add_column(
        "outcomes",
        sa.Column(
            "recorded_in",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
            comment="the transaction that wrote this: a snapshot can be asked whether it saw it",
        ),
        schema="cutover",
    )
    op.add_column(
        "outcomes",
        sa.Column(
            "first_recorded_in",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
            comment="the transaction that wrote an outcome of this path for the unit for the first time",
        ),
        schema="cutover",
    )
    op.create_index("outcomes_recorded_in", "outcomes", ["run", "recorded_in"], schema="cutover")
    op.execute(_KEYED_BY.format(include="INCLUDE (digest, fingerprint)"))
    op.add_column(
        "path_runs", sa.Column("normalisation", sa.Text(), nullable=False, server_default=""), schema="cutover"
    )
    op.create_table(
        "noise",
        sa.Column("run", sa.Text(), sa.ForeignKey("cutover.runs.run"), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "unit"),
        schema="cutover",
        comment="what the legacy path came to a second time, for a sample of units",
    )
    for statement in (STAMP, VOID_LOOKS, *TRIGGERS):
        op.execute(statement)
    op.create_table(
        "reports",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("runs", pg.ARRAY(sa.Text()), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="the report's JSON, deflated; the digest is of it"
        ),
        sa.PrimaryKeyConstraint("digest"),
        schema="cutover",
    )


def downgrade() -> None:
    for trigger in ("void_looks", "stamp"):
        op.execute(f"DROP TRIGGER {trigger} ON cutover.outcomes")
    for function in ("void_looks", "stamp_outcome"):
        op.execute(f"DROP FUNCTION cutover.{function}()")
    op.drop_table("reports", schema="cutover")
    op.drop_table("noise", schema="cutover")
    op.drop_column("path_runs", "normalisation", schema="cutover")
    op.execute(_KEYED_BY.format(include=""))
    op.drop_index("outcomes_recorded_in", table_name="outcomes", schema="cutover")
    op.drop_column("outcomes", "first_recorded_in", schema="cutover")
    op.drop_column("outcomes", "recorded_in", schema="cutover")
    op.drop_column("reconciliations", "rests_on", schema="cutover")
    op.drop_column("reconciliations", "seen", schema="cutover")
    op.drop_constraint("comparisons_because", "comparisons", schema="cutover")
    op.execute("DELETE FROM cutover.comparisons WHERE verdict = 'match'")
    _verdicts("'explained', 'mismatch', 'incomplete'")
    _comment("only the pairs that are not a match; kind NULL: the outcomes are equal, their inputs are not")
    for column in reversed(_judged()):
        op.drop_column("comparisons", column.name, schema="cutover")


def _verdicts(allowed: str) -> None:
    op.drop_constraint("comparisons_verdict", "comparisons", schema="cutover")
    op.create_check_constraint("comparisons_verdict", "comparisons", f"verdict IN ({allowed})", schema="cutover")


def _comment(says: str) -> None:
    op.create_table_comment("comparisons", says, schema="cutover")
