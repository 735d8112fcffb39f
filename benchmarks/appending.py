"""Appending events singly and in bulk, and reading them, against the `eventsourcing` library on the same PostgreSQL.

    python -m benchmarks.appending --json

Both begin with the same orders as objects, made ready before the clock starts, and encode, check and append them by
their own calls, from as many threads of one process, each with a connection of its own. An append is over when its
transaction is committed. Ours lies in the outbox then, and nothing can lose it; `..._logged_...` is when a process of
its own, which sequences meanwhile as the relay does, has given the last one its position. Reading ends with objects,
too.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import sqlalchemy as sa

from benchmarks.peers import eventsourcing_log
from benchmarks.scratch import scratch_database
from benchmarks.sequencing import sequencing
from console.screen import print_json, print_table, say
from events import Line, OrderId, OrderPlaced, ProductId, UserId, emit, emit_many, head, read
from runtime import servers
from runtime.instance import claim
from runtime.settings import Settings

CLIENTS = 4
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
PARTITIONS = 16
PATIENCE = 300.0
PAGE = 5_000
WANTED = {"single_ratio": 2.0, "bulk_ratio": 3.0}
Figures = dict[str, float | int]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is appended in each of `rounds`: so many events singly, so many in bulk, `batch` of them at a time."""

    single: int = 4_000
    bulk: int = 100_000
    batch: int = 500
    rounds: int = 3


SMALL = Size(single=40, bulk=400, batch=50, rounds=1)


def main() -> int:
    """Run it; exit code 1 when a ratio is not what is required."""
    arguments = parser().parse_args()
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        figures = measure(servers.resolve(settings).database_url, SMALL if arguments.small else Size())
    if arguments.json:
        print_json(figures)
    else:
        print_table("Appending", ["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    return 0 if arguments.small or all(figures[name] >= wanted for name, wanted in WANTED.items()) else 1


def measure(server_url: str, size: Size) -> Figures:
    """All figures: events a second, medians of all rounds, and ratios to the peer's."""
    rounds: list[Figures] = []
    for number in range(size.rounds):
        say(f"round {number + 1} of {size.rounds} ...")
        with scratch_database(server_url, "cutover_benchmark_peer") as engine:
            theirs = _theirs(engine.url, size)
        with scratch_database(server_url, "cutover_benchmark_log") as engine, sequencing(engine.url, PARTITIONS):
            rounds.append({**_ours(engine, size), **theirs})
    figures: Figures = {name: round(median(each[name] for each in rounds)) for name in rounds[0]}
    ratios: Figures = {
        "single_ratio": figures["single_per_second"] / figures["eventsourcing_single_per_second"],
        "single_logged_ratio": figures["single_logged_per_second"] / figures["eventsourcing_single_per_second"],
        "bulk_ratio": figures["bulk_per_second"] / figures["eventsourcing_bulk_per_second"],
        "bulk_logged_ratio": figures["bulk_logged_per_second"] / figures["eventsourcing_bulk_per_second"],
        "read_ratio": figures["read_per_second"] / figures["eventsourcing_read_per_second"],
    }
    return {**{name: round(value, 2) for name, value in ratios.items()}, **figures, "clients": CLIENTS}


def _ours(engine: sa.Engine, size: Size) -> Figures:
    orders = [event(number) for number in range(size.single + size.bulk)]

    def one(numbers: range) -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for number in numbers:
                emit(connection, orders[number])

    def many(numbers: range) -> None:
        with engine.connect() as connection:
            for batch in _batches(numbers, size.batch):
                with connection.begin():
                    emit_many(connection, [orders[number] for number in batch])

    single = _appended(range(size.single), one, lambda: _logged(engine, size.single))
    bulk = _appended(range(size.single, len(orders)), many, lambda: _logged(engine, len(orders)))
    return {
        "single_per_second": single[0],
        "single_logged_per_second": single[1],
        "bulk_per_second": bulk[0],
        "bulk_logged_per_second": bulk[1],
        "read_per_second": _rate(len(orders), lambda: _read(engine, len(orders))),
        "events": len(orders),
    }


def _theirs(url: sa.URL, size: Size) -> Figures:
    orders = [eventsourcing_log.placed(number, event(number)) for number in range(size.single + size.bulk)]
    with eventsourcing_log.log(url, CLIENTS) as log:

        def append(numbers: range, batch: int) -> None:
            for each in _batches(numbers, batch):
                log.append([orders[number] for number in each])

        single = _appended(range(size.single), lambda numbers: append(numbers, 1))
        bulk = _appended(range(size.single, len(orders)), lambda numbers: append(numbers, size.batch))

        def read_back() -> None:
            found = log.read_all(PAGE)
            if found != len(orders):
                raise SystemExit(f"the peer holds {found:,} events; expected {len(orders):,}")

        return {
            "eventsourcing_single_per_second": single[0],
            "eventsourcing_bulk_per_second": bulk[0],
            "eventsourcing_read_per_second": _rate(len(orders), read_back),
        }


def event(number: int) -> OrderPlaced:
    """An order of three lines."""
    lines = tuple(Line(ProductId(f"product-{number * step % 5000}"), 1 + step % 2) for step in (1, 3, 7))
    return OrderPlaced(
        user_id=UserId(f"user-{number % 100_000}"), order_id=OrderId(f"order-{number}"), occurred_at=AT, lines=lines
    )


def _appended(
    numbers: range, append: Callable[[range], None], logged: Callable[[], None] = lambda: None
) -> tuple[float, float]:
    """Events a second until all are committed, and until all are logged."""
    shares = [numbers[first::CLIENTS] for first in range(CLIENTS)]
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(append, shares))
    committed = time.perf_counter() - began
    logged()
    return len(numbers) / committed, len(numbers) / (time.perf_counter() - began)


def _batches(numbers: range, size: int) -> Sequence[range]:
    return [numbers[first : first + size] for first in range(0, len(numbers), size)]


def _rate(count: int, work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _logged(engine: sa.Engine, upto: int) -> None:
    """Return when the log holds as many events."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if head(connection) >= upto:
                return
        time.sleep(0.002)
    raise SystemExit(f"{upto:,} events were not sequenced within {PATIENCE:.0f} s")


def _read(engine: sa.Engine, upto: int) -> None:
    """Read the whole log as its subscriptions do; what comes back has to be all there is, in order."""
    after = 0
    with engine.connect() as connection:
        while after < upto:
            page = read(connection, types=["OrderPlaced"], partition=None, after=after, upto=upto, limit=PAGE)
            if [each.position for each in page] != list(range(after + 1, after + 1 + len(page))) or not page:
                raise SystemExit(f"the log is not whole behind position {after}")
            after = page[-1].position


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.appending", description=(__doc__ or "").splitlines()[0]
    )
    options.add_argument("--small", action="store_true", help="so few events that the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
