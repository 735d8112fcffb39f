"""The overview: what all runs of a report come to together, as the page tells it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconcile.finding import Finding
from reconcile.grants import Grant
from reconcile.kinds import rank
from reconcile.measures import Noise
from reconcile.report import Report
from reconcile.statistics import interval


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause over all runs: of how many pairs, in how many runs, and which run and unit are examples of it."""

    finding: Finding | None
    pairs: int
    runs: int
    examples: tuple[tuple[str, str], ...]

    @property
    def explains(self) -> bool:
        """Whether a suspect brings it about."""
        return self.finding is not None and self.finding.explains


@dataclass(frozen=True, kw_only=True)
class KindOfMismatch:
    """One kind over all runs: of how many pairs, and in how many of them which field differs."""

    kind: str
    pairs: int
    fields: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class LetPass:
    """Something the policy lets pass, whoever answers for it, and of how many pairs it was needed."""

    what: str
    says: str
    grant: Grant
    hits: int


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many of how many, and the two-sided interval in which the rate lies with 95 % confidence."""

    seen: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """From 0 to 1; 0 of nothing."""
        return self.seen / self.of if self.of else 0.0


EXAMPLES = 4


def causes(report: Report) -> list[Cause]:
    """Every cause of mismatches: those that nothing explains first, then the most frequent first."""
    pairs: Counter[Finding | None] = Counter()
    examples: dict[Finding | None, list[list[tuple[str, str]]]] = {}
    for run in report.runs:
        for each in run.found_causes:
            pairs[each.finding] += each.pairs
            examples.setdefault(each.finding, []).append([(run.run.run, unit) for unit in each.units])
    found = [
        Cause(finding=finding, pairs=number, runs=len(examples[finding]), examples=_some(examples[finding]))
        for finding, number in pairs.items()
    ]
    return sorted(found, key=lambda cause: (cause.explains, -cause.pairs))


def kinds(report: Report) -> list[KindOfMismatch]:
    """Every kind of mismatch, the most frequent first; of equals the most telling."""
    numbers: Counter[str] = Counter()
    fields: dict[str, Counter[str]] = {}
    for run in report.runs:
        numbers.update(run.reconciled.totals.kinds)
        for kind, differing in run.fields_by_kind.items():
            fields.setdefault(kind, Counter()).update(differing)
    found = [
        KindOfMismatch(kind=kind, pairs=number, fields=dict(fields.get(kind, Counter()).most_common()))
        for kind, number in numbers.items()
        if number
    ]
    return sorted(found, key=lambda each: (-each.pairs, rank(each.kind)))


def fields(report: Report) -> dict[str, int]:
    """In how many mismatches which field differs, the most frequent first."""
    found: Counter[str] = Counter()
    for run in report.runs:
        found.update(run.reconciled.totals.fields)
    return dict(found.most_common())


def explained_by(report: Report) -> dict[str, int]:
    """What explains the explained pairs, and how many of them."""
    found: Counter[str] = Counter()
    for run in report.runs:
        found.update(run.reconciled.totals.because)
    return dict(found.most_common())


def let_pass(report: Report) -> Iterator[LetPass]:
    """Accepted differences and tolerances, in the policy's order."""
    accepted: Counter[str] = Counter()
    tolerated: Counter[str] = Counter()
    for run in report.runs:
        accepted.update(run.reconciled.totals.accepted)
        tolerated.update(run.reconciled.totals.tolerated)
    for each in report.policy.accepted:
        yield LetPass(what="accepted difference", says=each.name, grant=each, hits=accepted[each.name])
    for rule in report.policy.fields:
        if rule.tolerance:
            says = f"{rule.field} {rule.tolerance.says()}"
            yield LetPass(what="tolerance", says=says, grant=rule.tolerance, hits=tolerated[rule.steps[0]])


def mismatch_rate(report: Report) -> Rate:
    """The mismatches among all pairs with equal inputs."""
    totals = [run.reconciled.totals for run in report.runs]
    return _rate(sum(run.mismatch for run in totals), sum(run.judged for run in totals))


def noise_rate(report: Report) -> Rate | None:
    """How often the legacy path contradicts itself; None if nobody measured it."""
    noises: list[Noise] = [run.reconciled.totals.noise for run in report.runs if run.reconciled.totals.noise]
    if not noises:
        return None
    return _rate(sum(noise.differing for noise in noises), sum(noise.sampled for noise in noises))


def _rate(seen: int, of: int) -> Rate:
    low, high = interval(seen, of)
    return Rate(seen=seen, of=of, low=low, high=high)


def _some(examples: list[list[tuple[str, str]]]) -> tuple[tuple[str, str], ...]:
    """A few, of as many runs as there are: no unit twice."""
    longest = max(len(each) for each in examples)
    turns = [each[turn] for turn in range(longest) for each in examples if turn < len(each)]
    by_unit = {unit: (run, unit) for run, unit in reversed(turns)}
    return tuple(example for example in turns if by_unit[example[1]] == example)[:EXAMPLES]
