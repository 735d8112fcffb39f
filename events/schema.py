"""The log's tables: outbox, events, refused events, checkpoints, and the settings the log was created with."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(schema="cutover")

MOMENT = sa.DateTime(timezone=True)
NOW = sa.func.clock_timestamp()

WISHES = sa.text("type IN ('UserUnsubscribed', 'UserResubscribed')")
"""What a user wants is asked at the moment of sending, of the log and the outbox themselves."""

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False),
    sa.Column("data", pg.JSONB, nullable=False),
    sa.Column("emitted_at", MOMENT, nullable=False, server_default=NOW),
    sa.Index("outbox_wishes", sa.text("(data ->> 'user_id')"), postgresql_where=WISHES),
    comment="emitted, not yet in the log; any language may insert here in its own transaction",
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False),
    sa.Column("partition", sa.SmallInteger, nullable=False),
    sa.Column("occurred_at", MOMENT, nullable=False),
    sa.Column("recorded_at", MOMENT, nullable=False, server_default=NOW),
    sa.Column("data", pg.JSONB, nullable=False),
    sa.Index("events_partition_position", "partition", "position"),
    sa.Index("events_type_partition_position", "type", "partition", "position"),
    sa.Index("events_type_occurred_at", "type", "occurred_at"),
    sa.Index("events_wishes", sa.text("(data ->> 'user_id')"), postgresql_where=WISHES),
    comment="the log: gapless positions, one row a fact; rows are never changed or deleted",
)

refused_events = sa.Table(
    "refused_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False),
    sa.Column("data", pg.JSONB, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("refused_at", MOMENT, nullable=False, server_default=NOW),
    comment="outbox rows which the log cannot hold, kept until somebody mends them or deploys newer code",
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("subscription", sa.Text, primary_key=True),
    sa.Column("partition", sa.SmallInteger, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("advanced_at", MOMENT, nullable=False, server_default=NOW),
    comment="how far each partition of each subscription has folded the log",
)

log_settings = sa.Table(
    "log_settings",
    metadata,
    sa.Column("one", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("partitions", sa.SmallInteger, nullable=False),
    sa.CheckConstraint("one", name="log_settings_one_row"),
    comment="what cannot change after the first event",
)
