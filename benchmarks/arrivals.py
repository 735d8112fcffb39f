"""Orders at a steady rate, placed by processes of their own, and when each has reached its user's list."""

import multiprocessing
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.ordering import SHOPS, Placed, place_orders
from console.playground import Playground
from runtime.memory import freeze

LOOK_EVERY = 0.004
QUIET = 0.05
PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """How many orders were placed within how many seconds, and how long after its commit each of them arrived.

    `lag_growth` is how many orders a second the number under way grew by, the first quarter left out.
    """

    placed: int
    seconds: float
    milliseconds: Sequence[float]
    lag_growth: float


def arrivals(playground: Playground, rate: int, seconds: float) -> Arrivals:
    """Place `rate` orders a second for so many seconds, and watch until the last one has arrived."""
    spawn = multiprocessing.get_context("spawn")
    ready, go = spawn.Barrier(SHOPS + 1), spawn.Event()
    told: multiprocessing.Queue[list[Placed]] = spawn.Queue()
    url = playground.engine.url.render_as_string(hide_password=False)
    count = round(rate * seconds)
    shops = [
        spawn.Process(target=place_orders, args=(url, rate, range(first, count, SHOPS), ready, go, told), daemon=True)
        for first in range(SHOPS)
    ]
    for shop in shops:
        shop.start()
    ready.wait(PATIENCE)
    with playground.engine.connect() as connection:
        end = (connection.scalar(_HEAD) or 0) + count
    freeze()
    go.set()
    passed = _watch(playground, end)
    placed = [each for _ in shops for each in told.get(timeout=PATIENCE)]
    for shop in shops:
        shop.join(PATIENCE)
    return _compared(placed, passed, _places(playground, end - count))


Passed = list[tuple[float, dict[int, int]]]
"""The times at which a checkpoint was seen to have moved, and all checkpoints then, by partition."""


def _watch(playground: Playground, end: int) -> Passed:
    """Note every move of a checkpoint until all events up to position `end` are folded."""
    passed: Passed = [(time.monotonic(), {})]
    deadline = time.monotonic() + PATIENCE
    with playground.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        folded = False
        while not folded:
            quiet = time.monotonic() > passed[-1][0] + QUIET
            # Asked before the last look at the checkpoints, so that no move escapes it.
            folded = quiet and bool(connection.scalar(_FOLDED, {"end": end}))
            found = {row.partition: row.position for row in connection.execute(_CHECKPOINTS)}
            if found != passed[-1][1]:
                passed.append((time.monotonic(), found))
            if time.monotonic() > deadline:
                raise SystemExit(f"the orders did not arrive within {PATIENCE:.0f} s")
            time.sleep(LOOK_EVERY)
    return passed


def _places(playground: Playground, after: int) -> Mapping[str, tuple[int, int]]:
    """Partition and position of every order behind a position, by order id."""
    with playground.engine.connect() as connection:
        return {row.order_id: (row.partition, row.position) for row in connection.execute(_PLACES, {"after": after})}


def _compared(placed: Sequence[Placed], passed: Passed, places: Mapping[str, tuple[int, int]]) -> Arrivals:
    committed, arrived = [], []
    moments = [moment for moment, _ in passed]
    for order_id, at in placed:
        if order_id not in places:
            continue
        partition, position = places[order_id]
        seen = bisect_left(passed, position, key=lambda each: each[1].get(partition, 0))
        if seen < len(passed):
            committed.append(at)
            arrived.append(moments[seen])
    times = sorted(at for _, at in placed)
    return Arrivals(
        placed=len(placed),
        seconds=times[-1] - times[0] if len(times) > 1 else 1.0,
        milliseconds=[1000 * (there - here) for here, there in zip(committed, arrived, strict=True)],
        lag_growth=_growth(np.sort(committed), np.sort(arrived)),
    )


def _growth(committed: NDArray[np.float64], arrived: NDArray[np.float64]) -> float:
    """By how many orders a second the number under way grows, a line fitted through it; the first quarter left out."""
    first = committed[0] + (committed[-1] - committed[0]) / 4
    at = np.linspace(first, committed[-1], 100)
    under_way = np.searchsorted(committed, at) - np.searchsorted(arrived, at)
    return round(float(np.polyfit(at - first, under_way, 1)[0]), 2)


_HEAD = sa.text("SELECT max(position) FROM cutover.events")

_CHECKPOINTS = sa.text("""
    SELECT partition, position FROM cutover.checkpoints WHERE subscription = 'recommendations'
""")

_FOLDED = sa.text("""
    SELECT (SELECT coalesce(max(position), 0) FROM cutover.events) >= :end AND NOT EXISTS (
        SELECT FROM cutover.checkpoints c JOIN cutover.events e USING (partition)
        WHERE c.subscription = 'recommendations' AND e.position > c.position
    )
""")

_PLACES = sa.text("""
    SELECT data ->> 'order_id' AS order_id, partition, position FROM cutover.events
    WHERE position > :after AND type = 'OrderPlaced'
""")
