"""A full disk of the state directory: refused before anything is written, or rolled back, and never a fact lost."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from console.failures import Exit
from runtime import broker, servers
from runtime import database as databases
from sandbox.shop.bulk import load
from sandbox.shop.schema import create_tables
from sandbox.shop.synthetic import synthetic_history
from tests.console.commands import cutover
from tests.deadline import wait_until

AT = "2026-11-20T10:00:00Z"


@pytest.mark.parametrize("small_disk", [64], indirect=True)
def test_a_first_start_on_a_disk_that_is_too_small_writes_nothing(small_disk: Path) -> None:
    answer = cutover("status", env={"CUTOVER_STATE_DIR": str(small_disk / "state")})
    assert answer.code == Exit.UNREACHABLE, answer
    assert f"Not enough room in {small_disk}/state: 64 MB are free, and 200 MB are needed" in answer.told
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("small_disk", [300], indirect=True)
def test_a_disk_that_fills_up_costs_the_command_and_nothing_else(small_disk: Path) -> None:
    state = small_disk / "state"
    env = {"CUTOVER_STATE_DIR": str(state)}
    small = ["emit", "UserRegistered", "--data", json.dumps({"user_id": "u1", "occurred_at": AT})]
    assert cutover(*small, env=env).code == Exit.GOOD
    found = servers.start(state)
    engine = databases.create_engine(found.database_url)
    with engine.begin() as connection:
        create_tables(connection)
        until = datetime(2026, 11, 16, tzinfo=UTC)
        load(connection, synthetic_history(users=300, products=100, order_lines=6000, until=until, seed=1))
    ballast = fill(small_disk)

    large = cutover("emit", "OrderPlaced", "--data", "-", env=env, stdin=large_order())
    assert large.code == Exit.UNREACHABLE, large
    assert "PostgreSQL's disk is full" in large.told
    bulk = cutover("backfill", env=env)
    assert bulk.code == Exit.UNREACHABLE, bulk
    assert "PostgreSQL's disk is full" in bulk.told
    assert "free some space and run the command again" in bulk.told
    assert outbox(engine) == 1, "the small event, and nothing of what failed"

    fill_broker(found.redis_url)
    status = cutover("status", env=env, seconds=30)
    assert status.code == Exit.UNREACHABLE, status
    assert "Redis at unix://" in status.told
    assert "cannot write to its disk" in status.told

    ballast.unlink()
    wait_until(lambda: writes(found.redis_url), what="Valkey writing again")
    assert cutover("emit", "OrderPlaced", "--data", "-", env=env, stdin=large_order()).code == Exit.GOOD
    again = cutover("backfill", "--json", env=env)
    assert again.code == Exit.GOOD, again
    assert outbox(engine) == 2 + json.loads(again.stdout)["events"]
    engine.dispose()


def fill(disk: Path) -> Path:
    """A file that leaves nothing free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            return ballast


def large_order() -> bytes:
    lines = [{"product_id": f"product-{number * 7919:0150d}", "quantity": 1 + number} for number in range(10_000)]
    return json.dumps({"order_id": "large", "user_id": "u1", "occurred_at": AT, "lines": lines}).encode()


def outbox(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM cutover.outbox")) or 0


def fill_broker(url: str) -> None:
    """Write until it refuses."""
    wait_until(lambda: not writes(url), what="Valkey noticing the full disk")


def writes(url: str) -> bool:
    with broker.connect(url, retries=0) as client:
        try:
            return bool(client.set("ballast", bytes(1 << 16)))
        except redis.ResponseError:
            return False
