"""Both paths in one process on a database of the test's own: the same parts as in production, advanced by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from console.weekly_job import PLAN, weekly_gate
from console.wiring import all_subscriptions
from events import Subscriptions, advance_to_end, fix_partitions, lagging, open_checkpoints, sequence_all
from handlers.subscriptions import Parts
from reconcile import Totals, reconcile
from sandbox.shop.actions import Action, AddProduct, PlaceOrder, RegisterUser
from sandbox.shop.shop import perform
from shadow.barrier import raise_barrier
from shadow.gate import Gate
from shadow.outcome import unpack
from tests import batch

if TYPE_CHECKING:
    from shadow.legacy_tap import Tapped

PARTITIONS = 4
RUN = "2026-W47"
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@dataclass
class Weekly:
    """A shop and both paths."""

    engine: sa.Engine
    gate: Gate
    subscriptions: Subscriptions
    batch: Callable[..., object] | None = None

    def happen(self, *actions: Action) -> None:
        """Let each action happen in a transaction of its own."""
        for action in actions:
            with self.engine.begin() as connection:
                perform(connection, action)

    def settle(self) -> None:
        """What relay and workers do: sequence, and advance whatever lags until nothing does."""
        sequence_all(self.engine, PARTITIONS)
        while True:
            with self.engine.connect() as connection:
                behind = lagging(connection, self.subscriptions)
            if not behind:
                return
            for nudge in behind:
                advance_to_end(self.engine, self.subscriptions, nudge.subscription, nudge.partition)

    def barrier(self, run: str = RUN) -> int:
        """Begin a run."""
        position, _ = raise_barrier(self.engine, run, PARTITIONS, salt=self.gate.job.name)
        return position

    def legacy(self, run: str = RUN) -> "Tapped":
        """The legacy path of a run, which begins it if need be."""
        tap = batch.run_legacy()
        done = self.batch or batch.weekly_recommendations()
        return tap(self.engine, self.gate, run, partitions=PARTITIONS, code_version="test", batch=done)

    def reconcile(self, run: str = RUN) -> Totals:
        """Compare the paths."""
        return reconcile(self.engine, run, PLAN, code_version="test")

    def comparisons(self, run: str = RUN) -> dict[str, Any]:
        """The stored verdict on every pair that is no match, by unit."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT * FROM cutover.comparisons WHERE run = :run"), {"run": run})
            return {row.unit: row for row in rows}

    def items(self, user_id: str, path: str = "event_driven", run: str = RUN) -> list[str]:
        """Product ids of what a path would send a user."""
        statement = sa.text("SELECT content FROM cutover.outcomes WHERE run = :run AND path = :path AND unit = :unit")
        with self.engine.connect() as connection:
            content = connection.execute(statement, {"run": run, "path": path, "unit": user_id}).scalar_one()
        listed: Any = unpack(content).get("items", [])
        return [item["product_id"] for item in listed]


def weekly_on(engine: sa.Engine, parts: Parts | None = None, legacy: Callable[..., object] | None = None) -> Weekly:
    """A weekly job on this migrated database, with these parts and this legacy batch."""
    gate = weekly_gate(PARTITIONS)
    subscriptions = all_subscriptions(gate, parts)
    with engine.begin() as connection:
        fix_partitions(connection, PARTITIONS)
        open_checkpoints(connection, subscriptions, PARTITIONS)
    return Weekly(engine, gate, subscriptions, legacy)


@pytest.fixture
def weekly(database: sa.Engine) -> Weekly:
    """A weekly job over a small shop: 10 products, users u0 to u5, of whom u0 to u3 have ordered."""
    found = weekly_on(database)
    found.happen(*small_shop())
    found.settle()
    return found


def small_shop() -> list[Action]:
    """What happened in it."""
    words = ("Enamel", "Garden", "Paper", "Cotton", "Glass")
    start = MONDAY - timedelta(days=60)
    actions: list[Action] = [
        AddProduct(
            at=start,
            product_id=f"p{number}",
            name=f"{words[number % 5]} {'Lantern' if number < 5 else 'Mug'}",
            price=100 + number,
        )
        for number in range(10)
    ]
    actions += [
        RegisterUser(at=start, user_id=f"u{number}", name=f"Name {number}", email=f"u{number}@example.com")
        for number in range(6)
    ]
    actions += [
        order(f"o{number}", f"u{number}", f"p{number}", f"p{number + 3}", days=10 + number) for number in range(4)
    ]
    return actions


def order(order_id: str, user_id: str, *product_ids: str, days: float = 0) -> PlaceOrder:
    """An order of one piece each, so many days before the run."""
    lines = tuple((product_id, 1) for product_id in product_ids)
    return PlaceOrder(at=MONDAY - timedelta(days=days), order_id=order_id, user_id=user_id, lines=lines)
