"""The simulation finds bugs: without a safeguard an invariant breaks, with it the same schedule is clean."""

import pytest

from tests.simulation.fleet import Fleet
from tests.simulation.playing import play
from tests.simulation.safeguards import SAFEGUARDS, Safeguard

EVERY = pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=[each.name for each in SAFEGUARDS])


@EVERY
def test_without_the_safeguard_an_invariant_breaks(fleet: Fleet, safeguard: Safeguard) -> None:
    with safeguard.off(fleet.database):
        broken = {play(fleet, seed).invariant for seed in safeguard.seeds}
    assert broken & safeguard.breaks


@EVERY
def test_with_the_safeguard_the_same_schedules_are_clean(fleet: Fleet, safeguard: Safeguard) -> None:
    for seed in safeguard.seeds:
        assert play(fleet, seed).violation is None
