"""From the totals of runs to the exit code."""

from collections.abc import Sequence

from console.failures import Exit
from reconcile import Totals, mostly_unequal


def exit_code(totals: Sequence[Totals]) -> Exit:
    """NO when outcomes differ; INCOMPLETE when some pairs could not be judged, or hardly any could."""
    if any(each.mismatch for each in totals):
        return Exit.NO
    return Exit.INCOMPLETE if any(each.incomplete or mostly_unequal(each) for each in totals) else Exit.GOOD
