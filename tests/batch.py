"""The frozen batch and its tap, as long as they are there: tests that need them are skipped once they are deleted."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shadow.legacy_tap import Tapped

RETIRED = find_spec("legacy_cron") is None or find_spec("shadow.legacy_tap") is None


only_before = pytest.mark.skipif(
    RETIRED, reason="the legacy batch is retired, and this test holds something against it"
)
"""Marks a test that needs the batch."""


def needed() -> None:
    """Skip the test that asks, if the batch is gone."""
    if RETIRED:
        pytest.skip("the legacy batch is retired, and this test holds something against it")


def weekly_recommendations() -> Callable[..., object]:
    """The batch's `run`."""
    needed()
    from legacy_cron.weekly_recommendations import run

    return run


def run_legacy() -> "Callable[..., Tapped]":
    """The tap."""
    needed()
    from shadow.legacy_tap import run_legacy as tap

    return tap
