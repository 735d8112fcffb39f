"""The send ledger, the campaigns it belongs to, and who cannot be mailed at all."""

import sqlalchemy as sa

from handlers.schema import ID, MOMENT, metadata

NOW = sa.func.clock_timestamp()

send_ledger = sa.Table(
    "send_ledger",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("partition", sa.SmallInteger, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("send_id", sa.Text, nullable=False, server_default=sa.text("(gen_random_uuid())::text")),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, comment="why suppressed, failed or unconfirmed; why released, or not accepted lately"),
    sa.Column("evidence", sa.Text, comment="how we know that it was accepted"),
    sa.Column("decided_by", sa.Text, comment="the person who marked it sent or released it"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0", comment="claims so far: the fencing token"),
    sa.Column("lease_until", MOMENT, comment="until when the claim holds"),
    sa.Column("not_before", MOMENT, comment="not to be tried again before"),
    sa.Column("message_id", sa.Text, comment="the provider's own name for it"),
    sa.Column("asked_at", MOMENT, comment="when the provider's records were last searched for it"),
    sa.Column("planned_at", MOMENT, nullable=False, server_default=NOW),
    sa.Column("changed_at", MOMENT, nullable=False, server_default=NOW),
    sa.Column("processed_at", MOMENT),
    sa.Column("deferred_at", MOMENT),
    sa.Column("delivered_at", MOMENT),
    sa.Column("bounced_at", MOMENT),
    sa.Column("dropped_at", MOMENT),
    sa.Column("opened_at", MOMENT, comment="by a person, as far as the provider can tell"),
    sa.Column("machine_opened_at", MOMENT),
    sa.Column("clicked_at", MOMENT),
    sa.Column("spam_reported_at", MOMENT),
    sa.Column("unsubscribed_at", MOMENT),
    sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("send_id", name="send_ledger_send_id"),
    sa.CheckConstraint(
        "state IN ('planned', 'sending', 'accepted', 'failed', 'suppressed', 'unconfirmed')", name="send_ledger_state"
    ),
    sa.CheckConstraint("path IN ('legacy', 'event_driven')", name="send_ledger_path"),
    sa.CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="send_ledger_lease"),
    sa.CheckConstraint(
        "state NOT IN ('failed', 'suppressed', 'unconfirmed') OR reason IS NOT NULL", name="send_ledger_reason"
    ),
    sa.CheckConstraint("(state = 'accepted') = (evidence IS NOT NULL)", name="send_ledger_evidence"),
    sa.CheckConstraint(
        "evidence IN ('answer', 'webhook', 'email_logs', 'person')", name="send_ledger_kinds_of_evidence"
    ),
    sa.CheckConstraint("length(reason) BETWEEN 1 AND 300", name="send_ledger_reason_fits"),
    sa.CheckConstraint(
        "length(decided_by) BETWEEN 1 AND 200 AND decided_by !~ '[[:cntrl:]]'", name="send_ledger_decided_by"
    ),
    sa.Index("send_ledger_planned", "partition", "run", "user_id", postgresql_where=sa.text("state = 'planned'")),
    sa.Index("send_ledger_sending", "lease_until", postgresql_where=sa.text("state = 'sending'")),
    sa.Index("send_ledger_unsettled", "run", "state", postgresql_where=sa.text("state IN ('unconfirmed', 'failed')")),
    sa.Index("send_ledger_message", "message_id", postgresql_where=sa.text("message_id IS NOT NULL")),
    comment="one row a user and run; changes of state are checked, and told to the outbox, by triggers",
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("send_by", MOMENT, nullable=False, comment="what is left then is suppressed"),
    sa.Column("opened_at", MOMENT, nullable=False, server_default=NOW),
    sa.Column("paused_at", MOMENT),
    sa.Column("paused_by", sa.Text),
    sa.Column("rolled_back_at", MOMENT),
    comment="the runs that send",
)

undeliverable = sa.Table(
    "undeliverable",
    metadata,
    sa.Column("user_id", ID, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", MOMENT, nullable=False),
    sa.CheckConstraint("reason IN ('bounced', 'spam_reported')", name="undeliverable_reason"),
    comment="users whose address is no good or who called our mail spam",
)
