"""Unconfirmed e-mails: looked up in the provider's own records, and otherwise left to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

FIRST_LOOK = 30.0
"""Seconds after an e-mail became unconfirmed: by then the webhook has usually told."""
LOOK_EVERY = 120.0
"""Seconds between two looks for the same e-mail. The provider's records lag behind."""
LOOK_UNTIL = 7 * 24 * 3600.0
"""Seconds after which records are not searched any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """An e-mail of which nobody knows whether it was accepted. `since`: when it was planned."""

    run: str
    user_id: str
    send_id: str
    path: str
    attempt: int
    reason: str
    since: datetime
    asked_at: datetime | None


def anything_to_look_up(connection: sa.Connection) -> bool:
    """Whether some unconfirmed e-mail is due for a look."""
    return bool(connection.scalar(sa.text(f"SELECT EXISTS ({_DUE})"), _TIMES))


def to_look_up(connection: sa.Connection, limit: int) -> Sequence[Unsettled]:
    """Up to `limit` unconfirmed e-mails that are due for a look, those first that were never looked for."""
    statement = sa.text(f"{_DUE} ORDER BY asked_at NULLS FIRST, run, user_id LIMIT :limit")
    return [_unsettled(row) for row in connection.execute(statement, {**_TIMES, "limit": limit})]


def unconfirmed(connection: sa.Connection, run: str | None = None) -> Sequence[Unsettled]:
    """All that are unconfirmed, of one run or of all."""
    return [_unsettled(row) for row in connection.execute(_ALL, {"run": run})]


def found(connection: sa.Connection, email: Unsettled, message_id: str) -> None:
    """The provider's records show the e-mail; one that is another user's, of the same address, proves nothing."""
    parameters = {"run": email.run, "user_id": email.user_id, "message_id": message_id}
    if not connection.execute(_FOUND, parameters).rowcount:
        not_found(connection, email)


def not_found(connection: sa.Connection, email: Unsettled) -> None:
    """The provider's records do not show the e-mail, which proves nothing: they may lag behind."""
    connection.execute(_NOT_FOUND, {"run": email.run, "user_id": email.user_id})


def mark_sent(connection: sa.Connection, run: str, user_ids: Sequence[str], *, by: str, why: str) -> int:
    """A person says that these were accepted; how many unconfirmed rows took it."""
    return connection.execute(_MARK_SENT, {"run": run, "user_ids": list(user_ids), "by": by, "why": why}).rowcount


def release(connection: sa.Connection, run: str, user_ids: Sequence[str], *, by: str, why: str) -> int:
    """A person says that these were not accepted and are to be sent again; how many unconfirmed rows took it."""
    parameters = {"run": run, "user_ids": list(user_ids), "by": by, "why": why}
    return connection.execute(_RELEASE, parameters).rowcount


def _unsettled(row: "sa.Row[tuple[object, ...]]") -> Unsettled:
    return Unsettled(**row._mapping)


_TIMES = {"first": FIRST_LOOK, "every": LOOK_EVERY, "until": LOOK_UNTIL}

_COLUMNS = "run, user_id, send_id, path, attempt, reason, planned_at AS since, asked_at"

_DUE = f"""
    SELECT {_COLUMNS} FROM cutover.send_ledger
    WHERE state = 'unconfirmed' AND changed_at < clock_timestamp() - make_interval(secs => :first)
      AND changed_at > clock_timestamp() - make_interval(secs => :until)
      AND (asked_at IS NULL OR asked_at < clock_timestamp() - make_interval(secs => :every))
"""  # noqa: S608 - our own text

_ALL = sa.text(f"""
    SELECT {_COLUMNS} FROM cutover.send_ledger
    WHERE state = 'unconfirmed' AND (CAST(:run AS text) IS NULL OR run = :run) ORDER BY run, user_id
""")  # noqa: S608 - our own text

_FOUND = sa.text("""
    UPDATE cutover.send_ledger
    SET state = 'accepted', evidence = 'email_logs', message_id = :message_id, reason = NULL
    WHERE run = :run AND user_id = :user_id AND state = 'unconfirmed'
      AND NOT EXISTS (SELECT FROM cutover.send_ledger other WHERE other.message_id = :message_id)
""")

_NOT_FOUND = sa.text("""
    UPDATE cutover.send_ledger SET asked_at = clock_timestamp()
    WHERE run = :run AND user_id = :user_id AND state = 'unconfirmed'
""")

_MARK_SENT = sa.text("""
    UPDATE cutover.send_ledger SET state = 'accepted', evidence = 'person', decided_by = :by, reason = :why
    WHERE run = :run AND user_id = ANY(CAST(:user_ids AS text[])) AND state = 'unconfirmed'
""")

_RELEASE = sa.text("""
    UPDATE cutover.send_ledger SET state = 'planned', decided_by = :by, reason = :why
    WHERE run = :run AND user_id = ANY(CAST(:user_ids AS text[])) AND state = 'unconfirmed'
""")
