"""The send ledger: one row a user and run, whose changes of state are checked and told here, whoever makes them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
NEWS = (
    "processed",
    "deferred",
    "delivered",
    "bounced",
    "dropped",
    "opened",
    "machine_opened",
    "clicked",
    "spam_reported",
    "unsubscribed",
)

CHECK_CHANGE = """
CREATE FUNCTION cutover.check_send_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.run, NEW.user_id, NEW.send_id, NEW.partition)
        IS DISTINCT FROM (OLD.run, OLD.user_id, OLD.send_id, OLD.partition) THEN
        RAISE EXCEPTION 'send_ledger: run, user, partition and send_id of %/% never change', OLD.run, OLD.user_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.path <> OLD.path AND OLD.state <> 'planned' THEN
        RAISE EXCEPTION 'send_ledger: %/% is % and keeps its path', OLD.run, OLD.user_id, OLD.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('planned', 'sending'), ('planned', 'suppressed'), ('planned', 'accepted'),
        ('sending', 'accepted'), ('sending', 'failed'), ('sending', 'unconfirmed'), ('sending', 'planned'),
        ('sending', 'suppressed'),
        ('unconfirmed', 'accepted'), ('unconfirmed', 'planned'), ('unconfirmed', 'failed'),
        ('failed', 'planned'), ('failed', 'accepted'), ('suppressed', 'accepted')
    ) THEN
        RAISE EXCEPTION 'send_ledger: %/% cannot go from % to %', OLD.run, OLD.user_id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.attempt <> OLD.attempt + (OLD.state = 'planned' AND NEW.state IN ('sending'))::int THEN
        RAISE EXCEPTION 'send_ledger: attempt of %/% grows by one with each claim and never else', OLD.run, OLD.user_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state IN ('unconfirmed', 'failed') AND NEW.state = 'planned'
        AND (NEW.reason IS NULL OR NEW.decided_by IS NULL) THEN
        RAISE EXCEPTION 'send_ledger: releasing %/% needs to say who and why', OLD.run, OLD.user_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state THEN
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$
"""

CHECK_NEW = """
CREATE FUNCTION cutover.check_new_send() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'send_ledger: %/% begins as planned or suppressed, with no attempt', NEW.run, NEW.user_id
        USING ERRCODE = 'check_violation';
END $$
"""

CHECK_NEWS = """
CREATE FUNCTION cutover.check_send_news() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'send_ledger: news of %/% can only be added, or be older than was known', OLD.run, OLD.user_id
        USING ERRCODE = 'check_violation';
