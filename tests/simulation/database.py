"""The database of simulations: migrated once, and put back to its beginning by one round trip a schedule."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import sqlalchemy as sa

from events import Subscriptions, emit, fix_partitions, open_checkpoints, sequence_all
from events.stage_events import Stage
from migrations.migrate import upgrade
from runtime import database as databases
from sandbox import approver
from sandbox.shop.schema import create_tables
from tests.simulation.facts import NAMES_OF_USERS, opening

PARTITIONS = 2

TABLES = [
    "outbox",
    "events",
    "refused_events",
    "checkpoints",
    "product_versions",
    "subscribers",
    "purchases",
    "cancelled_orders",
    "recommendations",
    "horizons",
    "popular_products",
    "planned_emails",
    "late_events",
    "noise",
    "outcomes",
    "path_runs",
    "runs",
    "send_ledger",
    "campaigns",
    "undeliverable",
]

SHOP = ["order_lines", "returns", "orders", "users", "products"]

FASTER = ("synchronous_commit = off", "jit = off", "plan_cache_mode = force_generic_plan", "enable_seqscan = off")
"""Nothing here is about a server that loses power."""

ROADS: Mapping[str, Sequence[tuple[Stage, float]]] = {
    "event_driven": (("shadow", 0.0), ("canary", 100.0), ("event_driven", 0.0)),
    "canary": (("shadow", 0.0), ("canary", 50.0)),
}
"""Where the migration may stand when a schedule begins, and how it came there."""

VACUUM_EVERY = 100


class Database:
    """One database; `administration` is a session of nobody's in the simulation."""

    def __init__(self, server_url: str, name: str, subscriptions: Subscriptions) -> None:
        self.name = name
        self.url = databases.database_url(server_url, name)
        self._server_url = server_url
        databases.drop_database(server_url, name)
        databases.ensure_database(server_url, name)
        self._set_up()
        self.administration = _session(self.url)
        self._openings = {road: self._opening(road, subscriptions) for road in ROADS}
        self._resets = 0
        self._vacuum()

    def reset(self, road: str) -> None:
        """Forget everything, and put down how a schedule on this road begins."""
        self.put_back(self._openings[road])

    def put_back(self, recorded: bytes) -> None:
        """Forget everything, and put down what was recorded, in one round trip."""
        self.administration.execute(recorded)
        self._resets += 1
        if self._resets % VACUUM_EVERY == 0:
            self._vacuum()

    def several(self, statements: str) -> list[list[tuple[Any, ...]]]:
        """What each of some statements returns, in one round trip."""
        cursor = self.administration.execute(statements.encode())
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        return found

    def drop(self) -> None:
        """The end."""
        self.administration.close()
        databases.drop_database(self._server_url, self.name)

    def _set_up(self) -> None:
        engine = databases.create_engine(self.url)
        upgrade(engine)
        with engine.begin() as connection:
            create_tables(connection)
            for setting in FASTER:
                connection.execute(sa.text(f'ALTER DATABASE "{self.name}" SET {setting}'))
            # Its locks would come and go as it likes.
            for table in _every_table():
                connection.execute(sa.text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        engine.dispose()

    def _vacuum(self) -> None:
        for table in _every_table():
            self.administration.execute(f"VACUUM {table}".encode())

    def record(self) -> bytes:
        """The statements that make the database what it is now."""
        inserts = ";".join(filter(None, (self._as_insert(table) for table in _every_table())))
        empty = "; ".join(f"DELETE FROM {table}" for table in _every_table())
        # The log and the ledger let only a superuser forget, and no trigger is to tell what is put back.
        role = "SET session_replication_role ="
        return f"{role} replica; {empty}; {inserts}; {role} origin".encode()

    def _opening(self, road: str, subscriptions: Subscriptions) -> bytes:
        """The facts of before, logged by the system itself."""
        self.administration.execute(_emptied().encode())
        engine = databases.create_engine(self.url)
        with engine.begin() as connection:
            fix_partitions(connection, PARTITIONS)
            emit(connection, *opening())
        sequence_all(engine, PARTITIONS)
        for stage, percent in ROADS[road]:
            with engine.begin() as connection:
                approver.move(connection, stage, percent, at=datetime.now(UTC))
            sequence_all(engine, PARTITIONS)
        with engine.begin() as connection:
            open_checkpoints(connection, subscriptions, PARTITIONS)
        engine.dispose()
        users = ", ".join(
            f"('{user}', '{name}', '{user}@example.com', '2026-01-01Z')" for user, name in NAMES_OF_USERS.items()
        )
        add = f"INSERT INTO shop.users (user_id, name, email, registered_at) VALUES {users}"
        self.administration.execute(add.encode())
        return self.record()

    def _as_insert(self, table: str) -> str:
        """Its rows as one statement; none if it is empty."""
        schema, name = table.split(".")
        ((columns, literals),) = self.several(
            f"""
            SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position),
                   string_agg(
                       format('quote_nullable(%I::text)', column_name), ' || '', '' || ' ORDER BY ordinal_position
                   )
            FROM information_schema.columns
            WHERE table_schema = '{schema}' AND table_name = '{name}' AND is_generated = 'NEVER'
            """
        )[0]
        rows = ", ".join(f"({row})" for (row,) in self.several(f"SELECT {literals} FROM {table}")[0])
        return rows and f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES {rows}"


def _session(url: str) -> psycopg.Connection:
    engine = sa.create_engine(url)
    _, arguments = engine.dialect.create_connect_args(engine.url)
    return psycopg.connect(**arguments, options="-c timezone=UTC", autocommit=True)


def _every_table() -> list[str]:
    return [f"cutover.{table}" for table in TABLES] + [f"shop.{table}" for table in SHOP]


def _emptied() -> str:
    """The log and the ledger let only a superuser forget."""
    deletes = "; ".join(f"DELETE FROM {table}" for table in _every_table())
    return f"SET session_replication_role = replica; {deletes}; SET session_replication_role = origin"
