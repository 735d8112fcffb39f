"""One product changes among all users, and a share of the catalogue, against recomputing everybody.

    python -m benchmarks.refresh --json

A change is made in the shop, sequenced, and folded by every partition, one after the other in this process;
recomputing everybody is the same code for the same partitions, in this process too, handed every user. Four things can
happen to one product, and each is tried with several: a new name, the dearest, concerns whoever bought it, lists it, or
would list it now; a product that is new concerns the last of these, one that is retired those who list it, and a new
price nobody. Each figure is the median, for a new name with the worst beside it. The lists must be the same, whichever
way they came about.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import sqlalchemy as sa

from benchmarks.scratch import scratch_database
from benchmarks.shop import MONDAY
from console.screen import print_json, print_table, say
from console.weekly_job import weekly_gate
from console.wiring import all_subscriptions
from events import Subscriptions, advance_to_end, fix_partitions, head, open_checkpoints, sequence_all
from handlers.catalogue import search_alone
from handlers.recommendations import RecommendationsReaction
from runtime import servers
from runtime.instance import claim
from runtime.settings import Settings
from sandbox.shop.backfill import backfill
from sandbox.shop.bulk import load
from sandbox.shop.catalogue import add_product, change_product, retire_product
from sandbox.shop.schema import create_tables
from sandbox.shop.synthetic import synthetic_history

PARTITIONS = 16
WANTED = 50.0
FOLDED = ("catalogue", "recommendations")
Figures = dict[str, float | int]

Product = tuple[str, str, int]
"""Id, name and price."""


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
    # As in a worker's process.
    search_alone()
    with scratch_database(server_url, "cutover_benchmark_refresh") as engine:
        subscriptions = _shop(engine, size)
        say("changing products ...")
        names = _names(engine)
        step = max(1, len(names) // size.changes)
        renamed = [names[number * step] for number in range(size.changes)]
        one = [_renamed(engine, subscriptions, [product]) for product in renamed]
        at_most = median(_at_most(engine, product_id) for product_id, _, _ in renamed)
        others = {what: median(_others(engine, subscriptions, what, names[1::step])) for what in OTHERS}
        names = _names(engine)
        say(f"changing {size.share:.0%} of the catalogue ...")
        share = _renamed(engine, subscriptions, names[:: round(1 / size.share)])
        say("changing all of it ...")
        everything = _renamed(engine, subscriptions, names)
        before = _lists(engine)
        say("recomputing everybody ...")
        everybody = median(_everybody(engine, subscriptions) for _ in range(size.rounds))
        differing = 0 if _lists(engine) == before else 1
    if differing:
        raise SystemExit("recomputing everybody gives other lists")
    return {
        "one_product_ratio": round(everybody / median(one), 1),
        "one_product_at_most": round(at_most, 1),
        "worst_product_ratio": round(everybody / max(one), 1),
        **{f"{what}_ratio": round(everybody / seconds, 1) for what, seconds in others.items()},
        "share_ratio": round(everybody / share, 2),
        "whole_catalogue_ratio": round(everybody / everything, 2),
        "one_product_ms": round(1000 * median(one), 1),
        "worst_product_ms": round(1000 * max(one), 1),
        **{f"{what}_ms": round(1000 * seconds, 1) for what, seconds in others.items()},
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


def _renamed(engine: sa.Engine, subscriptions: Subscriptions, products: Sequence[Product]) -> float:
    """Seconds from the shop's commit of other names until every list is what it has to be."""

    def rename(connection: sa.Connection) -> None:
        for product_id, name, price in products:
            change_product(connection, product_id, f"{name} Deluxe", price, MONDAY)

    return _seconds(engine, subscriptions, rename)


def _others(engine: sa.Engine, subscriptions: Subscriptions, what: str, products: Sequence[Product]) -> list[float]:
    """The same for each of these products, to which one of OTHERS happens."""
    happen = OTHERS[what]
    return [_seconds(engine, subscriptions, partial(happen, product)) for product in products]


def _seconds(engine: sa.Engine, subscriptions: Subscriptions, change: Callable[[sa.Connection], None]) -> float:
    with engine.begin() as connection:
        change(connection)
    began = time.perf_counter()
    _fold(engine, subscriptions)
    return time.perf_counter() - began


def _reprice(product: Product, connection: sa.Connection) -> None:
    product_id, name, price = product
    change_product(connection, product_id, name, price + 1, MONDAY)


def _arrive(product: Product, connection: sa.Connection) -> None:
    product_id, name, price = product
    add_product(connection, f"{product_id}-2", f"{name} Too", price, MONDAY)


def _retire(product: Product, connection: sa.Connection) -> None:
    retire_product(connection, product[0], MONDAY)


OTHERS: Mapping[str, Callable[[Product, sa.Connection], None]] = {
    "repriced": _reprice,
    "arriving": _arrive,
    "retired": _retire,
}
"""What else may happen to one product."""


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


def _at_most(engine: sa.Engine, product_id: str) -> float:
    """How many times more order lines all users have than the buyers of this product, whom a new name concerns."""
    with engine.connect() as connection:
        return float(connection.scalar(_AT_MOST, {"product_id": product_id}) or 0)


def _names(engine: sa.Engine) -> list[Product]:
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

_AT_MOST = sa.text("""
    WITH buyers AS (SELECT DISTINCT user_id FROM cutover.purchases WHERE product_id = :product_id)
    SELECT CAST(count(*) AS float8) / greatest(1, count(*) FILTER (WHERE user_id IN (SELECT user_id FROM buyers)))
    FROM cutover.purchases
""")

_PRODUCTS = sa.text("""
    SELECT product_id, name, price FROM shop.products WHERE retired_at IS NULL ORDER BY md5(product_id)
""")

_DIGEST = sa.text("""
    SELECT md5(string_agg(md5(r::text), '' ORDER BY user_id)) FROM cutover.recommendations r
""")

if __name__ == "__main__":
    sys.exit(main())
