"""The cohort: a stable, even share of units, which only ever grows with the percentage."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from shadow.cohort import Cohort, cohort_of, share
from shadow.recorder import open_run
from shadow.schedule import run_event

UNITS = st.text(max_size=20)


def owners(percent: float, salt: str, units: list[str]) -> set[str]:
    cohort = Cohort(sends=True, percent=percent, salt=salt)
    return {unit for unit in units if cohort.owner(unit) == "event_driven"}


@pytest.mark.parametrize("salt", ["", "weekly recommendations"])
@pytest.mark.parametrize("pattern", ["{}", "user-{:07d}", "{}@shop"])
def test_the_shares_of_units_are_even(salt: str, pattern: str) -> None:
    bins = [0] * 100
    for number in range(20_000):
        bins[int(share(pattern.format(number), salt))] += 1
    # Chi-square with 99 degrees of freedom: mean 99, deviation 14; the hash is fixed, so this never flickers.
    assert sum((count - 200) ** 2 / 200 for count in bins) < 99 + 5 * 14


@given(st.lists(UNITS, max_size=30), st.text(max_size=10), st.floats(0, 100), st.floats(0, 100))
def test_a_smaller_cohort_lies_within_every_larger_one(units: list[str], salt: str, one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    assert owners(smaller, salt, units) <= owners(larger, salt, units)
    assert owners(5, salt, units) <= owners(25, salt, units) <= owners(100, salt, units) == set(units)
    assert owners(0, salt, units) == set()


@given(UNITS, st.text(max_size=10))
def test_a_share_is_from_zero_to_under_a_hundred_and_stays(unit: str, salt: str) -> None:
    assert 0 <= share(unit, salt) < 100
    assert share(unit, salt) == share(unit, salt)


def test_shares_are_the_same_for_ever() -> None:
    assert round(share("user-4711", "weekly recommendations"), 9) == PINNED
    assert share("1", "a") != share("a1", "")


PINNED = 85.936537915


@given(UNITS, st.floats(0, 100))
def test_in_a_run_that_only_compares_nobody_owns_anything(unit: str, percent: float) -> None:
    assert Cohort(sends=False, percent=percent, salt="").owner(unit) is None


@given(UNITS, st.floats(0, 100))
def test_in_a_run_that_sends_every_unit_has_one_owner(unit: str, percent: float) -> None:
    assert Cohort(sends=True, percent=percent, salt="").owner(unit) in ("legacy", "event_driven")


def test_it_is_what_the_runs_event_has_frozen(database: sa.Engine) -> None:
    with database.begin() as connection:
        open_run(connection, run_event("2026-W47", sends=True, percent=12.5, salt="x"), 7)
        open_run(connection, run_event("2026-W47", sends=True, percent=99.0, salt="y"), 8)
        open_run(connection, run_event("2026-11-20", sends=True, percent=50.0), 9)
        assert cohort_of(connection, "2026-W47") == Cohort(sends=True, percent=12.5, salt="x")
        assert not cohort_of(connection, "2026-11-20").sends
        with pytest.raises(sa.exc.NoResultFound):
            cohort_of(connection, "2026-W48")
