"""The legacy path held against itself: steady where it is a rule, noisy where it leaves the order to the database."""

import sqlalchemy as sa

from reconcile.measures import Noise
from sandbox.defects.mutants import mutant
from sandbox.shop.actions import AddProduct
from tests import batch
from tests.end_to_end.conftest import MONDAY, Weekly, order, small_shop, weekly_on

UNSORTED = {"rows.sort(key=lambda row: (not row[3], row[0]))": "rows.sort(key=lambda row: not row[3])"}
"""Products in the order in which the database happens to have them: equal scores then come in any order."""


def of_equal_products(weekly: Weekly) -> Weekly:
    weekly.happen(*small_shop())
    twins = (AddProduct(at=MONDAY, product_id=f"twin{n}", name="Garden Lantern", price=5) for n in range(12))
    weekly.happen(*twins, order("o9", "u1", "p6"))
    weekly.settle()
    weekly.legacy()
    weekly.settle()
    return weekly


def test_a_batch_that_is_a_rule_comes_to_the_same_twice(database: sa.Engine) -> None:
    totals = of_equal_products(weekly_on(database)).reconcile()
    assert totals.noise == Noise(sampled=6, differing=0)
    assert totals.match == totals.pairs == 6


@batch.only_before
def test_a_batch_that_depends_on_the_order_of_rows_is_told_by_its_noise(database: sa.Engine) -> None:
    totals = of_equal_products(weekly_on(database, legacy=mutant(UNSORTED).run)).reconcile()
    assert totals.noise is not None
    assert totals.noise.sampled == 6
    assert totals.noise.differing > 0
    assert totals.pairs == 6
