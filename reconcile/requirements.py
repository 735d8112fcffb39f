"""What each stage asks for before the migration may move there, as data; and the settings that change it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from events.stage_events import Stage
from runtime.settings import Environment


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """The limits of one target stage; None: not asked for.

    `days` are consecutive compared days, `coverage`, `bound` and `failure_rate` shares from 0 to 1, `age` and `lag`
    seconds: how long ago the last compared run may lie, and how long an event may wait to be folded.
    """

    days: int = 7
    coverage: float = 0.999
    unexplained: int = 0
    bound: float | None = 0.001
    age: float = 3 * 86400.0
    failure_rate: float | None = 0.005
    lag: float = 60.0
    deadline: bool = True
    approvers: int = 1
    drill: bool = False


_BY_STAGE: Mapping[Stage, Requirements] = {
    "shadow": Requirements(days=1, bound=None, failure_rate=None, deadline=False),
    "canary": Requirements(),
    "event_driven": Requirements(approvers=2),
    "retired": Requirements(approvers=2, drill=True),
}


class StageSettings(Environment):
    """How many have to approve the last stages, and for how long a sign-off is good."""

    expected: ClassVar[Mapping[str, str]] = {
        "CUTOVER_APPROVERS": "a whole number from 1 to 9",
        "CUTOVER_SIGN_OFF_DAYS": "a number of days from 0.01 to 30",
    }

    approvers: int = Field(default=2, ge=1, le=9, validation_alias="CUTOVER_APPROVERS")
    """How many different approvers event_driven and retired take. The stages before take one."""
    sign_off_days: float = Field(default=3.0, ge=0.01, le=30, validation_alias="CUTOVER_SIGN_OFF_DAYS")
    """How long a sign-off is good, in days."""

    @property
    def validity(self) -> timedelta:
        """How long a sign-off is good."""
        return timedelta(days=self.sign_off_days)


def requirements(stage: Stage, *, approvers: int = 2) -> Requirements:
    """What the migration must show to move to this stage; `approvers` sign the last two."""
    found = _BY_STAGE[stage]
    return replace(found, approvers=approvers) if found.approvers > 1 else found
