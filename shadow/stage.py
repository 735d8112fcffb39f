"""The stage: where the migration stands, as the log tells it, and what that means for a run that begins now."""

from dataclasses import dataclass

import sqlalchemy as sa

from shadow.history import Migration, Pause, migration


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A stage, and the share of units that the event-driven path owns in it; unless it is paused."""

    stage: str = "legacy"
    percent: float = 0.0
    pause: Pause | None = None

    @property
    def sends(self) -> bool:
        """Whether a weekly run that begins now acts through the gate. In stage `legacy` the batch acts by itself."""
        return self.stage != "legacy"

    def percent_for(self, run: str) -> float:
        """The share of units that the event-driven path owns in a run which begins now."""
        return 0.0 if self.pause is not None and self.pause.holds(run) else self.percent


def standing(connection: sa.Connection) -> Standing:
    """Where the migration stands: what the last `StageChanged` in the log that counts says; else stage `legacy`."""
    return standing_of(migration(connection))


def standing_of(found: Migration) -> Standing:
    """What a migration means for a run that begins now."""
    here = found.here
    percent = {"canary": here.percent, "event_driven": 100.0, "retired": 100.0}.get(here.stage, 0.0)
    return Standing(stage=here.stage, percent=percent, pause=found.pause if here.stage == "canary" else None)
