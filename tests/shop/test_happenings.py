"""Happenings: valid, the same every time, and enough of each kind for every rule to be exercised."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sandbox.shop import actions as a
from sandbox.shop.actions import Action
from sandbox.shop.chance import Chance
from sandbox.shop.happenings import enliven
from sandbox.shop.shop import perform
from sandbox.shop.synthetic import synthetic_history

T = datetime(2026, 11, 16, 9, tzinfo=UTC)
START = T - timedelta(days=14)
NIGHTS = [T - timedelta(days=days, hours=6) for days in (3, 2, 1)]
RUNS = [T - timedelta(weeks=1), *NIGHTS, T]


@cache
def history(users: int, products: int, order_lines: int, seed: int = 5) -> tuple[Action, ...]:
    # It goes on behind the last run, as histories do.
    until = T + timedelta(days=5)
    return tuple(
        synthetic_history(users=users, products=products, order_lines=order_lines, until=until, weeks=20, seed=seed)
    )


@cache
def large() -> tuple[Action, ...]:
    return history(3000, 200, 30_000)


@cache
def added(seed: int = 0) -> tuple[Action, ...]:
    known = set(map(id, large()))
    return tuple(action for action in enliven(large(), START, RUNS, seed=seed) if id(action) not in known)


SIZES = [(1, 1, 1), (5, 2, 60), (40, 30, 400), (150, 90, 900)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_shop_refuses_nothing_of_an_enlivened_history(
    database: sa.Engine, size: tuple[int, int, int], seed: int
) -> None:
    lively = enliven(history(*size, seed), START, RUNS, seed=seed)
    with database.begin() as connection:
        for action in lively:
            perform(connection, action)
        told = connection.scalar(sa.text("SELECT count(DISTINCT event_id) FROM cutover.outbox"))
    assert told == len(lively)


def test_the_history_itself_stays_as_it_is_and_everything_is_in_order() -> None:
    lively = enliven(large(), START, RUNS)
    new = set(added())
    assert tuple(action for action in lively if action not in new) == large()
    times = [action.at for action in lively]
    assert times == sorted(times)


def test_what_is_added_happens_from_the_start_up_to_the_last_run() -> None:
    returning = [action for action in added() if isinstance(action, a.AddProduct) and "-" not in action.product_id]
    for action in added():
        assert action.at >= START or isinstance(action, a.PlaceOrder)
        assert action.at < RUNS[-1] or action in returning, "a product comes back when it is needed next"


def test_the_same_seed_adds_the_same_and_another_seed_something_else() -> None:
    assert enliven(large(), START, RUNS) == enliven(large(), START, RUNS)
    assert added(seed=1) != added()


def test_about_2_percent_unsubscribe_and_a_third_of_them_come_back() -> None:
    kinds = Counter(type(action) for action in added())
    assert 40 <= kinds[a.Unsubscribe] <= 75
    assert 10 <= kinds[a.Resubscribe] <= 30


def test_about_1_percent_of_recent_orders_is_cancelled() -> None:
    recent = sum(isinstance(each, a.PlaceOrder) and START - timedelta(weeks=8) <= each.at < T for each in large())
    cancelled = [action for action in added() if isinstance(action, a.CancelOrder)]
    assert 0.005 * recent < len(cancelled) < 0.02 * recent


def test_orders_lie_half_an_hour_inside_and_outside_of_what_a_run_looks_back_on() -> None:
    times = {action.at for action in added() if isinstance(action, a.PlaceOrder)}
    for run in RUNS:
        edge = run - timedelta(weeks=4)
        assert {edge - timedelta(minutes=30), edge + timedelta(minutes=30)} <= times
    old = tuple(synthetic_history(users=9, products=9, order_lines=99, until=T, weeks=60, seed=1))
    assert any(action.at == T - timedelta(weeks=52, minutes=-30) for action in enliven(old, START, RUNS))


def on_sale(happened: Sequence[Action], at: datetime) -> set[str]:
    products: set[str] = set()
    for action in happened:
        if action.at < at and isinstance(action, a.AddProduct):
            products.add(action.product_id)
        elif action.at < at and isinstance(action, a.RetireProduct):
            products.discard(action.product_id)
    return products


def test_popular_products_are_off_sale_at_some_run_though_the_history_sells_them_later() -> None:
    retired = {action.product_id for action in added() if isinstance(action, a.RetireProduct)}
    assert len(retired) >= 5
    lively = enliven(large(), START, RUNS)
    missing = set().union(*(retired - on_sale(lively, run) for run in RUNS))
    assert missing == retired


def test_products_are_renamed_repriced_and_joined_by_twins_between_two_runs() -> None:
    lively = enliven(large(), START, RUNS)
    new, before = set(added()), dict[str, tuple[str, int]]()
    renamed = repriced = 0
    for action in lively:
        if isinstance(action, a.AddProduct | a.ChangeProduct):
            name, price = before.get(action.product_id, ("", 0))
            if action in new and isinstance(action, a.ChangeProduct):
                assert RUNS[0] < action.at < RUNS[-1]
                renamed += action.name != name
                repriced += action.price != price
                assert (action.name != name) != (action.price != price)
            before[action.product_id] = (action.name, action.price)
    twins = [action for action in added() if isinstance(action, a.AddProduct) and action.product_id[-2] == "-"]
    assert renamed >= 5
    assert repriced >= 5
    assert len(twins) >= 10
    assert all(before[twin.product_id[:-2]][0] == twin.name for twin in twins)


def test_runs_that_are_not_behind_the_start_are_refused() -> None:
    for runs in ([], [START], [START - timedelta(days=1), T]):
        with pytest.raises(ValueError, match="expected some, all of them after"):
            enliven(large(), START, runs)


@given(seed=st.integers(), question=st.text(), id_=st.text())
def test_chance_is_a_share_and_a_time_within_bounds(seed: int, question: str, id_: str) -> None:
    chance = Chance(seed)
    assert 0 <= chance.share(question, id_) < 1
    assert START <= chance.between(question, id_, START, T) < T
    assert not chance.falls(question, id_, 0)
    assert chance.falls(question, id_, 1)
