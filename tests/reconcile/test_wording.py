"""Numbers are said so that none looks better than it is, and commands so that they can be pasted."""

import pytest

from reconcile.groups import Group
from reconcile.wording import command, duration, milliseconds, percent


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.188, "18.8 %"),
        (0.0000093, "0.00093 %"),
        (0.99996, "99.996 %"),
        (0.99999999, "99.999 %"),
        (0.9985, "99.9 %"),
    ],
)
def test_only_nothing_is_0_percent_and_only_the_whole_is_100(share: float, said: str) -> None:
    assert percent(share) == said


def test_times_are_said_in_the_unit_that_fits() -> None:
    assert [milliseconds(value) for value in (0, 0.0396, 9.5, 1234.5)] == ["0 ms", "0.04 ms", "9.50 ms", "1,234 ms"]
    assert [duration(value) for value in (0.5, 2, 90, 7_200, None)] == [
        "500 ms",
        "2.0 s",
        "1 min 30 s",
        "2 h 0 min",
        "unfinished",
    ]


def test_what_is_filled_into_a_command_is_quoted_and_never_filled_in_again() -> None:
    template = "cutover explain {run} {unit} --suspect {suspect}"
    assert command(template, "2026-W47", "u1", "ties") == "cutover explain 2026-W47 u1 --suspect ties"
    assert command(template, "$(x)", "{suspect}", "a b") == "cutover explain '$(x)' '{suspect}' --suspect 'a b'"
    assert command("cutover explain {run} {unit}", "r") == "cutover explain r …"


def test_a_sample_holds_what_is_asked_for_first_and_is_always_the_same() -> None:
    units = tuple(f"u{number:03d}" for number in range(200))
    group = Group(verdict="mismatch", kind="order", units=units)
    sample = group.sample(50, first={"u123", "u007"})
    assert len(sample) == 50
    assert {"u123", "u007"} <= set(sample)
    assert sample == tuple(sorted(sample)) == group.sample(50, first={"u007", "u123"})
