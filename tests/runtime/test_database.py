"""Engines, COPY and databases by name, against the embedded server."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import psycopg
import pytest
import sqlalchemy
from psycopg.types.json import Jsonb
from sqlalchemy import text

from runtime import database
from runtime.servers import Servers

AT = datetime(2026, 11, 16, 9, 0, 0, 123456, tzinfo=UTC)
ROWS: list[tuple[object, ...]] = [
    (1, None, None, None, None),
    (2, "", b"", AT, Jsonb({})),
    (3, "tab\there, line\nthere, back\\slash, \\N, \r, \\.", b"\x00\xff\\\n", AT, Jsonb({"a": ["\n", None]})),
    (4, "žluťoučký 🐎 “quoted”", "🐎".encode(), datetime(1969, 12, 31, tzinfo=UTC), Jsonb("x\\n")),
]
COLUMNS = ("id", "Text Value", "data", "at", "document")


@pytest.fixture
def connection(engine: sqlalchemy.Engine) -> Iterator[sqlalchemy.Connection]:
    with engine.begin() as setup:
        setup.execute(text('CREATE SCHEMA "Odd Schema"'))
        setup.execute(
            text(
                'CREATE TABLE "Odd Schema"."order" '
                '(id int, "Text Value" text, data bytea, at timestamptz, document jsonb)'
            )
        )
    with engine.connect() as connection:
        yield connection
    with engine.begin() as cleanup:
        cleanup.execute(text('DROP SCHEMA "Odd Schema" CASCADE'))


def stored(connection: sqlalchemy.Connection) -> Sequence[sqlalchemy.Row[tuple[object, ...]]]:
    return connection.execute(text('SELECT * FROM "Odd Schema"."order" ORDER BY id')).all()


def test_copied_rows_come_back_as_they_were(connection: sqlalchemy.Connection) -> None:
    assert database.copy_rows(connection, "Odd Schema.order", COLUMNS, ROWS) == 4
    expected = [tuple(value.obj if isinstance(value, Jsonb) else value for value in row) for row in ROWS]
    assert [tuple(row) for row in stored(connection)] == expected


def test_copying_no_rows_is_fine(connection: sqlalchemy.Connection) -> None:
    assert database.copy_rows(connection, "Odd Schema.order", ("id",), iter(())) == 0


def test_copied_rows_are_committed_with_the_connection(
    connection: sqlalchemy.Connection, engine: sqlalchemy.Engine
) -> None:
    database.copy_rows(connection, "Odd Schema.order", ("id",), [(1,)])
    with engine.connect() as other:
        assert stored(other) == []
    connection.commit()
    with engine.connect() as other:
        assert len(stored(other)) == 1


def test_copied_rows_are_rolled_back_with_the_connection(connection: sqlalchemy.Connection) -> None:
    database.copy_rows(connection, "Odd Schema.order", ("id",), [(1,)])
    connection.rollback()
    assert stored(connection) == []


def test_copying_takes_part_in_a_transaction_that_has_begun(engine: sqlalchemy.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE numbers (n int) ON COMMIT DROP"))
        assert database.copy_rows(connection, "numbers", ("n",), ((n,) for n in range(1000))) == 1000
        assert connection.scalar(text("SELECT sum(n) FROM numbers")) == 499500


def test_a_bad_value_leaves_nothing_behind(connection: sqlalchemy.Connection) -> None:
    with pytest.raises(psycopg.DataError):
        database.copy_rows(connection, "Odd Schema.order", ("id",), [(1,), ("no number",)])
    connection.rollback()
    assert stored(connection) == []


def test_every_connection_speaks_utc_and_says_who_it_is(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW timezone")) == "UTC"
        assert connection.scalar(text("SHOW application_name")) == "cutover"
        assert connection.scalar(text("SELECT current_date")) == date.fromisoformat(
            str(connection.scalar(text("SELECT (now() AT TIME ZONE 'UTC')::date::text")))
        )


@pytest.mark.parametrize("trusted", [0.0, 3600.0])
def test_a_connection_that_died_at_rest_is_not_lent(
    engine: sqlalchemy.Engine, shared_servers: Servers, monkeypatch: pytest.MonkeyPatch, trusted: float
) -> None:
    monkeypatch.setattr(database, "TRUSTED", trusted)
    killer = database.create_engine(shared_servers.database_url)
    with engine.connect() as connection:
        rested = connection.scalar(text("SELECT pg_backend_pid()"))
    with killer.connect() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": rested})
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != rested
    killer.dispose()


def test_the_url_may_say_otherwise(shared_servers: Servers) -> None:
    url = f"{shared_servers.database_url}&application_name=batch&options=-c%20work_mem%3D1MB"
    engine = database.create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW application_name")) == "batch"
        assert connection.scalar(text("SHOW work_mem")) == "1MB"
        assert connection.scalar(text("SHOW timezone")) == "UTC"
    engine.dispose()


def test_a_database_is_made_once_and_dropped_with_its_sessions(shared_servers: Servers) -> None:
    url = shared_servers.database_url
    name = 'odd "name"'
    database.ensure_database(url, name)
    database.ensure_database(url, name)
    engine = database.create_engine(database.database_url(url, name))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_database()")) == name
        database.drop_database(url, name)
        connection.invalidate()
    database.drop_database(url, name)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="does not exist"):
        engine.connect()
    engine.dispose()


def test_only_the_database_is_swapped_in_a_url() -> None:
    swapped = database.database_url("postgresql+psycopg://shop:pw@db:5433/shop?sslmode=require", "other")
    assert swapped == "postgresql+psycopg://shop:pw@db:5433/other?sslmode=require"
