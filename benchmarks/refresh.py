"""One product changes among all users, and a share of the catalogue, against recomputing everybody.

    python -m benchmarks.refresh --json

A change is made in the shop, sequenced, and folded by every partition, one after the other in this process;
recomputing everybody is the same code for the same partitions, in this process too, handed every user. A changed name
is the dearest change: it concerns whoever bought the product, lists it, or would list it now. One product's figure is
the median over several products, with the worst beside it. The lists must be the same, whichever way they came about.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import sqlalchemy as sa

from benchmarks.scratch import scratch_database
from benchmarks.shop import MONDAY
from console.screen import print_json, print_table, say
from console.weekly_job import weekly_gate
from console.wiring import all_subscriptions
from events import Subscriptions, advance_to_end, fix_partitions, head, open_checkpoints, sequence_all
from handlers.recommendations import RecommendationsReaction
from runtime import servers
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.shop.backfill import backfill
from sandbox.shop.bulk import load
from sandbox.shop.catalogue import change_product
from sandbox.shop.schema import create_tables
from sandbox.shop.synthetic import synthetic_history

PARTITIONS = 16
WANTED = 50.0
FOLDED = ("catalogue", "recommendations")
Figures = dict[str, float | int]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the shop is, how many products change one by one, and which share of them at once."""

    users: int = 100_000
    products: int = 5_000
    changes: int = 9
    share: float = 0.05
    rounds: int = 3


SMALL = Size(users=60, products=40, changes=2, rounds=1)


def main() -> int:
    """Run it; exit code 1 when one product is not refreshed fast enough."""
    arguments = parser().parse_args()
    settings = Settings()
    with claim(settings.state_dir, "benchmark"):
        figures = measure(servers.resolve(settings).database_url, SMALL if arguments.small else Size())
    if arguments.json:
        print_json(figures)
    else:
        print_table("Refreshing", ["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    return 0 if arguments.small or figures["one_product_ratio"] >= WANTED else 1


def measure(server_url: str, size: Size) -> Figures:
    """Milliseconds of each kind of change, and how many times longer it takes to recompute everybody."""
    with scratch_database(server_url, "cutover_benchmark_refresh") as engine:
        subscriptions = _shop(engine, size)
        say("changing products ...")
        names = _names(engine)
        step = max(1, len(names) // size.changes)
        one = [_changed(engine, subscriptions, [names[number * step]]) for number in range(size.changes)]
        say(f"changing {size.share:.0%} of the catalogue ...")
        share = _changed(engine, subscriptions, names[:: round(1 / size.share)])
        say("changing all of it ...")
        everything = _changed(engine, subscriptions, names)
        before = _lists(engine)
        say("recomputing everybody ...")
        everybody = median(_everybody(engine, subscriptions) for _ in range(size.rounds))
        differing = 0 if _lists(engine) == before else 1
    if differing:
        raise SystemExit("recomputing everybody gives other lists")
    return {
        "one_product_ratio": round(everybody / median(one), 1),
        "worst_product_ratio": round(everybody / max(one), 1),
        "share_ratio": round(everybody / share, 2),
        "whole_catalogue_ratio": round(everybody / everything, 2),
        "one_product_ms": round(1000 * median(one), 1),
        "worst_product_ms": round(1000 * max(one), 1),
        "share_ms": round(1000 * share, 1),
        "whole_catalogue_ms": round(1000 * everything, 1),
        "everybody_ms": round(1000 * everybody, 1),
        "users": size.users,
        "differing": differing,
    }


def _shop(engine: sa.Engine, size: Size) -> Subscriptions:
    """A shop of this size whose every user has a list."""
    say("filling the shop, and folding it ...")
    subscriptions = all_subscriptions(weekly_gate(PARTITIONS))
    history = synthetic_history(
        users=size.users, products=size.products, order_lines=15 * size.users, until=MONDAY, seed=7
    )
    with engine.begin() as connection:
        create_tables(connection)
        fix_partitions(connection, PARTITIONS)
        open_checkpoints(connection, subscriptions, PARTITIONS)
        load(connection, history)
    backfill(engine)
    _fold(engine, subscriptions)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    return subscriptions


def _fold(engine: sa.Engine, subscriptions: Subscriptions) -> None:
    sequence_all(engine, PARTITIONS)
    for name in FOLDED:
        for partition in subscriptions[name].partitions(PARTITIONS):
            advance_to_end(engine, subscriptions, name, partition)


def _changed(engine: sa.Engine, subscriptions: Subscriptions, products: Sequence[tuple[str, str, int]]) -> float:
    """Seconds from the shop's commit until every list is what it has to be."""
    with engine.begin() as connection:
        for product_id, name, price in products:
            change_product(connection, product_id, f"{name} Deluxe", price, MONDAY)
    began = time.perf_counter()
    _fold(engine, subscriptions)
    return time.perf_counter() - began


def _everybody(engine: sa.Engine, subscriptions: Subscriptions) -> float:
    """Seconds to compute every user's list anew."""
    reaction = subscriptions["recommendations"].reaction
    if not isinstance(reaction, RecommendationsReaction):
        raise TypeError(f"the reaction of recommendations is {reaction!r}")
    began = time.perf_counter()
    for partition in range(PARTITIONS):
        with engine.begin() as connection:
            users = list(connection.scalars(_BUYERS, {"partition": partition}))
            reaction.refresh(connection, partition, users, None, head(connection))
    return time.perf_counter() - began


def _names(engine: sa.Engine) -> list[tuple[str, str, int]]:
    """Id, name and price of every product on sale, in an order that says nothing."""
    with engine.connect() as connection:
        return [(row.product_id, row.name, row.price) for row in connection.execute(_PRODUCTS)]


def _lists(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(_DIGEST))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.refresh", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--small", action="store_true", help="so small that the figures mean nothing")
    options.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    return options


_BUYERS = sa.text("SELECT DISTINCT user_id FROM cutover.purchases WHERE partition = :partition")

_PRODUCTS = sa.text("""
    SELECT product_id, name, price FROM shop.products WHERE retired_at IS NULL ORDER BY md5(product_id)
""")

_DIGEST = sa.text("""
    SELECT md5(string_agg(md5(r::text), '' ORDER BY user_id)) FROM cutover.recommendations r
""")

if __name__ == "__main__":
    sys.exit(main())
