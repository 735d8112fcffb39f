"""A seed is a schedule: played again, it is the same one."""

import pytest

from tests.simulation.chance import Chance
from tests.simulation.fleet import Fleet
from tests.simulation.playing import first_violation, play, read_steps, spelled
from tests.simulation.safeguards import SAFEGUARDS


def test_the_same_seed_gives_the_same_trace(fleet: Fleet) -> None:
    first = [play(fleet, seed).trace.digest() for seed in range(12)]
    again = [play(fleet, seed).trace.digest() for seed in range(12)]
    assert first == again
    assert len(set(first)) == len(first)


def test_what_a_shorter_schedule_does_is_what_the_whole_one_does_at_first(fleet: Fleet) -> None:
    whole, part = play(fleet, 3), play(fleet, 3, steps=10)
    early = [line for line in whole.trace.lines if line[0] <= 10]
    assert part.trace.lines[: len(early)] == early


def test_a_violation_is_reported_in_its_shortest_form_with_the_command_that_plays_it_again(fleet: Fleet) -> None:
    safeguard = next(each for each in SAFEGUARDS if each.name == "commit-before-call")
    failed = first_violation(fleet, safeguard.seeds, without=safeguard)
    assert failed is not None
    assert failed.steps - len(failed.skipped) < Chance(failed.seed).steps / 2
    report = failed.report(safeguard.name)
    assert f"python -m tests.simulation --seed {failed.seed} --steps {failed.steps} --skip " in report
    with safeguard.off(fleet.database):
        again = play(fleet, failed.seed, steps=failed.steps, skipped=failed.skipped)
    assert again.report(safeguard.name) == report


def test_no_step_of_the_shortest_form_can_be_left_out(fleet: Fleet) -> None:
    safeguard = next(each for each in SAFEGUARDS if each.name == "commit-before-call")
    failed = first_violation(fleet, safeguard.seeds, without=safeguard)
    assert failed is not None
    with safeguard.off(fleet.database):
        for step in {*range(1, failed.steps + 1)} - failed.skipped:
            fewer = play(fleet, failed.seed, steps=failed.steps, skipped=failed.skipped | {step})
            assert fewer.invariant != failed.invariant


@pytest.mark.parametrize(("steps", "text"), [([], ""), ([4], "4"), ([1, 2, 3, 7, 9, 10], "1-3,7,9-10")])
def test_steps_are_spelled_as_ranges(steps: list[int], text: str) -> None:
    assert spelled(steps) == text
    assert read_steps(text) == frozenset(steps)
