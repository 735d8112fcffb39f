"""Events about the migration itself: who may decide, who signed off on what, where it stands, what was rolled back.

They name operators and hold their reasons, and nothing of users.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from events.email_events import Run
from events.event import Event, Id, Moment, instant

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Stage = Literal["legacy", "shadow", "canary", "event_driven", "retired"]
Role = Literal["viewer", "operator", "approver"]

Person = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,98}[^\x00-\x20\x7f])?\Z")]
Why = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Digest = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x20\x7f]*\Z")]
Week = Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-W\d{2})?\Z")]


class StageEvent(Event, frozen=True, kw_only=True):
    """A fact about the migration, by somebody, for a reason. `by` is a person, a login, or `watch`."""

    by: Id
    why: Why

    def about(self) -> str:
        return instant(self.occurred_at)


class RoleGranted(StageEvent, frozen=True, kw_only=True):
    """The person has this role from now on, in place of an earlier one. `public_key` is in hexadecimal."""

    person: Person
    role: Role
    public_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]

    def about(self) -> str:
        return f"{self.person}@{instant(self.occurred_at)}"


class RoleRevoked(StageEvent, frozen=True, kw_only=True):
    """The person has no role any more, and what they signed does not count from now on."""

    person: Person

    def about(self) -> str:
        return f"{self.person}@{instant(self.occurred_at)}"


class SignedOff(Event, frozen=True, kw_only=True):
    """The person signs that the migration may move to `stage`, on the evidence of `report`, until `expires_at`.

    `code_version`, `policy` and `configuration` are what the report judged. `signature` (hexadecimal) is over all other
    fields.
    """

    person: Person
    report: Digest
    code_version: Digest
    policy: Digest
    configuration: Digest
    stage: Stage
    percent: Percent
    expires_at: Moment
    why: Why
    signature: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}\Z")]

    def about(self) -> str:
        return f"{self.person}@{instant(self.occurred_at)}"


class StageChanged(StageEvent, frozen=True, kw_only=True):
    """The migration stands at `stage` from now on; in `canary` the event-driven path owns so many percent of the users.

    `sign_offs` are the ids of the SignedOff events that a move forward rests on, `report` the digest they name; a move
    backward has neither. Version 1 knew of no sign-offs. A run that has begun keeps what its `WeekStarted` says.
    """

    version: ClassVar[int] = 2

    stage: Stage
    percent: Percent
    report: Digest = ""
    sign_offs: tuple[Id, ...] = ()

    def about(self) -> str:
        return f"{self.stage}@{instant(self.occurred_at)}"


class CanaryPaused(StageEvent, frozen=True, kw_only=True):
    """Runs that begin from now on go wholly to the legacy path, although the stage stays `canary`.

    With `until_run` those before this week do, and from its run on the canary goes on by itself.
    """

    until_run: Week = ""


class CanaryResumed(StageEvent, frozen=True, kw_only=True):
    """The canary goes on with the next run."""


class RunRolledBack(StageEvent, frozen=True, kw_only=True):
    """Whoever was not claimed yet in this run goes to the legacy path. A `drill` leaves the stage as it is."""

    run: Run
    drill: bool = False

    def about(self) -> str:
        return self.run


class DrillRecorded(StageEvent, frozen=True, kw_only=True):
    """A run that was rolled back as a drill is over. `moved` users changed their path; `why` says what was found."""

    run: Run
    passed: bool
    moved: Annotated[int, msgspec.Meta(ge=0)]

    def about(self) -> str:
        return self.run


STAGE_EVENTS = (
    RoleGranted,
    RoleRevoked,
    SignedOff,
    StageChanged,
    CanaryPaused,
    CanaryResumed,
    RunRolledBack,
    DrillRecorded,
)


def stage_changed_from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 rested on nothing."""
    return {**data, "report": "", "sign_offs": []}
