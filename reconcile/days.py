"""Days: how many in a row were compared, counted back from the last one."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta


def days_in_a_row(compared: Iterable[datetime]) -> int:
    """The number of consecutive days (UTC) on which something was compared, up to the last of them; 0 for none."""
    days = {moment.astimezone(UTC).date() for moment in compared}
    return _back_from(max(days), days) if days else 0


def _back_from(last: date, days: set[date]) -> int:
    number = 0
    while last - timedelta(days=number) in days:
        number += 1
    return number
