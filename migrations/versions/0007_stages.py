"""Stages bound to sign-offs: runs that are rolled back, rows that change hands, and who may tell of the migration."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MOMENT = sa.DateTime(timezone=True)
TYPES = (
    "RoleGranted",
    "RoleRevoked",
    "SignedOff",
    "StageChanged",
    "CanaryPaused",
    "CanaryResumed",
    "RunRolledBack",
    "DrillRecorded",
    "WeekStarted",
    "DayStarted",
    "EmailPlanned",
    "EmailSuppressed",
    "EmailAccepted",
    "EmailFailed",
    "EmailUnconfirmed",
    "EmailReleased",
    "EmailReassigned",
)

CHECK_OWNER = """
CREATE FUNCTION cutover.check_send_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'send_ledger: %/% can go from event_driven to legacy, and not from % to %',
        OLD.run, OLD.user_id, OLD.path, NEW.path USING ERRCODE = 'check_violation';
END $$
"""

TELL_REASSIGNED = """
CREATE FUNCTION cutover.tell_reassigned_sends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cutover.outbox (event_id, type, version, data)
    SELECT 'EmailReassigned:' || became.run || '/' || became.user_id || '#' || became.attempt || '~' || became.path,
           'EmailReassigned', 1,
           jsonb_build_object(
               'occurred_at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'user_id', became.user_id, 'run', became.run, 'send_id', became.send_id, 'attempt', became.attempt,
               'path', became.path, 'reason', coalesce(became.reason, 'reassigned'))
    FROM changed AS became
    JOIN before AS was USING (run, user_id)
    WHERE became.path <> was.path
    ORDER BY became.run, became.user_id;
    RETURN NULL;
END $$
"""

REFUSE_TELLING = """
CREATE FUNCTION cutover.refuse_telling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT has_table_privilege(current_user, 'cutover.send_ledger', 'INSERT') THEN
        RAISE EXCEPTION 'outbox: % is told by cutover itself, and % may only tell what happens in the app',
            NEW.type, current_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""

TRIGGERS = (
    "CREATE TRIGGER check_owner BEFORE UPDATE ON cutover.send_ledger FOR EACH ROW "
    "WHEN (NEW.path <> OLD.path AND NOT (OLD.path = 'event_driven' AND NEW.path = 'legacy')) "
    "EXECUTE FUNCTION cutover.check_send_owner()",
    "CREATE TRIGGER tell_reassigned AFTER UPDATE ON cutover.send_ledger REFERENCING NEW TABLE AS changed "
    "OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION cutover.tell_reassigned_sends()",
    "CREATE TRIGGER refuse_telling BEFORE INSERT ON cutover.outbox FOR EACH ROW "
    f"WHEN (NEW.type IN ({', '.join(repr(each) for each in TYPES)})) EXECUTE FUNCTION cutover.refuse_telling()",
)


def upgrade() -> None:
    op.add_column("runs", sa.Column("rolled_back_at", MOMENT), schema="cutover")
    op.add_column("runs", sa.Column("handed_back_at", MOMENT), schema="cutover")
    op.add_column("campaigns", sa.Column("rolled_back_at", MOMENT), schema="cutover")
    op.add_column(
        "send_ledger", sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False), schema="cutover"
    )
    for statement in (CHECK_OWNER, TELL_REASSIGNED, REFUSE_TELLING, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_telling ON cutover.outbox")
    op.execute("DROP TRIGGER tell_reassigned ON cutover.send_ledger")
    op.execute("DROP TRIGGER check_owner ON cutover.send_ledger")
    for function in ("refuse_telling", "tell_reassigned_sends", "check_send_owner"):
        op.execute(f"DROP FUNCTION cutover.{function}()")
    op.drop_column("send_ledger", "held", schema="cutover")
    op.drop_column("campaigns", "rolled_back_at", schema="cutover")
    for column in ("handed_back_at", "rolled_back_at"):
        op.drop_column("runs", column, schema="cutover")
