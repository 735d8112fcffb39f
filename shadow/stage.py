"""The stage: where the migration stands, as the log tells it, and what that means for a run that begins now."""

from dataclasses import dataclass

import sqlalchemy as sa

from events import Event, StageChanged, decode


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A stage, and the share of units that the event-driven path owns in it."""

    stage: str = "legacy"
    percent: float = 0.0

    @property
    def sends(self) -> bool:
        """Whether a weekly run that begins now acts through the gate. In stage `legacy` the batch acts by itself."""
        return self.stage != "legacy"


def standing(connection: sa.Connection) -> Standing:
    """Where the migration stands: what the last `StageChanged` in the log says; stage `legacy` if there is none."""
    row = connection.execute(_LAST).one_or_none()
    if row is None:
        return Standing()
    event: Event = decode("StageChanged", row.version, row.data)
    if not isinstance(event, StageChanged):
        raise TypeError(f"StageChanged was decoded as {event.type}")
    percent = {"canary": event.percent, "event_driven": 100.0, "retired": 100.0}.get(event.stage, 0.0)
    return Standing(stage=event.stage, percent=percent)


_LAST = sa.text("""
    SELECT version, data::text AS data FROM cutover.events
    WHERE type = 'StageChanged' AND partition = -1 ORDER BY position DESC LIMIT 1
""")
