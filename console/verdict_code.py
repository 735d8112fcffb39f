"""From the totals of runs to the exit code."""

from collections.abc import Mapping, Sequence

from console.failures import Exit
from reconcile import Totals, answer

CODES: Mapping[str, Exit] = {"ready": Exit.GOOD, "differ": Exit.NO, "incomplete": Exit.INCOMPLETE}
"""By the state of the answer that a person reads."""


def exit_code(totals: Sequence[Totals]) -> Exit:
    """NO when outcomes differ; INCOMPLETE when what was seen is not enough to say anything."""
    return CODES[answer(totals).state]
