"""When runs are due, and what they are called: ISO weeks send, dates only compare."""

import re
from datetime import UTC, date, datetime, time, timedelta

from events import DayStarted, RunEvent, WeekStarted
from shadow.errors import BadRunName

WEEKLY_AT = time(9, tzinfo=UTC)
DAILY_AT = time(3, tzinfo=UTC)

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def week_of(moment: datetime) -> str:
    """The name of the weekly run of the ISO week that `moment` lies in (in UTC)."""
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year}-W{week:02d}"


def scheduled_at(run: str) -> datetime:
    """The time a run is for: a week's Monday 09:00 UTC, a date's 03:00 UTC. Raises BadRunName."""
    try:
        if week := _WEEK.fullmatch(run):
            return datetime.combine(date.fromisocalendar(int(week[1]), int(week[2]), 1), WEEKLY_AT)
        if _DAY.fullmatch(run):
            return datetime.combine(date.fromisoformat(run), DAILY_AT)
    except ValueError as problem:
        raise BadRunName(run) from problem
    raise BadRunName(run)


def run_event(run: str, *, sends: bool = False, percent: float = 0.0, salt: str = "") -> RunEvent:
    """The event that begins this run; its id is the same whoever begins it, and when. Raises BadRunName.

    Who sends concerns weeks only: a daily run compares.
    """
    due = scheduled_at(run)
    if _WEEK.fullmatch(run):
        return WeekStarted(
            run=run, scheduled_at=due, occurred_at=due, sends=sends, event_driven_percent=percent, salt=salt
        )
    return DayStarted(run=run, scheduled_at=due, occurred_at=due)


def runs_between(start: date, end: date, *, nights: int = 7) -> list[str]:
    """The weekly runs due on a Monday in [start, end), and a daily run for each of the last `nights` days, in order."""
    days = [start + timedelta(days=number) for number in range((end - start).days)]
    weeks = [week_of(datetime.combine(day, WEEKLY_AT)) for day in days if day.isoweekday() == 1]
    return sorted([*weeks, *(day.isoformat() for day in days[-nights:])] if nights else weeks, key=scheduled_at)
