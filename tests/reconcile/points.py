"""A toy job, points on accounts: its rule, its suspects and their replay, all over a log that is a dictionary."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from reconcile import AcceptedDifference, FieldRule, Policy, ReconciliationPlan
from reconcile.replay import RunReplay, Suspect
from shadow.job import Job
from shadow.outcome import Outcome

Amounts = tuple[int, ...]

LATEST = Suspect(name="latest", says="leaves the latest amount out")
REFUNDS = Suspect(name="refunds", says="leaves refunds out")
TWICE = Suspect(name="twice", says="counts the first amount twice")
DOWN = Suspect(name="rounding", says="rounds down to tens")
UP = Suspect(name="rounding", says="rounds up to tens")
EMPTY = Suspect(name="empty", says="leaves accounts without points out")

_CHANGED: Mapping[Suspect, Callable[[Amounts], int]] = {
    LATEST: lambda amounts: sum(amounts[:-1]),
    REFUNDS: lambda amounts: sum(amount for amount in amounts if amount > 0),
    TWICE: lambda amounts: sum(amounts) + sum(amounts[:1]),
    DOWN: lambda amounts: sum(amounts) // 10 * 10,
    UP: lambda amounts: -(-sum(amounts) // 10) * 10,
    EMPTY: sum,
}


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the log says of one unit: amounts up to the barrier, and those that came late."""

    amounts: Amounts = ()
    late: Amounts = ()


@dataclass
class Points:
    """Replays runs over these accounts. `asked` has every unit and suspect it was asked for, in order."""

    accounts: Mapping[str, Account]
    suspects: Sequence[Suspect] = (LATEST, REFUNDS, TWICE, DOWN, UP, EMPTY)
    asked: list[tuple[str, Suspect | None]] = field(default_factory=list)

    def of_run(self, _connection: sa.Connection, _run: str, _late: Sequence[str]) -> RunReplay:
        """The same for every run."""
        return self

    def outcomes(self, units: Sequence[str], suspect: Suspect | None = None) -> Mapping[str, Outcome]:
        """What the rule, or the rule with one thing changed, says of these units."""
        self.asked += [(unit, suspect) for unit in units]
        known = {unit: self.accounts[unit].amounts for unit in units if unit in self.accounts}
        if suspect is EMPTY:
            known = {unit: amounts for unit, amounts in known.items() if sum(amounts)}
        count = _CHANGED[suspect] if suspect else sum
        return {unit: points(unit, count(amounts), amounts) for unit, amounts in known.items()}

    def with_late_events(self, units: Sequence[str]) -> Mapping[str, Outcome]:
        """What the rule says with the late amounts counted in."""
        known = {unit: self.accounts[unit] for unit in units if unit in self.accounts}
        whole = {unit: account.amounts + account.late for unit, account in known.items()}
        return {unit: points(unit, sum(amounts), amounts) for unit, amounts in whole.items()}


def points(unit: str, total: int, seen: Amounts) -> Outcome:
    """An outcome: so many points, computed from these amounts."""
    inputs = {"amounts": hashlib.blake2b(repr(seen).encode(), digest_size=8).hexdigest()}
    return Outcome(unit=unit, decision="send", fields={"points": total, "note": f"{total} points"}, inputs=inputs)


def plan_over(replayer: Points | None, *accepted: AcceptedDifference) -> ReconciliationPlan:
    """How points are compared and explained."""
    rules = FieldRule(field="points", show="number"), FieldRule(field="note")
    return ReconciliationPlan(
        job=Job(name="points", normalise=lambda fields: fields),
        policy=Policy(name="points", fields=rules, accepted=accepted),
        influences={"amounts": frozenset({"AmountBooked"})},
        replayer=replayer,
    )


def departing(outcome: Outcome, total: int) -> Outcome:
    """The outcome, from the same inputs, with another total."""
    return replace(outcome, fields={"points": total, "note": f"{total} points"})
