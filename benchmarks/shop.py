"""The shop that benchmarks run on: a synthetic year, loaded by a process of its own, whose memory is not measured."""

import multiprocessing
from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.database import create_engine
from sandbox.shop.bulk import load
from sandbox.shop.synthetic import synthetic_history

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
RUN = "2026-W47"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a shop is: exact numbers of users and products, and order lines in all."""

    users: int
    products: int
    order_lines: int
    seed: int = 7


def load_shop(database_url: str, size: Size) -> None:
    """Bring the shop's tables to their state after a year that ends at MONDAY, telling nobody."""
    loader = multiprocessing.get_context("spawn").Process(target=fill, args=(database_url, size))
    loader.start()
    loader.join()
    if loader.exitcode:
        raise SystemExit(f"loading the shop ended with exit code {loader.exitcode}")


def fill(database_url: str, size: Size) -> None:
    """The same in this process."""
    history = synthetic_history(
        users=size.users, products=size.products, order_lines=size.order_lines, until=MONDAY, seed=size.seed
    )
    engine = create_engine(database_url)
    with engine.begin() as connection:
        load(connection, history)
    engine.dispose()
