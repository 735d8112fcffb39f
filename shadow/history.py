"""The migration as the log tells it: people, sign-offs, where it stands, pauses and drills, folded in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from events import (
    CanaryPaused,
    CanaryResumed,
    DrillRecorded,
    Event,
    RoleGranted,
    RoleRevoked,
    SignedOff,
    StageChanged,
    decode,
)
from shadow.moves import Place, forward
from shadow.people import Member
from shadow.sign_off import Given, refusals


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event at its position, and when the database logged it, whatever time it claims for itself."""

    position: int
    recorded_at: datetime
    event: Event


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the stage that counts. The first one is nobody's: everything begins in `legacy`."""

    place: Place = field(default_factory=lambda: Place(stage="legacy"))
    position: int = 0
    at: datetime | None = None
    by: str = ""
    why: str = ""
    report: str = ""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """The canary is paused: for runs before `until_run`, or until it is resumed if that is empty."""

    at: datetime
    by: str
    why: str
    until_run: str = ""

    def holds(self, run: str) -> bool:
        """Whether a run that begins now goes wholly to the legacy path. ISO weeks sort as text."""
        return not self.until_run or run < self.until_run


@dataclass(frozen=True, kw_only=True)
class Migration:
    """Everything the log tells of the migration.

    `ignored` says which changes of the stage, told since the last one that counts, do not count, and why.
    """

    change: Change = field(default_factory=Change)
    people: Mapping[str, Member] = field(default_factory=dict)
    sign_offs: tuple[Given, ...] = ()
    pause: Pause | None = None
    drill: DrillRecorded | None = None
    ignored: tuple[str, ...] = ()

    @property
    def here(self) -> Place:
        """Where the migration stands."""
        return self.change.place


def fold(told: Sequence[Told]) -> Migration:
    """The migration after these events, in the order of the log."""
    migration = Migration()
    for each in told:
        step = _STEPS.get(type(each.event))
        if step is not None:
            migration = step(migration, each, each.event)
    return migration


def migration(connection: sa.Connection) -> Migration:
    """The migration as the log tells it now."""
    rows = connection.execute(_TOLD, {"types": [kind.__name__ for kind in _STEPS]})
    return fold(
        [
            Told(position=row.position, recorded_at=row.recorded_at, event=decode(row.type, row.version, row.data))
            for row in rows
        ]
    )


def _granted(before: Migration, told: Told, event: RoleGranted) -> Migration:
    member = Member(person=event.person, role=event.role, key=event.public_key, position=told.position)
    return replace(before, people={**before.people, event.person: member})


def _revoked(before: Migration, _: Told, event: RoleRevoked) -> Migration:
    return replace(before, people={name: each for name, each in before.people.items() if name != event.person})


def _signed_off(before: Migration, told: Told, event: SignedOff) -> Migration:
    given = Given(sign_off=event, position=told.position, member=before.people.get(event.person))
    return replace(before, sign_offs=(*before.sign_offs, given))


def _changed(before: Migration, told: Told, event: StageChanged) -> Migration:
    there = Place(stage=event.stage, percent=event.percent if event.stage == "canary" else 0.0)
    if forward(before.here, there) and (why := _unfounded(before, told, event, there)):
        return replace(before, ignored=(*before.ignored, f"{event.event_id} at position {told.position}: {why}"))
    change = Change(
        place=there,
        position=told.position,
        at=event.occurred_at,
        by=event.by,
        why=event.why,
        report=event.report,
    )
    return replace(before, change=change, pause=None, ignored=())


def _unfounded(before: Migration, told: Told, event: StageChanged, there: Place) -> str:
    """Why a move forward does not count, empty if it does: at least one sign-off it rests on must."""
    named = [given for given in before.sign_offs if given.sign_off.event_id in event.sign_offs]
    if not named:
        return "it rests on no sign-off"
    problems: list[str] = []
    for given in named:
        found = refusals(given, before.people, there, changed_at=before.change.position, moment=told.recorded_at)
        if given.sign_off.report != event.report:
            found = [*found, "for another report"]
        if not found:
            return ""
        problems += found
    return "; ".join(problems)


def _paused(before: Migration, _: Told, event: CanaryPaused) -> Migration:
    return replace(before, pause=Pause(at=event.occurred_at, by=event.by, why=event.why, until_run=event.until_run))


def _resumed(before: Migration, _: Told, __: CanaryResumed) -> Migration:
    return replace(before, pause=None)


def _drilled(before: Migration, _: Told, event: DrillRecorded) -> Migration:
    return replace(before, drill=event)


_STEPS: Mapping[type[Event], Callable[[Migration, Told, Any], Migration]] = {
    RoleGranted: _granted,
    RoleRevoked: _revoked,
    SignedOff: _signed_off,
    StageChanged: _changed,
    CanaryPaused: _paused,
    CanaryResumed: _resumed,
    DrillRecorded: _drilled,
}

_TOLD = sa.text("""
    SELECT position, type, version, data::text AS data, recorded_at FROM cutover.events
    WHERE type = ANY(:types) AND partition = -1 ORDER BY position
""")
