"""PostgreSQL: engines, bulk loading by COPY, and databases made and dropped by name."""

import select
import time
from collections.abc import Iterable, Sequence

import psycopg
import sqlalchemy
from psycopg import sql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

DRIVER = "postgresql+psycopg"
TRUSTED = 1.0
"""For so many seconds a connection that was given back counts as alive."""
SCHEMES = ("postgresql", "postgres", DRIVER)

_CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # No probe is sent while something that was sent is not acknowledged, such as a query to a host that has vanished.
    "tcp_user_timeout": "60000",
    "application_name": "cutover",
}


# The server, too, has to notice a machine that is gone: until then it keeps its locks.
_SERVER_KEEPALIVES = (
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
)


def create_engine(url: str) -> sqlalchemy.Engine:
    """An engine whose connections speak UTC, notice a dead server, and are tested before they are lent after a rest.

    What the URL's query says (``?application_name=…``) goes before the defaults.
    """
    target = sqlalchemy.make_url(url)
    engine = sqlalchemy.create_engine(target, connect_args=_connect_args(target))
    _test_rested(engine)
    return engine


def copy_rows(
    connection: sqlalchemy.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> int:
    """Load rows by COPY within the connection's transaction, beginning one if there is none; returns how many.

    ``table`` may be ``schema.name``. Values are adapted by psycopg: wrap JSON in ``psycopg.types.json.Jsonb``.
    Raises psycopg.Error as the driver does; the transaction is then to be rolled back.
    """
    if not connection.in_transaction():
        # The driver would begin by itself, but SQLAlchemy would not know that there is something to commit.
        connection.begin()
    count = 0
    with _driver(connection).cursor() as cursor, cursor.copy(_copy_statement(table, columns)) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def database_url(server_url: str, name: str) -> str:
    """The same server, another database."""
    return sqlalchemy.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def ensure_database(server_url: str, name: str) -> None:
    """Create the database if the server does not have it; another process may be doing the same."""
    exists = sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(sql.Literal(name))
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    with _administration(server_url) as connection:
        if connection.execute(exists).fetchone() is None:
            try:
                connection.execute(create)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return


def drop_database(server_url: str, name: str) -> None:
    """Drop the database if it is there, ending the sessions in it."""
    with _administration(server_url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _test_rested(engine: sqlalchemy.Engine) -> None:
    """Test a connection before it is lent, unless it was given back a moment ago and the server has said nothing since.

    A server that ends says so, or its end of the line is closed: either can be seen without asking. SQLAlchemy's own
    test (``pool_pre_ping``) asks, a round trip for every loan, which is a tenth of what a busy worker does.
    """

    @sqlalchemy.event.listens_for(engine, "checkin")
    def given_back(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["given_back"] = time.monotonic()

    @sqlalchemy.event.listens_for(engine, "checkout")
    def lent(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        rested = time.monotonic() - record.info.get("given_back", time.monotonic())
        try:
            if rested >= TRUSTED or _has_news(connection):
                engine.dialect.do_ping(connection)
        except psycopg.Error as problem:
            raise sqlalchemy.exc.DisconnectionError from problem


def _has_news(connection: DBAPIConnection) -> bool:
    """Whether the server has said anything since it was last asked; raises psycopg.Error on a closed connection."""
    line = select.poll()
    line.register(connection.fileno(), select.POLLIN)
    return bool(line.poll(0))


def _connect_args(target: sqlalchemy.URL) -> dict[str, str]:
    given = {key: value for key, value in target.query.items() if isinstance(value, str)}
    options = f"{given.get('options', '')} -c timezone=UTC {_SERVER_KEEPALIVES}".strip()
    return {key: value for key, value in _CONNECTION_DEFAULTS.items() if key not in given} | {"options": options}


def _driver(connection: sqlalchemy.Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"COPY needs a psycopg connection, got {type(driver).__name__}")
    return driver


def _copy_statement(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _administration(server_url: str) -> psycopg.Connection:
    """A session outside transactions, in the database every server has."""
    target = sqlalchemy.make_url(server_url).set(database="postgres")
    engine = sqlalchemy.create_engine(target, poolclass=NullPool)
    _, arguments = engine.dialect.create_connect_args(target)
    return psycopg.connect(**{**arguments, **_connect_args(target)}, autocommit=True)
