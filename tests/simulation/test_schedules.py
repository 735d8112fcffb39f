"""Schedules of the simulation: whatever gets lost or crashes, every invariant holds in the end."""

import pytest

from tests.simulation.fleet import Fleet
from tests.simulation.playing import first_violation

AT_ONCE = 200


@pytest.mark.parametrize("first", range(0, 2000, AT_ONCE))
def test_I1_to_I7_hold_after_any_schedule(fleet: Fleet, first: int) -> None:
    failed = first_violation(fleet, range(first, first + AT_ONCE))
    assert failed is None, failed.report()
