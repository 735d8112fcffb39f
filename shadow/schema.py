"""Where the outcomes of both paths lie: tables of runs, of what each path did, and of late events."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(schema="cutover")

MOMENT = sa.DateTime(timezone=True)


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("scheduled_at", MOMENT, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("opened_at", MOMENT, nullable=False, server_default=sa.func.clock_timestamp()),
    sa.Column("sends", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("event_driven_percent", sa.Double, nullable=False, server_default="0"),
    sa.Column("salt", sa.Text, nullable=False, server_default=""),
    sa.Column("rolled_back_at", MOMENT),
    sa.Column("handed_back_at", MOMENT),
    sa.CheckConstraint("kind IN ('week', 'day')", name="runs_kind"),
)

path_runs = sa.Table(
    "path_runs",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.run), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("code_version", sa.Text, nullable=False),
    sa.Column("started_at", MOMENT, nullable=False),
    sa.Column("finished_at", MOMENT),
    sa.Column("normalisation", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("path IN ('legacy', 'event_driven')", name="path_runs_path"),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("inputs", pg.JSONB, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("milliseconds", sa.REAL, nullable=False),
    sa.Column("recorded_at", MOMENT, nullable=False, server_default=sa.func.clock_timestamp()),
    sa.Column(
        "recorded_in",
        sa.BigInteger,
        nullable=False,
        server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
        comment="the transaction that wrote this: a snapshot can be asked whether it saw it",
    ),
    sa.Column(
        "first_recorded_in",
        sa.BigInteger,
        nullable=False,
        server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
        comment="the transaction that wrote an outcome of this path for the unit for the first time",
    ),
    # Both paths are compared by this index alone, in its order: nothing is sorted, hashed or held in memory.
    sa.PrimaryKeyConstraint("run", "path", "unit", name="outcomes_pkey", postgresql_include=["digest", "fingerprint"]),
    sa.Index("outcomes_recorded_in", "run", "recorded_in"),
    sa.ForeignKeyConstraint(["run", "path"], ["cutover.path_runs.run", "cutover.path_runs.path"]),
    sa.CheckConstraint("decision IN ('send', 'skip')", name="outcomes_decision"),
)

late_events = sa.Table(
    "late_events",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.run), primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    comment="what the legacy snapshot saw although it lies behind the barrier; unit NULL concerns every unit",
)

noise = sa.Table(
    "noise",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey(runs.c.run), primary_key=True),
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    comment="what the legacy path came to a second time, for a sample of units",
)
