"""The weekly run on a year of real orders, every third customer's, through the command line and real workers."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from runtime import database as databases
from sandbox.shop import actions
from sandbox.shop.actions import Action
from sandbox.shop.order_lines import read_order_lines
from shadow.outcome import unpack
from shadow.schedule import scheduled_at
from tests.real_orders import ORDERS, every_third_customers
from tests.rule import plain_rule
from tests.rule.shop_tables import Line, Order, Product, Shop, User

RUNS = ["2011-W43", "2011-W44", "2011-11-06"]
WINDOW = ("--from", "2011-10-24", "--until", "2011-11-07", "--nights", "1")
SAMPLE = 4

pytestmark = pytest.mark.skipif(not ORDERS.exists(), reason=f"the year of orders is not at {ORDERS.name}")


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return every_third_customers(tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="module")
def rehearsed(state_dir: Path, running: object, orders: Path) -> dict[str, Any]:
    assert running
    command = ["rehearse", "--orders", str(orders), *WINDOW, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "console.cli", *command],
        env={**os.environ, "CUTOVER_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def history(orders: Path) -> Sequence[Action]:
    return read_order_lines(orders).history


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    engine = databases.create_engine(databases.database_url(postgres_url, "cutover_rehearsal"))
    yield engine
    engine.dispose()


@pytest.mark.timeout(700)
def test_mondays_and_nights_of_a_real_year_agree_pair_by_pair(rehearsed: dict[str, Any]) -> None:
    assert [run["run"] for run in rehearsed["runs"]] == RUNS
    totals = rehearsed["totals"]
    assert (totals["mismatch"], totals["incomplete"], totals["explained"]) == (0, 0, 0)
    assert totals["pairs"] == totals["match"] == sum(run["pairs"] for run in rehearsed["runs"])
    assert Path(rehearsed["report"]).exists()
    assert rehearsed["events"] > 10_000


def test_every_user_registered_at_a_run_is_a_pair(rehearsed: dict[str, Any], history: Sequence[Action]) -> None:
    registered = sorted(action.at for action in history if isinstance(action, actions.RegisterUser))
    expected = {run: sum(at < scheduled_at(run) for at in registered) for run in RUNS}
    assert {run["run"]: run["pairs"] for run in rehearsed["runs"]} == expected


def test_the_window_was_replayed_event_by_event(
    rehearsed: dict[str, Any], history: Sequence[Action], engine: sa.Engine
) -> None:
    """Every order, return and change of a product in the window has its event, between the right two barriers."""
    first, last = scheduled_at(RUNS[0]), scheduled_at(RUNS[-1])
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT type, count(*) FROM cutover.events WHERE occurred_at >= :a AND occurred_at < :b GROUP BY 1"
            ),
            {"a": first, "b": last},
        )
        logged = {row[0]: row[1] for row in rows if not row[0].endswith("Started")}
        refused = connection.scalar(sa.text("SELECT count(*) FROM cutover.refused_events"))
    happened = Counter(EVENT_OF[type(action)] for action in history if first <= action.at < last)
    assert logged == happened
    assert {"OrderPlaced", "ItemsReturned", "ProductChanged", "ProductRetired", "UserRegistered"} <= set(logged)
    assert refused == 0
    assert rehearsed["events"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("run", RUNS)
def test_a_sample_of_lists_equals_an_independent_brute_force(
    rehearsed: dict[str, Any], history: Sequence[Action], engine: sa.Engine, run: str
) -> None:
    assert rehearsed
    at = scheduled_at(run)
    shop = shop_at(history, at)
    units = Random(run).sample([user.user_id for user in shop.users], SAMPLE)
    users = {user.user_id: user for user in shop.users}
    for unit in units:
        items, personal = plain_rule.best_five(only(shop, unit) if bought(shop, unit) else shop, users[unit], at)
        assert personal == bool(bought(shop, unit))
        for path in ("legacy", "event_driven"):
            assert recorded_items(engine, run, path, unit) == items, (run, path, unit)


EVENT_OF = {
    actions.RegisterUser: "UserRegistered",
    actions.PlaceOrder: "OrderPlaced",
    actions.ReturnItems: "ItemsReturned",
    actions.AddProduct: "ProductAdded",
    actions.ChangeProduct: "ProductChanged",
    actions.RetireProduct: "ProductRetired",
}


def recorded_items(engine: sa.Engine, run: str, path: str, unit: str) -> plain_rule.Items:
    statement = sa.text("SELECT content FROM cutover.outcomes WHERE run = :run AND path = :path AND unit = :unit")
    with engine.connect() as connection:
        content = connection.execute(statement, {"run": run, "path": path, "unit": unit}).scalar_one()
    items: Any = unpack(content)["items"]
    return tuple((item["product_id"], item["score"]) for item in items)


def shop_at(history: Sequence[Action], at: datetime) -> Shop:
    """The shop as everything that happened before `at` left it, in the plainest way."""
    users: dict[str, User] = {}
    products: dict[str, Product] = {}
    orders: dict[str, actions.PlaceOrder] = {}
    returned: Counter[tuple[str, str]] = Counter()
    for action in history:
        if action.at >= at:
            break
        match action:
            case actions.RegisterUser():
                users[action.user_id] = User(user_id=action.user_id, name=action.name)
            case actions.AddProduct() | actions.ChangeProduct():
                products[action.product_id] = Product(
                    product_id=action.product_id, name=action.name, price=action.price
                )
            case actions.RetireProduct():
                gone = products[action.product_id]
                products[action.product_id] = Product(
                    product_id=gone.product_id, name=gone.name, price=gone.price, active=False
                )
            case actions.PlaceOrder():
                orders[action.order_id] = action
            case actions.ReturnItems():
                for product_id, quantity in action.lines:
                    returned[action.order_id, product_id] += quantity
    return Shop(
        users=tuple(users.values()),
        products=tuple(products.values()),
        orders=tuple(_order(placed, returned) for placed in orders.values()),
    )


def _order(placed: actions.PlaceOrder, returned: Counter[tuple[str, str]]) -> Order:
    pieces: Counter[str] = Counter()
    for product_id, quantity in placed.lines:
        pieces[product_id] += quantity
    return Order(
        order_id=placed.order_id,
        user_id=placed.user_id,
        placed_at=placed.at,
        lines=tuple(
            Line(product_id=product_id, quantity=quantity, returned=returned[placed.order_id, product_id])
            for product_id, quantity in pieces.items()
        ),
    )


def bought(shop: Shop, user_id: str) -> bool:
    """Whether the user kept anything at all."""
    return any(
        line.returned < line.quantity for order in shop.orders if order.user_id == user_id for line in order.lines
    )


def only(shop: Shop, user_id: str) -> Shop:
    """The same shop with the orders of one user, which are all that counts for a user with a history."""
    orders = tuple(order for order in shop.orders if order.user_id == user_id)
    return Shop(users=shop.users, products=shop.products, orders=orders)
