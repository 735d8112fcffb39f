"""Send ledgers on a real database: rows in any state, wishes of their users, and what outbox and log say of them."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from events import UserId, UserResubscribed, UserUnsubscribed, emit, fix_partitions, sequence_all
from handlers.delivery.ledger import Claim, Claimed, claim, plan
from runtime import database as databases

PARTITIONS = 1
RUN = "2026-W47"
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
STATES = ("planned", "sending", "accepted", "failed", "suppressed", "unconfirmed")

BELONGINGS: Mapping[str, str] = {
    "planned": "lease_until = NULL, evidence = NULL, reason = 'again', decided_by = 'ann'",
    "sending": "lease_until = clock_timestamp() + interval '1 hour', evidence = NULL, reason = NULL",
    "accepted": "lease_until = NULL, evidence = 'answer', reason = NULL",
    "failed": "lease_until = NULL, evidence = NULL, reason = 'http_400'",
    "suppressed": "lease_until = NULL, evidence = NULL, reason = 'unsubscribed'",
    "unconfirmed": "lease_until = NULL, evidence = NULL, reason = 'read_timeout'",
}
"""What a row of each state has to say beside its state."""

_numbers = itertools.count(1)


@contextmanager
def own_database(postgres_url: str, template_url: str, *, partitions: int = PARTITIONS) -> Iterator[sa.Engine]:
    """An engine on a migrated database of its own, with a log of so many partitions."""
    name, template = f"ledger_{os.getpid()}_{next(_numbers)}", sa.make_url(template_url).database
    administration = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        # Nothing here is about a server that loses power, and thousands of small commits are.
        connection.execute(sa.text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    administration.dispose()
    engine = databases.create_engine(databases.database_url(postgres_url, name))
    with engine.begin() as connection:
        fix_partitions(connection, partitions)
    try:
        yield engine
    finally:
        engine.dispose()
        databases.drop_database(postgres_url, name)


def plan_users(
    engine: sa.Engine,
    *user_ids: str,
    run: str = RUN,
    path: str = "event_driven",
    reason: str | None = None,
    within: float = 3600.0,
) -> None:
    """Plan an e-mail for each of these users."""
    with engine.begin() as connection:
        planned = [(user_id, reason) for user_id in user_ids]
        plan(connection, run, path, planned, partitions=PARTITIONS, send_within=within)


def put(
    engine: sa.Engine, state: str, *user_ids: str, run: str = RUN, attempt: int = 1, path: str = "event_driven"
) -> None:
    """Rows that have been in this state for long: no trigger checks them, and nothing of them is told."""
    with unwatched(engine) as connection:
        parameters = {"run": run, "user_ids": list(user_ids), "attempt": attempt, "path": path}
        connection.execute(_PUT, parameters)
        become(connection, state, *user_ids, run=run, grows=0)
        connection.execute(
            sa.text(
                "INSERT INTO cutover.campaigns (run, send_by) VALUES (:run, now() + '1 hour') ON CONFLICT DO NOTHING"
            ),
            {"run": run},
        )


@contextmanager
def unwatched(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which no trigger fires; constraints hold all the same."""
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        yield connection


def become(connection: sa.Connection, state: str, *user_ids: str, run: str = RUN, grows: int = 0) -> None:
    """Change rows by plain SQL to this state, with all that belongs to it; their attempts grow by so many."""
    statement = f"""
        UPDATE cutover.send_ledger SET state = :state, attempt = attempt + :grows, {BELONGINGS[state]}
        WHERE run = :run AND user_id = ANY(:user_ids)
    """
    parameters = {"state": state, "grows": grows, "run": run, "user_ids": list(user_ids)}
    connection.execute(sa.text(statement), parameters)


def execute(engine: sa.Engine, statement: str, **parameters: object) -> int:
    """One statement in a transaction of its own; how many rows it concerned."""
    with engine.begin() as connection:
        return connection.execute(sa.text(statement), parameters).rowcount


