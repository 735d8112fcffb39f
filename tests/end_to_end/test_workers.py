"""Real relay and worker processes, disturbed in mid-work: nothing is lost, nothing is done twice."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.playground import Playground
from runtime.servers import Servers
from sandbox.shop.shop import perform
from tests import batch
from tests.end_to_end.conftest import MONDAY, RUN, order, small_shop

LONG_AGO = MONDAY - timedelta(days=1)


@pytest.fixture(scope="module")
def playground(running: Servers, state_dir: Path) -> Iterator[Playground]:
    with Playground(running, state_dir, 4, name="workers", workers=2) as started:
        for action in small_shop():
            happen(started, action)
        yield started


def happen(playground: Playground, *actions: object) -> None:
    for action in actions:
        with playground.engine.begin() as connection:
            perform(connection, action)  # type: ignore[arg-type]


def orders(first: int, last: int) -> list[object]:
    return [
        order(f"x{number}", f"u{number % 6}", f"p{number % 10}", f"p{number * 7 % 10}", days=1 + number % 50)
        for number in range(first, last)
    ]


def kill(playground: Playground, name: str) -> None:
    """SIGKILL the process of this name and everything it forked, then let the supervisor look."""
    child = next(child for child in playground.processes.children if child.name == name)
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    assert playground.processes.revive() == [name]


def test_I5_forgetting_everything_redis_holds_costs_no_fact(playground: Playground) -> None:
    for start in range(0, 30, 5):
        happen(playground, *orders(start, start + 5))
        playground.system.redis.flushall()
    playground.settle()
    with playground.engine.connect() as connection:
        folded = connection.scalar(sa.text("SELECT count(DISTINCT order_id) FROM cutover.purchases"))
    assert folded == 34


@batch.only_before
def test_I1_killing_workers_and_relay_in_mid_work_changes_nothing_but_latency(playground: Playground) -> None:
    happen(playground, *orders(30, 50))
    kill(playground, "worker")
    happen(playground, *orders(50, 60))
    kill(playground, "relay")
    happen(playground, *orders(60, 70))
    playground.legacy(RUN)
    kill(playground, "worker")
    playground.event_driven(RUN)
    totals = playground.reconcile(RUN)
    assert (totals.pairs, totals.match) == (6, 6)
