"""One reconciled run in one line."""

from reconcile import Totals


def line_of(totals: Totals) -> str:
    """One run in one line."""
    seconds = totals.seconds
    return (
        f"  {totals.run:<10}  {totals.pairs:>7,} pairs  {totals.match:>7,} match  {totals.explained:>5,} explained  "
        f"{totals.mismatch:>5,} mismatch  {totals.incomplete:>5,} incomplete   "
        f"legacy {seconds.get('legacy') or 0:.1f} s, event-driven {seconds.get('event_driven') or 0:.1f} s"
    )
