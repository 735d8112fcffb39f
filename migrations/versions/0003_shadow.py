"""Runs and outcomes of both paths."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("kind IN ('week', 'day')", name="runs_kind"),
        sa.PrimaryKeyConstraint("run"),
        schema="cutover",
    )
    op.create_table(
        "late_events",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run"],
            ["cutover.runs.run"],
        ),
        sa.PrimaryKeyConstraint("run", "event_id"),
        schema="cutover",
        comment="what the legacy snapshot saw although it lies behind the barrier; unit NULL concerns every unit",
    )
    op.create_table(
        "path_runs",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("path IN ('legacy', 'event_driven')", name="path_runs_path"),
        sa.ForeignKeyConstraint(
            ["run"],
            ["cutover.runs.run"],
        ),
        sa.PrimaryKeyConstraint("run", "path"),
        schema="cutover",
    )
    op.create_table(
        "outcomes",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("milliseconds", sa.REAL(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("decision IN ('send', 'skip')", name="outcomes_decision"),
        sa.ForeignKeyConstraint(
            ["run", "path"],
            ["cutover.path_runs.run", "cutover.path_runs.path"],
        ),
        sa.PrimaryKeyConstraint("run", "path", "unit"),
        schema="cutover",
    )


def downgrade() -> None:
    op.drop_table("outcomes", schema="cutover")
    op.drop_table("path_runs", schema="cutover")
    op.drop_table("late_events", schema="cutover")
    op.drop_table("runs", schema="cutover")
