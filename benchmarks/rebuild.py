"""Rebuilding all that is nothing but a fold of the log: `cutover rebuild`, at full size.

    python -m benchmarks.rebuild --json

Counted from the moment the tables are emptied until the last list is written, starting of the processes included. What
was held before and what is held after must be the same, bit for bit.
"""

import argparse
import sys
import time
from dataclasses import dataclass

import sqlalchemy as sa

from benchmarks.shop import MONDAY
from console.connected import reachable
from console.playground import Playground
from console.rebuilding import rebuild
from console.screen import print_json, print_table, say
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.shop.synthetic import synthetic_history

WANTED = 30_000
Figures = dict[str, float | int]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the shop is: 15 order lines a user."""

    users: int = 100_000
    products: int = 5_000
    workers: int = 2


SMALL = Size(users=100, products=30, workers=1)


def main() -> int:
    """Run it; exit code 1 when it is not fast enough."""
    arguments = parser().parse_args()
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        playground = Playground(
            reachable(settings), settings.state_dir, settings.partitions, name="benchmark", workers=2
        )
        figures = measure(playground, SMALL if arguments.small else Size())
    if arguments.json:
        print_json(figures)
    else:
        print_table("Rebuilding", ["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    return 0 if arguments.small or figures["events_per_second"] >= WANTED else 1


def measure(playground: Playground, size: Size) -> Figures:
    """Events a second, and how many lists differ from those held before (0)."""
    with playground:
        say("filling the shop, and folding it for the first time ...")
        history = synthetic_history(
            users=size.users, products=size.products, order_lines=15 * size.users, until=MONDAY, seed=7
        )
        playground.load(history, lambda _: None)
        playground.backfill(lambda _: None)
        playground.settle()
        playground.processes.stop()
        with playground.engine.begin() as connection:
            connection.execute(_KEEP)
        say("rebuilding ...")
        began = time.perf_counter()
        events = rebuild(playground.system, size.workers)
        seconds = time.perf_counter() - began
        with playground.engine.connect() as connection:
            differing, lists = connection.scalar(_DIFFERING), connection.scalar(_LISTS)
    if differing:
        raise SystemExit(f"{differing:,} lists are not what they were")
    return {
        "events_per_second": round(events / seconds),
        "events": events,
        "seconds": round(seconds, 2),
        "lists": lists or 0,
        "differing": differing or 0,
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.rebuild", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--small", action="store_true", help="so small that the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


_KEEP = sa.text("CREATE TABLE public.held AS SELECT * FROM cutover.recommendations")

_LISTS = sa.text("SELECT count(*) FROM cutover.recommendations")

_DIFFERING = sa.text("""
    SELECT count(*) FROM public.held FULL JOIN cutover.recommendations AS now USING (user_id)
    WHERE (held.product_ids, held.scores, held.direction) IS DISTINCT FROM
          (now.product_ids, now.scores, now.direction)
""")

if __name__ == "__main__":
    sys.exit(main())
