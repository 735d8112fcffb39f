"""Bounds on the rate of mismatches: exact for one look, and one that holds however often one looks."""

import numpy as np
import pytest
from scipy.stats import binom

from reconcile.statistics import interval, lasting_bound, upper_bound


@pytest.mark.parametrize(
    ("mismatches", "pairs", "bound"),
    [
        (0, 10, 0.258866),
        (0, 100, 0.029513),
        (1, 10, 0.394163),
        (5, 10, 0.777559),
        (9, 10, 0.994884),
        (1, 100, 0.046560),
    ],
)
def test_the_bound_for_one_look_is_that_of_clopper_and_pearson(mismatches: int, pairs: int, bound: float) -> None:
    assert upper_bound(mismatches, pairs) == pytest.approx(bound, abs=2e-6)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("mismatches", "pairs"), [(0, 1), (0, 21_830), (3, 50), (17, 100_000), (99, 100)])
def test_at_the_bound_so_few_mismatches_are_just_as_rare_as_the_confidence_says(
    mismatches: int, pairs: int, confidence: float
) -> None:
    bound = upper_bound(mismatches, pairs, confidence)
    assert binom.cdf(mismatches, pairs, bound) == pytest.approx(1 - confidence, rel=1e-6)


def test_with_no_mismatch_the_bound_is_about_three_in_n() -> None:
    for pairs in (100, 10_000, 1_000_000):
        assert upper_bound(0, pairs) == pytest.approx(3 / pairs, rel=0.02)


def test_nothing_seen_bounds_nothing() -> None:
    for bound in (upper_bound, lasting_bound):
        assert bound(0, 0) == 1.0
        assert bound(7, 7) == 1.0
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(0, 5)[0] == 0.0
    assert interval(5, 5)[1] == 1.0


@pytest.mark.parametrize("bound", [upper_bound, lasting_bound])
def test_more_mismatches_raise_the_bound_and_more_pairs_lower_it(bound: object) -> None:
    assert callable(bound)
    in_mismatches = [bound(number, 1_000) for number in range(0, 1_001, 50)]
    assert in_mismatches == sorted(in_mismatches)
    in_pairs = [bound(3, pairs) for pairs in (4, 10, 100, 1_000, 10_000, 1_000_000)]
    assert in_pairs == sorted(in_pairs, reverse=True)
    in_confidence = [bound(3, 1_000, confidence) for confidence in (0.5, 0.9, 0.95, 0.99)]
    assert in_confidence == sorted(in_confidence)


@pytest.mark.parametrize(("mismatches", "pairs"), [(0, 1), (0, 500), (0, 10_000_000), (3, 1_000), (400, 1_000)])
def test_to_hold_at_every_look_costs_something_but_not_much(mismatches: int, pairs: int) -> None:
    once, lasting = upper_bound(mismatches, pairs), lasting_bound(mismatches, pairs)
    assert mismatches / pairs <= once <= lasting <= 1.0
    assert lasting < 12 * once


@pytest.mark.parametrize("rate", [0.0003, 0.002, 0.05])
def test_looked_at_every_day_the_true_rate_exceeds_the_lasting_bound_in_at_most_five_of_a_hundred_weeks(
    rate: float,
) -> None:
    weeks, days, a_day = 2_000, 7, 1_000
    seen = np.random.default_rng(20261116).binomial(a_day, rate, size=(weeks, days)).cumsum(axis=1)
    smallest = [_fewest_that_allow(rate, a_day * (day + 1)) for day in range(days)]
    exceeded = (seen < np.array(smallest)).any(axis=1).mean()
    assert exceeded <= 0.05


def _fewest_that_allow(rate: float, pairs: int) -> int:
    """The fewest mismatches at which the bound is not below this rate; the bound only grows with them."""
    return next(number for number in range(pairs) if lasting_bound(number, pairs) >= rate)


def test_the_bound_for_one_look_does_not_hold_at_every_look() -> None:
    """Which is why there is another: looked at a thousand times, the true rate will exceed it some day."""
    weeks, looks, rate = 500, 200, 0.01
    seen = np.random.default_rng(7).binomial(100, rate, size=(weeks, looks)).cumsum(axis=1)

    def exceeded(bound: object) -> float:
        assert callable(bound)
        fewest = [next(n for n in range(10_000) if bound(n, 100 * (look + 1)) >= rate) for look in range(looks)]
        return float((seen < np.array(fewest)).any(axis=1).mean())

    assert exceeded(upper_bound) > 0.05
    assert exceeded(lasting_bound) <= 0.05
