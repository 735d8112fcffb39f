"""Only the users whose list can change are ranked anew."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from handlers.catalogue import CatalogueView
from handlers.ranking import Floats, Ranked, Rows, rank
from handlers.subscriptions import Parts
from sandbox.shop.actions import AddProduct, ChangeProduct, RetireProduct
from tests.end_to_end.conftest import MONDAY, Weekly, order, small_shop, weekly_on


class Counting:
    """Ranks, and counts for how many users."""

    def __init__(self) -> None:
        self.users = 0

    def __call__(self, catalogue: CatalogueView, directions: Floats, bought: Sequence[Rows]) -> list[Ranked]:
        self.users += len(bought)
        return rank(catalogue, directions, bought)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def weekly(database: sa.Engine, counting: Counting) -> Weekly:
    """The small shop, settled; u0 to u3 have lists of five."""
    found = weekly_on(database, Parts(rank=counting))
    found.happen(*small_shop())
    found.settle()
    counting.users = 0
    return found


def test_a_product_that_fits_nobody_refreshes_nobody(weekly: Weekly, counting: Counting) -> None:
    weekly.happen(AddProduct(at=MONDAY, product_id="new", name="...", price=1))
    weekly.settle()
    assert counting.users == 0


def test_a_product_that_fits_everybody_refreshes_everybody_with_a_list(weekly: Weekly, counting: Counting) -> None:
    weekly.happen(AddProduct(at=MONDAY, product_id="new", name="Enamel Garden Paper Cotton Lantern Mug", price=1))
    weekly.settle()
    assert counting.users == 4


def test_a_new_price_refreshes_nobody(weekly: Weekly, counting: Counting) -> None:
    weekly.happen(ChangeProduct(at=MONDAY, product_id="p0", name="Enamel Lantern", price=999))
    weekly.settle()
    assert counting.users == 0


def test_an_order_refreshes_its_user_only(weekly: Weekly, counting: Counting) -> None:
    weekly.happen(order("next", "u1", "p9"))
    weekly.settle()
    assert counting.users == 1


def test_a_retired_product_refreshes_those_who_have_it_in_their_list(weekly: Weekly, counting: Counting) -> None:
    with weekly.engine.connect() as connection:
        statement = sa.text("SELECT count(*) FROM cutover.recommendations WHERE 'p9' = ANY(product_ids)")
        having = connection.scalar(statement)
    weekly.happen(RetireProduct(at=MONDAY, product_id="p9"))
    weekly.settle()
    assert counting.users == having
    assert 0 < counting.users < 4
