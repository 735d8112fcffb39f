"""Blows at the servers: PostgreSQL and Valkey killed, frozen, restarted, cut off, and Valkey emptied."""

import signal
from collections.abc import Iterator

from tests.chaos.blow import Blow, Missed, Occasion
from tests.chaos.signals import children, send, stopped, there


def blows_at_servers() -> Iterator[Blow]:
    """At both."""
    yield from _on_database()
    yield from _on_broker()


def _on_database() -> Iterator[Blow]:
    for kind, strike in (
        ("killed", _database_killed),
        ("paused", _database_paused),
        ("restarted", _database_restarted),
        ("cut off", _sessions_ended),
        ("session killed", _session_killed),
    ):
        yield Blow(target="PostgreSQL", kind=kind, sign="orders", strike=strike)


def _on_broker() -> Iterator[Blow]:
    for kind, strike in (
        ("killed", _broker_killed),
        ("paused", _broker_paused),
        ("restarted", _broker_restarted),
        ("cut off", _clients_ended),
        ("emptied", _broker_emptied),
    ):
        yield Blow(target="Valkey", kind=kind, sign="orders", strike=strike)


def _database_killed(at: Occasion) -> None:
    """The postmaster alone: what it forked finds out by itself, or is ended before the next start."""
    postgres = at.arena.postgres
    send([there(postgres.pid())], signal.SIGKILL)
    at.over.wait(at.random.uniform(0.0, 2.0))
    postgres.start(deadline=60)


def _database_paused(at: Occasion) -> None:
    pid = there(at.arena.postgres.pid())
    with stopped([pid, *children(pid)]):
        at.wait()


def _database_restarted(at: Occasion) -> None:
    at.arena.postgres.stop(deadline=60)
    at.over.wait(at.random.uniform(0.0, 2.0))
    at.arena.postgres.start(deadline=60)


def _sessions_ended(at: Occasion) -> None:
    statement = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    at.arena.shop.rows(statement)


def _session_killed(at: Occasion) -> None:
    """By SIGKILL: the postmaster then ends all the others and recovers from its log."""
    found = at.arena.shop.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid"
    )
    if not found:
        raise Missed
    send([at.random.choice(found).pid], signal.SIGKILL)


def _broker_killed(at: Occasion) -> None:
    send([there(at.arena.valkey.pid())], signal.SIGKILL)
    at.over.wait(at.random.uniform(0.0, 2.0))
    at.arena.valkey.start(deadline=60)


def _broker_paused(at: Occasion) -> None:
    with stopped([there(at.arena.valkey.pid())]):
        at.wait()


def _broker_restarted(at: Occasion) -> None:
    at.arena.valkey.stop(deadline=60)
    at.over.wait(at.random.uniform(0.0, 2.0))
    at.arena.valkey.start(deadline=60)


def _clients_ended(at: Occasion) -> None:
    at.arena.playground.system.redis.client_kill_filter(_type="normal", skipme=True)


def _broker_emptied(at: Occasion) -> None:
    at.arena.playground.system.redis.flushall()
