"""Schedules of the simulation, second part: whatever gets lost or crashes, every invariant holds in the end."""

from tests.simulation.playing import first_violation
from tests.simulation.world import Fleet


def test_I1_to_I6_hold_after_any_schedule(fleet: Fleet) -> None:
    failed = first_violation(fleet, range(1000, 2000))
    assert failed is None, failed.report()
