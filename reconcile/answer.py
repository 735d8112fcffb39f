"""The answer: whether a person can sign on what was compared, in plain words."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reconcile.finding import Finding
from reconcile.statistics import lasting_bound
from reconcile.totals import Totals
from runtime.quantity import how_many

State: TypeAlias = Literal["ready", "differ", "incomplete"]


ENOUGH = 300
"""Matching pairs without a difference from which on the error rate is below 1 % with 95 % confidence, for one look."""

CAUSES_TOLD = 4
"""Causes told in the answer; the report names all."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`ready` only if every pair matches or is explained and nothing puts the evidence in doubt."""

    state: State
    headline: str
    signing: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sum:
    """The totals of several runs together. `because` counts the explained pairs by what explains them."""

    pairs: int
    match: int
    explained: int
    mismatch: int
    incomplete: int
    matched_within_tolerance: int
    granted: int = 0
    because: Mapping[str, int] = field(default_factory=dict)

    @property
    def fit(self) -> int:
        """Pairs with equal inputs that match, or differ in nothing but what the policy accepts."""
        return self.match + self.granted


def sum_up(totals: Sequence[Totals]) -> Sum:
    """All runs together; zeros if there are none."""
    names = ("pairs", "match", "explained", "granted", "mismatch", "incomplete", "matched_within_tolerance")
    because: Counter[str] = Counter()
    for run in totals:
        because.update(run.because)
    return Sum(because=dict(because), **{name: sum(getattr(run, name) for run in totals) for name in names})


def answer(totals: Sequence[Totals], doubts: Sequence[str] = ()) -> Answer:
    """The answer over all runs. `doubts` are sentences on why the evidence as such cannot be relied on."""
    whole = sum_up(totals)
    unfinished = tuple(
        f"Run {run.run} is unfinished: {_paths(run)} has not come to its end." for run in totals if run.unfinished
    )
    unequal = tuple(
        f"In run {run.run} only {run.judged:,} of {how_many(run.pairs, 'pair')} had equal inputs and could be compared."
        for run in totals
        if mostly_unequal(run)
    )
    doubts = (*unfinished, *unequal, *doubts)
    if whole.mismatch:
        return _differ(whole, tuple(_causes(totals)), doubts)
    if whole.incomplete or doubts or not whole.fit:
        return _incomplete(whole, doubts)
    return _ready(whole)


def mostly_unequal(run: Totals) -> bool:
    """Whether timing or noise kept more than half of a run's pairs from being compared: too much to explain away."""
    return (run.explained - run.granted) * 2 > run.pairs


def _differ(whole: Sum, causes: Sequence[str], doubts: Sequence[str]) -> Answer:
    differ = "differs" if whole.mismatch == 1 else "differ"
    return Answer(
        state="differ",
        headline=f"{whole.mismatch:,} of {how_many(whole.pairs, 'pair')} {differ}: not ready.",
        signing="No. Timing does not explain these differences: each has a cause in one of the two paths.",
        sentences=(*causes, *_account(whole), *doubts),
    )


def _incomplete(whole: Sum, doubts: Sequence[str]) -> Answer:
    if whole.incomplete:
        headline = f"{whole.incomplete:,} of {how_many(whole.pairs, 'pair')} could not be judged: not ready yet."
    elif not whole.pairs:
        headline = "Nothing was compared: not ready yet."
    elif not whole.fit:
        headline = f"None of {how_many(whole.pairs, 'pair')} had equal inputs: not ready yet."
    else:
        headline = "No pair differs, but this evidence cannot be relied on: not ready yet."
    signing = "Not yet. Nothing found so far speaks against it, but what was seen is not enough."
    return Answer(state="incomplete", headline=headline, signing=signing, sentences=(*_account(whole), *doubts))


def _ready(whole: Sum) -> Answer:
    if whole.explained:
        headline = (
            f"{whole.match:,} of {how_many(whole.pairs, 'pair')} match, the other {whole.explained:,} are explained."
        )
    else:
        headline = f"All {how_many(whole.pairs, 'pair')} match." if whole.pairs > 1 else "The only pair matches."
    bound = (
        ""
        if whole.fit < ENOUGH
        else (
            f"None of {whole.fit:,} pairs with equal inputs differs{' in any other way' if whole.granted else ''}. "
            f"With 95 % confidence at most {_percent(lasting_bound(0, whole.fit))} of such pairs do, however often one "
            "looks while they become more."
        )
    )
    enough = whole.fit >= ENOUGH
    return Answer(
        state="ready" if enough else "incomplete",
        headline=headline,
        signing="Yes. Nothing in this report stands against it."
        if enough
        else f"Not yet. Nothing stands against it, but it takes {ENOUGH:,} matching pairs to say much.",
        sentences=(*_account(whole), *([bound] if bound else [])),
    )


def _causes(totals: Sequence[Totals]) -> Iterator[str]:
    """What replay found of the mismatches, the most frequent first, and of how many it found nothing."""
    found: Counter[Finding] = Counter()
    for run in totals:
        for cause in run.causes:
            found[Finding(path=cause.path, suspect=cause.suspect, says=cause.says)] += cause.units
    told = sorted((each for each in found if each.explains), key=lambda each: (-found[each], each))
    for each in told[:CAUSES_TOLD]:
        yield f"{how_many(found[each], 'pair')}: {each.sentence()}."
    if len(told) > CAUSES_TOLD:
        left = len(told) - CAUSES_TOLD
        yield f"{left:,} further {'cause is' if left == 1 else 'causes are'} named below."
    unexplained = sum(run.unexplained for run in totals)
    if unexplained:
        yield f"Of {how_many(unexplained, 'pair')} nothing explains how the paths came to differ."
    elif told:
        yield "No mismatch is left unexplained."


def _account(whole: Sum) -> tuple[str, ...]:
    """What the headline leaves out."""
    sentences = []
    if whole.incomplete and whole.mismatch:
        sentences.append(f"Another {how_many(whole.incomplete, 'pair')} could not be judged.")
    sentences += _explained(whole)
    if whole.matched_within_tolerance:
        sentences.append(
            f"{whole.matched_within_tolerance:,} of the {whole.match:,} matches are not identical, but equal "
            "under the policy."
        )
    return tuple(sentences)


def _explained(whole: Sum) -> Iterator[str]:
    noise, accepted = whole.because.get("noise", 0), whole.because.get("accepted", 0)
    timing = whole.explained - noise - accepted
    if timing:
        yield (
            f"{how_many(timing, 'pair')} had other inputs because events arrived between the two cuts; "
            "each is named below with its events, and counts neither as a match nor as a defect."
        )
    if noise:
        again = "the legacy path came to the same as the event-driven one when it did them again"
        yield f"{how_many(noise, 'pair')}: {again}."
    if accepted:
        yield f"{how_many(accepted, 'pair')}: the policy accepts how they differ, and names who answers for it."


def _paths(run: Totals) -> str:
    return " and ".join(f"the {path.replace('_', '-')} path" for path in run.unfinished)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
