"""Totals: what a reconciled run came to, in numbers that add up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from reconcile.measures import Noise, Timing
from reconcile.statistics import upper_bound
from shadow.outcome import Path


@dataclass(frozen=True, kw_only=True)
class CauseTotal:
    """How many mismatching units of a run have this finding; `suspect` empty: nothing explains it."""

    path: Path
    suspect: str
    says: str
    units: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Every pair is in exactly one of match, explained, mismatch and incomplete; together they are `pairs`.

    `matched_within_tolerance` of the matches are equal under the policy but not identical; `tolerated` counts
    the fields to which that happened. `kinds` counts the mismatches by primary kind, `fields` those in which a
    field differs. `unexplained` of the mismatches have no cause that replay brings about; `causes` counts findings.
    `granted` of the explained ones were compared, and differ in what the policy accepts and in nothing else.
    `because` counts the explained ones by what explains them, `accepted` those by accepted difference, also of those
    never met. `due` is how many units must have an outcome. `unfinished` are the paths that have not finished;
    `seconds` is what a path took, None until it has finished; `timings` is what its single outcomes took when all were
    looked at last.
    """

    run: str
    pairs: int
    match: int = 0
    explained: int = 0
    granted: int = 0
    mismatch: int = 0
    incomplete: int = 0
    matched_within_tolerance: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, int] = field(default_factory=dict)
    tolerated: Mapping[str, int] = field(default_factory=dict)
    unfinished: tuple[Path, ...] = ()
    seconds: Mapping[str, float | None] = field(default_factory=dict)
    due: int = 0
    unexplained: int = 0
    causes: tuple[CauseTotal, ...] = ()
    because: Mapping[str, int] = field(default_factory=dict)
    accepted: Mapping[str, int] = field(default_factory=dict)
    timings: Mapping[str, Timing] = field(default_factory=dict)
    noise: Noise | None = None

    @property
    def judged(self) -> int:
        """Pairs with equal inputs on which there is a verdict."""
        return self.match + self.mismatch + self.granted

    @property
    def coverage(self) -> float:
        """Pairs with a verdict, over pairs that are due; from 0 to 1. Nothing is due and nothing there: 0."""
        whole = max(self.due, self.pairs)
        return (self.pairs - self.incomplete) / whole if whole else 0.0

    @property
    def bound(self) -> float:
        """The exact upper bound of this run's mismatch rate, with 95 % confidence."""
        return upper_bound(self.mismatch, self.judged)

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        stored: dict[str, object] = msgspec.to_builtins(self)
        return stored

    @classmethod
    def from_json(cls, stored: object) -> "Totals":
        """What `to_json` gave."""
        return msgspec.convert(stored, cls)


class Tally:
    """Adds up stored verdicts."""

    def __init__(self) -> None:
        self.rulings: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.because: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.fields: dict[str, int] = {}
        self.tolerated: dict[str, int] = {}
        self.causes: list[CauseTotal] = []
        self.unexplained = self.granted = 0

    def add(self, ruling: str, kind: str | None, because: str | None, accepted: str | None, pairs: int) -> None:
        """Count `pairs` stored verdicts that are alike."""
        self.rulings[ruling] += pairs
        if ruling == "mismatch" and kind:
            self.kinds[kind] += pairs
        if because:
            self.because[because] += pairs
        # Where a path has no outcome there is nothing to compare, whoever accepts that.
        if because == "accepted" and kind and not kind.startswith("missing"):
            self.granted += pairs
        if accepted:
            self.accepted[accepted] += pairs

    def totals(
        self,
        run: str,
        *,
        pairs: int,
        due: int,
        seconds: Mapping[str, float | None],
        unfinished: tuple[Path, ...],
        timings: Mapping[str, Timing],
        noise: Noise | None,
    ) -> Totals:
        """The totals; pairs of which nothing is stored matched by digest alone."""
        others = self.rulings["explained"] + self.rulings["mismatch"] + self.rulings["incomplete"]
        return Totals(
            run=run,
            pairs=pairs,
            match=pairs - others,
            explained=self.rulings["explained"],
            granted=self.granted,
            mismatch=self.rulings["mismatch"],
            incomplete=self.rulings["incomplete"],
            matched_within_tolerance=self.rulings["match"],
            kinds=dict(self.kinds.most_common()),
            fields=self.fields,
            tolerated=self.tolerated,
            unfinished=unfinished,
            seconds=seconds,
            due=due,
            unexplained=self.unexplained,
            causes=tuple(self.causes),
            because=dict(self.because.most_common()),
            accepted=dict(self.accepted.most_common()),
            timings=timings,
            noise=noise,
        )
