"""The replay of weekly recommendations, in the form in which reconciliation asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from console.weekly_outcome import outcome_of
from handlers.emails import Directory
from handlers.replay.rule import RULE, SUSPECTS, Rule
from handlers.replay.weekly_replay import WeeklyReplay
from reconcile.replay import RunReplay, Suspect
from shadow.outcome import Outcome

_RULES: Mapping[Suspect, Rule] = {Suspect(name=each.name, says=each.says): each.rule for each in SUSPECTS}


class WeeklyReplayer:
    """Replays weekly and daily runs; names come from `directory`."""

    suspects: Sequence[Suspect] = tuple(_RULES)

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def of_run(self, connection: sa.Connection, run: str, late: Sequence[str]) -> RunReplay:
        """The replay of one run."""
        return _Outcomes(WeeklyReplay(connection, run, late, self._directory))


class _Outcomes:
    def __init__(self, replay: WeeklyReplay) -> None:
        self._replay = replay

    def outcomes(self, units: Sequence[str], suspect: Suspect | None = None) -> Mapping[str, Outcome]:
        return self._planned(units, _RULES[suspect] if suspect else RULE)

    def with_late_events(self, units: Sequence[str]) -> Mapping[str, Outcome]:
        return self._planned(units, replace(RULE, until="late events"))

    def _planned(self, units: Sequence[str], rule: Rule) -> Mapping[str, Outcome]:
        return {user: outcome_of(plan) for user, plan in self._replay.planned(units, rule).items()}
