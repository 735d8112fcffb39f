"""Explanation by replay: one suspect at a time is varied until it brings the difference about.

The rule, applied to the log, says which path departs from it. Then suspects are tried: first all of them on a sample,
of which those are kept that together explain most, then the kept ones on everybody. What is left is sampled again, as
long as that finds anything.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconcile.finding import Finding
from reconcile.replay import RunReplay, Suspect
from reconcile.seal import Seal, seal
from shadow.outcome import Fields, Outcome, Path

SAMPLE = 64
"""Units on which every suspect is tried."""
AT_ONCE = 1_000
"""Units replayed at a time: what is held of them in memory."""

Normalise = Callable[[Fields], Fields]
Seals = Mapping[str, Seal]
PATHS: tuple[Path, Path] = ("legacy", "event_driven")


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """Both paths' outcomes of a unit by their seals; None where a path has none."""

    unit: str
    legacy: Seal | None
    event_driven: Seal | None

    def of(self, path: Path) -> Seal | None:
        """The seal of one path."""
        return self.legacy if path == "legacy" else self.event_driven


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What replay says of a unit: what the rule gives, also with the late events, and who departs from it how.

    `findings` has one entry for each path that departs. `late` is None where no late event was counted in.
    """

    rule: Seal | None
    late: Seal | None = None
    findings: tuple[Finding, ...] = ()

    def proves(self, sealed: Sealed) -> bool:
        """Whether the late events bring the difference about: each path did what the rule says of what it saw."""
        return self.late is not None and sealed.legacy == self.late and sealed.event_driven == self.rule


@dataclass(frozen=True)
class _Departure:
    """One path's outcome that is not what the rule says."""

    unit: str
    path: Path
    seal: Seal | None
    by_inputs: bool
    """The outcome is what the rule says; what it was computed from is not."""

    def is_brought_about_by(self, found: Seal | None) -> bool:
        if found is None or self.seal is None:
            return found is self.seal
        return found.inputs == self.seal.inputs if self.by_inputs else found.outcome == self.seal.outcome


@dataclass
class Explainer:
    """Explains the units of one run."""

    replay: RunReplay
    suspects: Sequence[Suspect]
    normalise: Normalise
    progress: Callable[[int], None] = lambda _: None

    def __call__(self, sealed: Sequence[Sealed], late: frozenset[str]) -> dict[str, Explanation]:
        """The explanation of each unit; those in `late` are replayed with the run's late events as well."""
        rule = self._replayed([each.unit for each in sealed])
        with_late = self._with_late([each.unit for each in sealed if each.unit in late])
        said = {each.unit: Explanation(rule=rule.get(each.unit), late=with_late.get(each.unit)) for each in sealed}
        unproven = [each for each in sealed if not said[each.unit].proves(each)]
        found = self._findings([each for pair in unproven for each in _departures(pair, rule.get(pair.unit))])
        return {unit: replace(each, findings=tuple(sorted(found.get(unit, ())))) for unit, each in said.items()}

    def _findings(self, departures: Sequence[_Departure]) -> Mapping[str, list[Finding]]:
        findings: dict[str, list[Finding]] = defaultdict(list)
        open_ones = list(departures)
        while open_ones:
            before = len(open_ones)
            for suspect in self._chosen(_sampled(open_ones)):
                open_ones = self._try(suspect, open_ones, findings)
                self.progress(len(departures) - len(open_ones))
            if len(open_ones) == before:
                break
        for each in open_ones:
            findings[each.unit].append(Finding(path=each.path))
        return findings

    def _try(
        self, suspect: Suspect, departures: Sequence[_Departure], findings: dict[str, list[Finding]]
    ) -> list[_Departure]:
        """Write down whose departure this suspect brings about; the others."""
        replayed = self._replayed(sorted({each.unit for each in departures}), suspect)
        left = []
        for each in departures:
            if each.is_brought_about_by(replayed.get(each.unit)):
                findings[each.unit].append(Finding(path=each.path, suspect=suspect.name, says=suspect.says))
            else:
                left.append(each)
        return left

    def _chosen(self, sample: Sequence[_Departure]) -> list[Suspect]:
        """The suspects that explain the sample, those first that explain most of what is then left."""
        units = sorted({each.unit for each in sample})
        explained: dict[int, set[_Departure]] = {}
        for number, suspect in enumerate(self.suspects):
            replayed = self._replayed(units, suspect)
            explained[number] = {each for each in sample if each.is_brought_about_by(replayed.get(each.unit))}
        return [self.suspects[number] for number in _cover(explained)]

    def _replayed(self, units: Sequence[str], suspect: Suspect | None = None) -> Seals:
        return self._sealed(self.replay.outcomes(some, suspect) for some in _chunks(units))

    def _with_late(self, units: Sequence[str]) -> Seals:
        return self._sealed(self.replay.with_late_events(some) for some in _chunks(units))

    def _sealed(self, chunks: Iterable[Mapping[str, Outcome]]) -> Seals:
        return {unit: seal(outcome, self.normalise) for chunk in chunks for unit, outcome in chunk.items()}


def _departures(sealed: Sealed, rule: Seal | None) -> list[_Departure]:
    """The paths whose outcome the rule does not give. Inputs are looked at where the outcomes leave nothing to ask."""
    found = [
        _Departure(sealed.unit, path, sealed.of(path), False)
        for path in PATHS
        if _outcome(sealed.of(path)) != _outcome(rule)
    ]
    misread = sealed.event_driven is not None and rule is not None and sealed.event_driven.inputs != rule.inputs
    if not found and misread:
        return [_Departure(sealed.unit, "event_driven", sealed.event_driven, True)]
    return found


def _outcome(found: Seal | None) -> bytes | None:
    return found.outcome if found else None


def _cover(explained: Mapping[int, set[_Departure]]) -> list[int]:
    """Which suspects to keep: each time the one that explains most of what is left, of equals the first."""
    left, kept = {number: set(found) for number, found in explained.items()}, []
    while left:
        best = max(left, key=lambda number: (len(left[number]), -number))
        done = left.pop(best)
        if not done:
            break
        kept.append(best)
        left = {number: found - done for number, found in left.items()}
    return kept


def _sampled(departures: Sequence[_Departure]) -> Sequence[_Departure]:
    """Some of them, chosen by hash: always the same ones, but no particular ones."""
    return sorted(departures, key=lambda each: (_scattered(each.unit), each.path))[:SAMPLE]


def _scattered(unit: str) -> bytes:
    return hashlib.blake2b(unit.encode(), digest_size=8).digest()


def _chunks(units: Sequence[str]) -> Iterable[Sequence[str]]:
    return (units[start : start + AT_ONCE] for start in range(0, len(units), AT_ONCE))
