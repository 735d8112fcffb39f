"""Schedules of the simulation, first part: whatever gets lost or crashes, every invariant holds in the end."""

import pytest

from tests.simulation.playing import first_violation
from tests.simulation.world import Fleet


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_I1_to_I6_hold_after_any_schedule(fleet: Fleet, first: int) -> None:
    failed = first_violation(fleet, range(first, first + 100))
    assert failed is None, failed.report()
