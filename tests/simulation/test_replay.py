"""A seed is a schedule: played again, it is the same one."""

from tests.simulation.playing import play
from tests.simulation.world import Fleet


def test_the_same_seed_gives_the_same_trace(fleet: Fleet) -> None:
    first = [play(fleet, seed).trace.digest() for seed in range(12)]
    again = [play(fleet, seed).trace.digest() for seed in range(12)]
    assert first == again
    assert len(set(first)) == len(first)


def test_what_a_shorter_schedule_does_is_what_the_whole_one_does_at_first(fleet: Fleet) -> None:
    whole, part = play(fleet, 3), play(fleet, 3, steps=10)
    early = [line for line in whole.trace.lines if line[0] <= 10]
    assert part.trace.lines[: len(early)] == early
