"""How many examples state machines are tried with: a few in the tests, CUTOVER_EFFORT times as many when asked for."""

import os

from hypothesis import settings

EFFORT = int(os.environ.get("CUTOVER_EFFORT", "1"))


def machine_settings(examples: int, steps: int) -> settings:
    """Settings for so many examples, times the effort, of so many steps each."""
    return settings(max_examples=examples * EFFORT, stateful_step_count=steps)
