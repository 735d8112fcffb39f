"""From the commit of an order to its user's refreshed list, at several rates, against a bare Celery round trip.

    python -m benchmarks.latency --json

Orders are placed in the shop's own transactions, each of which emits its event: outbox, relay, Celery worker, list. An
order counts as arrived when its partition's checkpoint has passed it, which commits together with the list. At 1,000 a
second the lag is looked at all the while: it is sustained if nothing piles up from the middle of the run to its end.
The bare task does nothing, at 100 a second, on the same broker, with as many worker processes, in the same run.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from benchmarks.arrivals import Arrivals, arrivals
from benchmarks.round_trips import round_trips
from benchmarks.shop import MONDAY
from console.connected import reachable
from console.playground import Playground
from console.screen import print_json, print_table, say
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.shop.synthetic import synthetic_history

WORKERS = 2
Figures = dict[str, float | int]


@dataclass(frozen=True, kw_only=True)
class Load:
    """How large the shop is, which rates (orders a second) are tried for how long, and how many bare round trips."""

    users: int = 10_000
    rates: Sequence[int] = (10, 100, 1_000)
    seconds: float = 20.0
    round_trips: int = 2_000
    round_trip_rate: int = 100


SMALL = Load(users=60, rates=(20,), seconds=0.5, round_trips=10)


def main() -> int:
    """Run it; exit code 1 when a figure is not what is required."""
    arguments = parser().parse_args()
    settings = Settings()
    load = SMALL if arguments.small else Load()
    with claim(settings.state_dir, "benchmark"):
        playground = Playground(
            reachable(settings), settings.state_dir, settings.partitions, name="benchmark", workers=WORKERS
        )
        figures = measure(playground, load)
    if arguments.json:
        print_json(figures)
    else:
        print_table("Latency", ["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    return 0 if arguments.small or good(figures) else 1


def good(figures: Figures) -> bool:
    """Whether all is as required."""
    return bool(figures["p99_100_ms"] < 200 and figures["p99_100_ratio"] <= 10 and figures["lag_growth_1000"] <= 10)


def measure(playground: Playground, load: Load) -> Figures:
    """All figures: milliseconds by rate, ratios to the bare round trip's, orders lost (0)."""
    figures: Figures = {}
    with playground:
        say("filling the shop ...")
        playground.load(
            synthetic_history(
                users=load.users,
                products=max(20, load.users // 10),
                order_lines=10 * load.users,
                until=MONDAY,
                seed=7,
            ),
            lambda _: None,
        )
        playground.backfill(lambda _: None)
        playground.settle()
        # Else PostgreSQL does it by itself, a minute after so much was loaded, while something is being measured.
        with playground.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))
        say(f"{load.round_trips:,} bare round trips ...")
        bare = round_trips(playground, load.round_trips, load.round_trip_rate, WORKERS)
        figures |= {"round_trip_p50_ms": _percentile(bare, 50), "round_trip_p99_ms": _percentile(bare, 99)}
        for rate in load.rates:
            say(f"{rate:,} orders a second for {load.seconds:g} s ...")
            figures |= _told(rate, arrivals(playground, rate, load.seconds), figures)
    return figures


def _told(rate: int, found: Arrivals, bare: Figures) -> Figures:
    p50, p99 = _percentile(found.milliseconds, 50), _percentile(found.milliseconds, 99)
    return {
        f"p50_{rate}_ms": p50,
        f"p99_{rate}_ms": p99,
        f"p50_{rate}_ratio": round(p50 / bare["round_trip_p50_ms"], 2),
        f"p99_{rate}_ratio": round(p99 / bare["round_trip_p99_ms"], 2),
        f"orders_per_second_{rate}": round(found.placed / found.seconds, 1),
        f"orders_{rate}": found.placed,
        f"lost_{rate}": found.placed - len(found.milliseconds),
        f"lag_growth_{rate}": found.lag_growth,
    }


def _percentile(milliseconds: Sequence[float], which: float) -> float:
    return round(float(np.percentile(milliseconds, which)), 2)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--small", action="store_true", help="so few orders that the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


if __name__ == "__main__":
    sys.exit(main())
