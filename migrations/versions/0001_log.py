"""The event log: outbox, events, refused events, checkpoints, settings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None

APPEND_ONLY = (
    """
    CREATE FUNCTION cutover.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'cutover.% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation', HINT = 'Emit another event that says what is true now.';
    END $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cutover.events
    FOR EACH STATEMENT EXECUTE FUNCTION cutover.refuse_change()
    """,
)


def upgrade() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "advanced_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("subscription", "partition"),
        schema="cutover",
        comment="how far each partition of each subscription has folded the log",
    )
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("event_id"),
        schema="cutover",
        comment="the log: gapless positions, one row a fact; rows are never changed or deleted",
    )
    op.create_index("events_partition_position", "events", ["partition", "position"], unique=False, schema="cutover")
    op.create_index("events_type_occurred_at", "events", ["type", "occurred_at"], unique=False, schema="cutover")
    op.create_index(
        "events_type_partition_position", "events", ["type", "partition", "position"], unique=False, schema="cutover"
    )
    op.create_table(
        "log_settings",
        sa.Column("one", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("partitions", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("one", name="log_settings_one_row"),
        sa.PrimaryKeyConstraint("one"),
        schema="cutover",
        comment="what cannot change after the first event",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "emitted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="cutover",
        comment="emitted, not yet in the log; any language may insert here in its own transaction",
    )
    op.create_table(
        "refused_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "refused_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="cutover",
        comment="outbox rows which the log cannot hold, kept until somebody mends them or deploys newer code",
    )
    for statement in APPEND_ONLY:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("refused_events", schema="cutover")
    op.drop_table("outbox", schema="cutover")
    op.drop_table("log_settings", schema="cutover")
    op.drop_index("events_type_partition_position", table_name="events", schema="cutover")
    op.drop_index("events_type_occurred_at", table_name="events", schema="cutover")
    op.drop_index("events_partition_position", table_name="events", schema="cutover")
    op.drop_table("events", schema="cutover")
    op.drop_table("checkpoints", schema="cutover")
    op.execute("DROP FUNCTION cutover.refuse_change()")
