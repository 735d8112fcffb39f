"""The servers everything runs on: given by URL, or embedded and kept under one state directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from runtime import broker, database, processes, state
from runtime.errors import BrokerCannotWrite, DependencyUnreachable, ServersBusy
from runtime.locks import FileLock
from runtime.postgres import Postgres
from runtime.redaction import redacted_text, redacted_url
from runtime.settings import Settings
from runtime.valkey import Valkey

DATABASE = "cutover"
START_DEADLINE = 60.0
STOP_DEADLINE = 60.0
LOCK_PATIENCE = 120.0
FIRST_START_ROOM = 200 * state.MEGABYTE


@dataclass(frozen=True, kw_only=True)
class Servers:
    """How to reach both servers; the pid of one that is not embedded is None."""

    database_url: str
    redis_url: str
    postgres_pid: int | None = None
    valkey_pid: int | None = None


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """One embedded server: the pid is None when it does not run."""

    name: str
    pid: int | None
    answers: bool
    log: Path


@dataclass(frozen=True, kw_only=True)
class Status:
    """Both embedded servers of a state directory."""

    postgres: ServerStatus
    valkey: ServerStatus


def resolve(settings: Settings) -> Servers:
    """The servers the settings name; those they do not name are embedded, and started if need be."""
    if settings.database_url and settings.redis_url:
        return Servers(database_url=settings.database_url, redis_url=settings.redis_url)
    return _start(settings.state_dir, settings.database_url, settings.redis_url)


def start(state_dir: Path, *, deadline: float = START_DEADLINE, room: int = FIRST_START_ROOM) -> Servers:
    """Start what does not run and find what does; the servers outlive the process that started them.

    ``deadline`` is in seconds for each server. The first start is refused with less than ``room`` bytes free.
    """
    return _start(state_dir.absolute(), deadline=deadline, room=room)


def status(state_dir: Path) -> Status:
    """What runs at this moment; changes nothing."""
    postgres, valkey = _embedded(state_dir.absolute())
    return Status(postgres=_status(postgres), valkey=_status(valkey))


def stop(state_dir: Path, *, deadline: float = STOP_DEADLINE) -> tuple[str, ...]:
    """Shut both down, keeping their data; returns the names of those that ran."""
    state_dir = state_dir.absolute()
    if not state_dir.is_dir():
        return ()
    with _alone(state_dir):
        return tuple(server.name for server in _embedded(state_dir) if server.stop(deadline=deadline))


def check(database_url: str, redis_url: str | None, *, timeout: float = 5.0) -> None:
    """Raise DependencyUnreachable for the first of the two that does not answer within the time, in seconds.

    BrokerCannotWrite if it does, but has no room on its disk. Without `redis_url` only the database is asked.
    """
    _check_database(database_url, timeout)
    if redis_url is not None:
        _check_redis(redis_url, timeout)


def _start(
    state_dir: Path,
    database_url: str | None = None,
    redis_url: str | None = None,
    *,
    deadline: float = START_DEADLINE,
    room: int = FIRST_START_ROOM,
) -> Servers:
    if database_url is None and not (state_dir / "postgres").exists():
        # Asked before anything is written, so that a refusal leaves nothing behind.
        state.require_room(state_dir, room)
    with _alone(state_dir):
        sockets = state.prepare_sockets(state_dir)
        postgres_pid = valkey_pid = None
        if database_url is None:
            postgres = Postgres(state_dir=state_dir, sockets=sockets)
            postgres_pid = postgres.start(deadline=deadline)
            database_url = postgres.url(DATABASE)
            database.ensure_database(database_url, DATABASE)
        if redis_url is None:
            valkey = Valkey(state_dir=state_dir, sockets=sockets)
            valkey_pid = valkey.start(deadline=deadline)
            redis_url = valkey.url
    return Servers(database_url=database_url, redis_url=redis_url, postgres_pid=postgres_pid, valkey_pid=valkey_pid)


def _embedded(state_dir: Path) -> tuple[Postgres, Valkey]:
    sockets = state.sockets(state_dir)
    return Postgres(state_dir=state_dir, sockets=sockets), Valkey(state_dir=state_dir, sockets=sockets)


def _status(server: Postgres | Valkey) -> ServerStatus:
    pid = server.pid()
    return ServerStatus(name=server.name, pid=pid, answers=pid is not None and server.answers(), log=server.log)


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """One command at a time starts or stops the servers of a state directory; the others wait."""
    state.prepare(state_dir)
    with FileLock(state_dir / "servers.lock") as lock:
        with state.explained(state_dir):
            acquired = processes.wait_until(lock.acquire, LOCK_PATIENCE)
        if not acquired:
            raise ServersBusy(pid=lock.holder() or "unknown", path=state_dir, seconds=LOCK_PATIENCE)
        yield


def _check_database(url: str, timeout: float) -> None:
    target = sqlalchemy.make_url(url).update_query_dict({"connect_timeout": str(max(1, round(timeout)))})
    engine = database.create_engine(target.render_as_string(hide_password=False))
    try:
        with engine.connect():
            return
    except (SQLAlchemyError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig else error
        raise _unreachable("PostgreSQL", url, cause, "DATABASE_URL") from None
    finally:
        engine.dispose()


def _check_redis(url: str, timeout: float) -> None:
    try:
        with broker.connect(url, socket_timeout=timeout, retries=0) as client:
            client.ping()
    except redis.RedisError as error:
        if broker.cannot_write(error):
            raise BrokerCannotWrite(where=redacted_url(url), reason=_reason(error)) from None
        raise _unreachable("Redis", url, error, "REDIS_URL") from None


def _unreachable(dependency: str, url: str, cause: BaseException, variable: str) -> DependencyUnreachable:
    return DependencyUnreachable(
        dependency=dependency, where=redacted_url(url), reason=_reason(cause), variable=variable
    )


def _reason(cause: BaseException) -> str:
    """In one line, without libpq's hints, which it indents."""
    said = " ".join(line for line in str(cause).splitlines() if not line.startswith("\t"))
    return " ".join(redacted_text(said).split()).rstrip(".") or type(cause).__name__
