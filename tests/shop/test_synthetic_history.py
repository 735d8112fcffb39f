"""Synthetic histories: deterministic, in order, valid, and as varied as a real shop's."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
import sqlalchemy as sa

from sandbox.shop import actions as a
from sandbox.shop.actions import Action
from sandbox.shop.shop import perform
from sandbox.shop.synthetic import synthetic_history
from sandbox.shop.words import NASTY_NAMES

T = datetime(2026, 11, 16, 9, tzinfo=UTC)


@cache
def history(
    users: int = 3000, products: int = 300, order_lines: int = 40_000, weeks: int = 52, seed: int = 5
) -> tuple[Action, ...]:
    return tuple(
        synthetic_history(users=users, products=products, order_lines=order_lines, until=T, weeks=weeks, seed=seed)
    )


SIZES = [(0, 0, 0, 1), (1, 1, 1, 1), (5, 2, 60, 1), (40, 3, 200, 2), (120, 80, 600, 52), (60, 40, 500, 120)]


def test_the_same_seed_gives_the_same_history_and_another_another() -> None:
    again = synthetic_history(users=3000, products=300, order_lines=40_000, until=T, seed=5)
    assert tuple(again) == history()
    assert history(seed=6) != history()


@pytest.mark.parametrize(("users", "products", "order_lines", "weeks"), SIZES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_shop_refuses_nothing_of_a_synthetic_history(
    database: sa.Engine, users: int, products: int, order_lines: int, weeks: int, seed: int
) -> None:
    happened = history(users, products, order_lines, weeks, seed)
    with database.begin() as connection:
        for action in happened:
            perform(connection, action)
        told = connection.scalar(sa.text("SELECT count(DISTINCT event_id) FROM cutover.outbox"))
    assert told == len(happened)


@pytest.mark.parametrize(("users", "products", "order_lines", "weeks"), [*SIZES, (3000, 300, 40_000, 52)])
def test_a_history_is_in_order_and_within_its_weeks(users: int, products: int, order_lines: int, weeks: int) -> None:
    times = [action.at for action in history(users, products, order_lines, weeks, seed=5)]
    assert times == sorted(times)
    assert all(T - timedelta(weeks=weeks) <= at < T for at in times)


def test_sizes_are_as_asked() -> None:
    kinds = Counter(type(action) for action in history())
    added = {action.product_id for action in history() if isinstance(action, a.AddProduct)}
    lines = sum(len(action.lines) for action in history() if isinstance(action, a.PlaceOrder))
    assert kinds[a.RegisterUser] == 3000
    assert len(added) == 300
    assert 0.99 * 40_000 < lines <= 40_000


def test_everything_that_can_happen_in_a_shop_happens() -> None:
    kinds = Counter(type(action) for action in history())
    assert set(kinds) == set(Action.__args__)
    assert kinds[a.AddProduct] > 300  # some are sold again
    assert min(kinds.values()) > 10


def test_products_arrive_during_the_year() -> None:
    added = [action.at for action in history() if isinstance(action, a.AddProduct)]
    assert sum(at > T - timedelta(weeks=51) for at in added) > 30


def test_popularity_and_zeal_have_heavy_tails() -> None:
    orders = [action for action in history() if isinstance(action, a.PlaceOrder)]
    by_user = Counter(order.user_id for order in orders)
    by_product = Counter(product_id for order in orders for product_id, _ in order.lines)
    for counts in (by_user, by_product):
        frequent = sorted(counts.values(), reverse=True)
        assert sum(frequent[: len(frequent) // 10]) > 0.25 * sum(frequent)
        assert frequent[0] > 5 * frequent[len(frequent) // 2]


def test_people_buy_by_day_and_more_before_christmas() -> None:
    orders = [action.at for action in history() if isinstance(action, a.PlaceOrder)]
    assert all(7 <= at.hour <= 23 for at in orders)
    by_month = Counter(at.month for at in orders)
    assert by_month[12] > 1.3 * by_month[1]  # though there are fewer users yet


def test_users_have_tastes() -> None:
    """Two lines of one user share a word of their names far more often than lines of different users."""
    names = {action.product_id: action.name.split()[2] for action in history() if isinstance(action, a.AddProduct)}
    orders = [action for action in history() if isinstance(action, a.PlaceOrder) and len(action.lines) > 1]
    own = [names[order.lines[0][0]] == names[order.lines[1][0]] for order in orders]
    others = [names[one.lines[0][0]] == names[other.lines[0][0]] for one, other in pairwise(orders)]
    assert sum(own) > 1.5 * sum(others)


def test_some_users_never_buy_and_some_only_what_they_cancelled() -> None:
    orders = Counter(action.user_id for action in history() if isinstance(action, a.PlaceOrder))
    cancelled = Counter(action.user_id for action in history() if isinstance(action, a.CancelOrder))
    assert len(orders) < 2900
    assert any(orders[user] == 1 for user in cancelled)


def test_returns_are_partial_or_whole() -> None:
    bought = {action.order_id: dict(action.lines) for action in history() if isinstance(action, a.PlaceOrder)}
    whole = [bought[action.order_id] == dict(action.lines) for action in history() if isinstance(action, a.ReturnItems)]
    assert {True, False} <= set(whole)


def test_some_names_and_ids_are_nasty() -> None:
    names = {action.name for action in history() if isinstance(action, a.RegisterUser)}
    ids = {action.product_id for action in history() if isinstance(action, a.AddProduct)}
    assert len(names & set(NASTY_NAMES)) > 5
    assert "p00250/50% é" in ids


def test_addresses_lead_nowhere() -> None:
    emails = [action.email for action in history() if isinstance(action, a.RegisterUser)]
    assert {email.partition("@")[2] for email in emails} == {"example.com", "example.net", "example.org"}
    assert len(set(emails)) == len(emails)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"users": -1}, "users is -1; expected at least 0"),
        ({"users": 0}, "order_lines is 10 with 0 users and 1 products"),
        ({"weeks": 0}, "weeks is 0; expected at least 1"),
    ],
)
def test_numbers_that_make_no_shop_are_refused(arguments: dict[str, int], message: str) -> None:
    numbers = {"users": 1, "products": 1, "order_lines": 10, "weeks": 1} | arguments
    with pytest.raises(ValueError, match=message):
        synthetic_history(**numbers, until=T, seed=1)
