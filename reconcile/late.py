"""Late events: what the legacy snapshot saw although it lies behind the barrier, and whom it can concern."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from shadow import schema as shadow


@dataclass(frozen=True, kw_only=True)
class LateEvent:
    """One late event; `unit` None concerns every unit."""

    event_id: str
    type: str
    unit: str | None = None


class LateEvents:
    """The late events of one run, by whom they concern."""

    def __init__(self, events: Iterable[LateEvent]) -> None:
        self._of_type: dict[str, list[LateEvent]] = defaultdict(list)
        self._of_unit: dict[str | None, list[LateEvent]] = defaultdict(list)
        for event in sorted(events, key=lambda event: event.event_id):
            self._of_type[event.type].append(event)
            self._of_unit[event.unit].append(event)

    def ids(self) -> tuple[str, ...]:
        """The ids of all of them."""
        return tuple(event.event_id for events in self._of_type.values() for event in events)

    def of_unit(self, unit: str) -> tuple[LateEvent, ...]:
        """The events of this very unit."""
        return tuple(self._of_unit.get(unit, ()))

    def able(self, types: frozenset[str], unit: str, *, shared: bool) -> tuple[LateEvent, ...]:
        """The events of these types that can concern the unit, its own first.

        If the input is `shared`, events of other units can as well.
        """
        near = [*self._of_unit.get(unit, ()), *self._of_unit.get(None, ())]
        own = [event for event in near if event.type in types]
        if not shared:
            return tuple(own)
        anyone = (event for kind in sorted(types) for event in self._of_type.get(kind, ()))
        return (*own, *(event for event in anyone if event.unit not in (unit, None)))

    def counts(self) -> dict[str, int]:
        """How many late events of each type the run has."""
        return {kind: len(events) for kind, events in sorted(self._of_type.items())}


def late_events(connection: Connection, run: str) -> LateEvents:
    """All late events of the run."""
    table = shadow.late_events
    rows = connection.execute(select(table.c.event_id, table.c.type, table.c.unit).where(table.c.run == run))
    return LateEvents(LateEvent(event_id=row.event_id, type=row.type, unit=row.unit) for row in rows)
