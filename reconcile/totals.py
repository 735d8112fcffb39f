"""Totals: what a reconciled run came to, in numbers that add up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from reconcile.verdict import Ruling, Verdict
from shadow.outcome import Path


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Every pair is in exactly one of match, explained, mismatch and incomplete; together they are `pairs`.

    `matched_within_tolerance` of the matches are equal under the policy but not identical; `tolerated` counts
    the fields to which that happened. `kinds` counts the mismatches by primary kind, `fields` those in which a
    field differs. `unfinished` are the paths that have not finished; `seconds` is what a path took, None until
    it has finished.
    """

    run: str
    pairs: int
    match: int = 0
    explained: int = 0
    mismatch: int = 0
    incomplete: int = 0
    matched_within_tolerance: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, int] = field(default_factory=dict)
    tolerated: Mapping[str, int] = field(default_factory=dict)
    unfinished: tuple[Path, ...] = ()
    seconds: Mapping[str, float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        stored: dict[str, object] = msgspec.to_builtins(self)
        return stored

    @classmethod
    def from_json(cls, stored: object) -> "Totals":
        """What `to_json` gave."""
        return msgspec.convert(stored, cls)


class Tally:
    """Counts verdicts while a run is being reconciled."""

    def __init__(self) -> None:
        self.rulings: Counter[Ruling] = Counter()
        self.kinds: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.tolerated: Counter[str] = Counter()
        self.within_tolerance = 0

    def add(self, verdict: Verdict) -> None:
        """Count one verdict on a pair whose digests did not settle it."""
        self.rulings[verdict.ruling] += 1
        self.tolerated.update(verdict.tolerated)
        if verdict.ruling == "match":
            self.within_tolerance += 1
        if verdict.ruling == "mismatch":
            self.kinds.update([verdict.kind] if verdict.kind else [])
            self.fields.update(verdict.fields)

    def totals(
        self, run: str, *, settled: int, seconds: Mapping[str, float | None], unfinished: tuple[Path, ...]
    ) -> Totals:
        """The totals, with `settled` pairs that matched by digest alone."""
        return Totals(
            run=run,
            pairs=settled + self.rulings.total(),
            match=settled + self.rulings["match"],
            explained=self.rulings["explained"],
            mismatch=self.rulings["mismatch"],
            incomplete=self.rulings["incomplete"],
            matched_within_tolerance=self.within_tolerance,
            kinds=dict(self.kinds.most_common()),
            fields=dict(self.fields.most_common()),
            tolerated=dict(self.tolerated.most_common()),
            unfinished=unfinished,
            seconds=seconds,
        )