def row(engine: sa.Engine, user_id: str, run: str = RUN) -> Mapping[str, Any]:
    """The row of a user."""
    with engine.connect() as connection:
        statement = sa.text("SELECT * FROM cutover.send_ledger WHERE run = :run AND user_id = :user_id")
        return dict(connection.execute(statement, {"run": run, "user_id": user_id}).mappings().one())


def states(engine: sa.Engine, run: str = RUN) -> dict[str, str]:
    """The states of a run's rows by user."""
    with engine.connect() as connection:
        statement = sa.text("SELECT user_id, state FROM cutover.send_ledger WHERE run = :run ORDER BY user_id")
        return {found.user_id: found.state for found in connection.execute(statement, {"run": run})}


def take(engine: sa.Engine, limit: int = 100, *, lease: float = 3600.0, run: str | None = None) -> Claimed:
    """Claim from the start of the one partition."""
    with engine.begin() as connection:
        return claim(connection, 0, limit, lease=lease, run=run)


def take_one(engine: sa.Engine, user_id: str = "u1", run: str = RUN) -> Claim:
    """Claim the one row that is due."""
    (found,) = take(engine, run=run).claims
    assert (found.run, found.user_id) == (run, user_id)
    return found


def wish(engine: sa.Engine, user_id: str, *, mail: bool, after: float = 0.0, logged: bool = False) -> None:
    """The user wants mail, or none any more, so many seconds after Monday 9:00; in the outbox, or in the log."""
    kind = UserResubscribed if mail else UserUnsubscribed
    with engine.begin() as connection:
        emit(connection, kind(user_id=UserId(user_id), occurred_at=MONDAY + timedelta(seconds=after)))
    if logged:
        sequence_all(engine, PARTITIONS)


def emitted(engine: sa.Engine, *, run: str = RUN) -> list[tuple[str, dict[str, Any]]]:
    """(type, data) of the ledger's events about this run in the outbox, in the order of emitting."""
    with engine.connect() as connection:
        statement = sa.text("SELECT type, data FROM cutover.outbox WHERE data ->> 'run' = :run ORDER BY id")
        return [(found.type, found.data) for found in connection.execute(statement, {"run": run})]


def refused(engine: sa.Engine) -> Sequence[str]:
    """Why the log refused events, after everything was sequenced; empty if it refused none."""
    sequence_all(engine, PARTITIONS)
    with engine.connect() as connection:
        return list(connection.scalars(sa.text("SELECT reason FROM cutover.refused_events ORDER BY id")))


BECAME: Mapping[str, str] = {
    "EmailPlanned": "planned",
    "EmailSuppressed": "suppressed",
    "EmailAccepted": "accepted",
    "EmailFailed": "failed",
    "EmailUnconfirmed": "unconfirmed",
    "EmailReleased": "planned",
}


def told_by_log(engine: sa.Engine, run: str = RUN) -> dict[str, str]:
    """The state of each user as the log tells it. A claim is no fact: a row that is being sent is still planned."""
    found: dict[str, str] = {}
    with engine.connect() as connection:
        statement = sa.text("SELECT type, data FROM cutover.events WHERE data ->> 'run' = :run ORDER BY position")
        for event in connection.execute(statement, {"run": run}):
            if event.type in BECAME:
                found[event.data["user_id"]] = BECAME[event.type]
    return dict(sorted(found.items()))


def as_log_tells(engine: sa.Engine, run: str = RUN) -> dict[str, str]:
    """The ledger's states, in the log's coarser terms."""
    return {user_id: "planned" if state == "sending" else state for user_id, state in states(engine, run).items()}


_PUT = sa.text("""
    INSERT INTO cutover.send_ledger (run, user_id, partition, path, state, attempt)
    SELECT :run, unnest(CAST(:user_ids AS text[])), 0, :path, 'planned', :attempt
""")
