"""The calendar of a rehearsed migration: which stage its weeks are in, and when it moves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from console.failures import WrongUse
from shadow.moves import Place
from shadow.schedule import scheduled_at, week_of

WEEKS: tuple[Place, ...] = (
    Place(stage="shadow"),
    Place(stage="canary", percent=5.0),
    Place(stage="canary", percent=25.0),
    Place(stage="event_driven"),
    Place(stage="retired"),
)
"""Where each week stands. Before the first one everything is in stage legacy."""

DRILL = Place(stage="canary", percent=25.0)
"""In this week a rollback is practised."""

MOVE_AT = time(12, tzinfo=UTC)
"""On Sundays, after the night's run and a look at the report."""


@dataclass(frozen=True, kw_only=True)
class Week:
    """One week: the move before it, its Monday's run and its nights. The last one has no nights: it is over."""

    place: Place
    moves_at: datetime
    evidence: Sequence[str]
    runs: Sequence[str]

    @property
    def weekly(self) -> str:
        """The run that sends."""
        return next(run for run in self.runs if "-W" in run)


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The weeks of a migration whose last Monday is the last one before `end`.

    Each week has a run on each of its last `nights`; the real stage gates ask for seven.
    """

    end: date
    nights: int = 7

    @property
    def first_monday(self) -> date:
        """The Monday of the first week."""
        last = self.end - timedelta(days=1)
        return last - timedelta(days=last.weekday()) - timedelta(weeks=len(WEEKS) - 1)

    @property
    def start(self) -> date:
        """The day of the first run, which only compares: the Sunday before the first Monday."""
        return self.first_monday - timedelta(days=1)

    @property
    def first_run(self) -> str:
        """The night in stage legacy on which the first move rests."""
        return self.start.isoformat()

    def weeks(self) -> Iterator[Week]:
        """Every week, in order."""
        before: Sequence[str] = [self.first_run]
        for number, place in enumerate(WEEKS):
            monday = self.first_monday + timedelta(weeks=number)
            runs = _runs(monday, 0 if place.stage == "retired" else self.nights)
            sunday = datetime.combine(monday - timedelta(days=1), MOVE_AT)
            yield Week(place=place, moves_at=sunday, evidence=before, runs=runs)
            before = runs

    def check(self, first: datetime) -> None:
        """Raise WrongUse if the history begins too late for it."""
        if first.date() >= self.start:
            raise WrongUse(
                f"a migration takes {len(WEEKS)} weeks, here from {self.start} on, and the history begins on "
                f"{first.date()}: give a longer one, or a later --until"
            )


def _runs(monday: date, nights: int) -> list[str]:
    days = [(monday + timedelta(days=number)).isoformat() for number in range(7 - nights, 7)]
    return sorted([week_of(datetime.combine(monday, MOVE_AT)), *days], key=scheduled_at)