END $$
"""

TELL_PLANNED = """
CREATE FUNCTION cutover.tell_planned_sends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cutover.outbox (event_id, type, version, data)
    SELECT kind.type || ':' || became.run || '/' || became.user_id || '#' || became.attempt, kind.type, 1,
           jsonb_strip_nulls(jsonb_build_object(
               'occurred_at', to_char(became.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'user_id', became.user_id, 'run', became.run, 'send_id', became.send_id, 'attempt', became.attempt,
               'path', became.path, 'reason', CASE WHEN became.state = 'suppressed' THEN became.reason END))
    FROM inserted AS became
    JOIN (VALUES ('planned', 'EmailPlanned'), ('suppressed', 'EmailSuppressed')) AS kind (state, type) USING (state)
    ORDER BY became.run, became.user_id;
    RETURN NULL;
END $$
"""

TELL_CHANGED = """
CREATE FUNCTION cutover.tell_changed_sends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cutover.outbox (event_id, type, version, data)
    SELECT kind.type || ':' || became.run || '/' || became.user_id || '#' || became.attempt, kind.type, 1,
           jsonb_strip_nulls(jsonb_build_object(
               'occurred_at', to_char(became.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'user_id', became.user_id, 'run', became.run, 'send_id', became.send_id, 'attempt', became.attempt,
               'path', CASE WHEN kind.says_path THEN became.path END,
               'reason', CASE WHEN kind.says_reason OR became.evidence = 'person' THEN became.reason END,
               'evidence', became.evidence,
               'by', CASE WHEN kind.says_by OR became.evidence = 'person' THEN became.decided_by END))
    FROM changed AS became
    JOIN before AS was USING (run, user_id)
    JOIN (VALUES ('accepted', 'EmailAccepted', false, false, false),
                 ('failed', 'EmailFailed', false, true, false),
                 ('suppressed', 'EmailSuppressed', true, true, false),
                 ('unconfirmed', 'EmailUnconfirmed', false, true, false),
                 ('planned', 'EmailReleased', false, true, true)) AS kind (state, type, says_path, says_reason, says_by)
      ON kind.state = became.state
    WHERE became.state <> was.state AND NOT (was.state = 'sending' AND became.state = 'planned')
    ORDER BY became.run, became.user_id;
    RETURN NULL;
END $$
"""

REFUSE_REMOVAL = """
CREATE FUNCTION cutover.refuse_send_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'send_ledger: rows are never removed' USING ERRCODE = 'check_violation';
END $$
"""

CHANGED_NEWS = " OR ".join(
    f"(OLD.{name}_at IS NOT NULL AND (NEW.{name}_at IS NULL OR NEW.{name}_at > OLD.{name}_at))" for name in NEWS
)

TRIGGERS = (
    "CREATE TRIGGER check_new BEFORE INSERT ON cutover.send_ledger FOR EACH ROW "
    "WHEN (NEW.state NOT IN ('planned', 'suppressed') OR NEW.attempt <> 0) EXECUTE FUNCTION cutover.check_new_send()",
    "CREATE TRIGGER check_change BEFORE UPDATE ON cutover.send_ledger FOR EACH ROW "
    "WHEN ((OLD.run, OLD.user_id, OLD.send_id, OLD.partition, OLD.path, OLD.state, OLD.attempt) IS DISTINCT FROM "
    "(NEW.run, NEW.user_id, NEW.send_id, NEW.partition, NEW.path, NEW.state, NEW.attempt)) "
    "EXECUTE FUNCTION cutover.check_send_change()",
    f"CREATE TRIGGER check_news BEFORE UPDATE ON cutover.send_ledger FOR EACH ROW WHEN ({CHANGED_NEWS}) "
    "EXECUTE FUNCTION cutover.check_send_news()",
    "CREATE TRIGGER tell_planned AFTER INSERT ON cutover.send_ledger REFERENCING NEW TABLE AS inserted "
    "FOR EACH STATEMENT EXECUTE FUNCTION cutover.tell_planned_sends()",
    "CREATE TRIGGER tell_changed AFTER UPDATE ON cutover.send_ledger REFERENCING NEW TABLE AS changed "
    "OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION cutover.tell_changed_sends()",
    "CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON cutover.send_ledger FOR EACH STATEMENT "
    "EXECUTE FUNCTION cutover.refuse_send_removal()",
)


def upgrade() -> None:
    op.create_table(
        "send_ledger",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), server_default=sa.text("(gen_random_uuid())::text"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "reason", sa.Text(), comment="why suppressed, failed or unconfirmed; why released, or not accepted lately"
        ),
        sa.Column("evidence", sa.Text(), comment="how we know that it was accepted"),
        sa.Column("decided_by", sa.Text(), comment="the person who marked it sent or released it"),
        sa.Column(
            "attempt", sa.Integer(), server_default="0", nullable=False, comment="claims so far: the fencing token"
        ),
        sa.Column("lease_until", MOMENT, comment="until when the claim holds"),
        sa.Column("not_before", MOMENT, comment="not to be tried again before"),
        sa.Column("message_id", sa.Text(), comment="the provider's own name for it"),
        sa.Column("asked_at", MOMENT, comment="when the provider's records were last searched for it"),
        sa.Column("planned_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("changed_at", MOMENT, server_default=NOW, nullable=False),
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
        sa.PrimaryKeyConstraint("run", "user_id"),
        sa.UniqueConstraint("send_id", name="send_ledger_send_id"),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'accepted', 'failed', 'suppressed', 'unconfirmed')",
            name="send_ledger_state",
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
        schema="cutover",
        comment="one row a user and run; changes of state are checked, and told to the outbox, by triggers",
    )
    for name, columns, where in (
        ("send_ledger_planned", ["partition", "run", "user_id"], "state = 'planned'"),
        ("send_ledger_sending", ["lease_until"], "state = 'sending'"),
        ("send_ledger_unsettled", ["run", "state"], "state IN ('unconfirmed', 'failed')"),
        ("send_ledger_message", ["message_id"], "message_id IS NOT NULL"),
    ):
        op.create_index(name, "send_ledger", columns, schema="cutover", postgresql_where=sa.text(where))
    for function in (CHECK_NEW, CHECK_CHANGE, CHECK_NEWS, TELL_PLANNED, TELL_CHANGED, REFUSE_REMOVAL, *TRIGGERS):
        op.execute(function)
    op.create_table(
        "campaigns",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("send_by", MOMENT, nullable=False, comment="what is left then is suppressed"),
        sa.Column("opened_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("paused_at", MOMENT),
        sa.Column("paused_by", sa.Text()),
        sa.PrimaryKeyConstraint("run"),
        schema="cutover",
        comment="the runs that send",
    )
    op.create_table(
        "undeliverable",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.CheckConstraint("reason IN ('bounced', 'spam_reported')", name="undeliverable_reason"),
        sa.PrimaryKeyConstraint("user_id"),
        schema="cutover",
        comment="users whose address is no good or who called our mail spam",
    )
    op.add_column("runs", sa.Column("sends", sa.Boolean(), server_default=sa.false(), nullable=False), schema="cutover")
    op.add_column(
        "runs", sa.Column("event_driven_percent", sa.Double(), server_default="0", nullable=False), schema="cutover"
    )
    op.add_column("runs", sa.Column("salt", sa.Text(), server_default="", nullable=False), schema="cutover")
    for table in ("events", "outbox"):
        op.create_index(
            f"{table}_wishes",
            table,
            [sa.text("(data ->> 'user_id')")],
            schema="cutover",
            postgresql_where=sa.text("type IN ('UserUnsubscribed', 'UserResubscribed')"),
        )


def downgrade() -> None:
    op.drop_index("outbox_wishes", table_name="outbox", schema="cutover")
    op.drop_index("events_wishes", table_name="events", schema="cutover")
    for column in ("salt", "event_driven_percent", "sends"):
        op.drop_column("runs", column, schema="cutover")
    op.drop_table("undeliverable", schema="cutover")
    op.drop_table("campaigns", schema="cutover")
    op.drop_table("send_ledger", schema="cutover")
    for function in (
        "check_new_send",
        "check_send_change",
        "check_send_news",
        "tell_planned_sends",
        "tell_changed_sends",
        "refuse_send_removal",
    ):
        op.execute(f"DROP FUNCTION cutover.{function}()")
