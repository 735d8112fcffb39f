"""Moves of the migration: which lead forward, and which of those may follow which."""

from dataclasses import dataclass

from events.stage_events import Stage
from shadow.errors import IllegalMove

STAGES: tuple[Stage, ...] = ("legacy", "shadow", "canary", "event_driven", "retired")
STEPS = (5.0, 25.0, 50.0)
"""The percentages that are proposed for a canary; others may be asked for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stage, and in `canary` the percentage; 0 elsewhere."""

    stage: Stage
    percent: float = 0.0

    def __str__(self) -> str:
        return f"canary at {self.percent:g} %" if self.stage == "canary" else self.stage


def place(stage: Stage, percent: float | None = None) -> Place:
    """The place that these name. Raises IllegalMove for a percentage that is missing, out of range or meaningless."""
    if stage != "canary":
        if percent:
            raise IllegalMove(f"the percentage is {percent:g}, but only canary has one; stage {stage} takes none")
        return Place(stage=stage)
    if percent is None:
        raise IllegalMove("a canary needs a percentage: give --percent, over 0 and at most 100")
    if not 0 < percent <= 100:
        raise IllegalMove(f"the percentage is {percent:g}: expected over 0 and at most 100")
    return Place(stage=stage, percent=percent)


def forward(here: Place, there: Place) -> bool:
    """Whether going from here to there hands more to the event-driven path."""
    return _rank(there) > _rank(here)


def check_forward(here: Place, there: Place) -> None:
    """Raise IllegalMove unless `there` is ahead, and the next stage or a larger canary."""
    if not forward(here, there):
        raise IllegalMove(f"the migration stands at {here}, and {there} is not ahead; back leads `cutover rollback`")
    if STAGES.index(there.stage) > STAGES.index(here.stage) + 1:
        expected = STAGES[STAGES.index(here.stage) + 1]
        raise IllegalMove(f"from {here} the next stage is {expected}, not {there.stage}: stages are not skipped")


def check_backward(here: Place, there: Place) -> None:
    """Raise IllegalMove unless `there` is behind."""
    if here == there or forward(here, there):
        raise IllegalMove(f"the migration stands at {here}, and {there} is not behind; ahead leads `cutover stage`")


def proposed(here: Place) -> Place | None:
    """The usual next step; None at the end."""
    match here.stage:
        case "legacy":
            return Place(stage="shadow")
        case "shadow":
            return Place(stage="canary", percent=STEPS[0])
        case "canary":
            step = next((each for each in STEPS if each > here.percent), None)
            return Place(stage="canary", percent=step) if step else Place(stage="event_driven")
        case "event_driven":
            return Place(stage="retired")
        case _:
            return None


def _rank(of: Place) -> tuple[int, float]:
    return STAGES.index(of.stage), of.percent
