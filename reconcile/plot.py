"""The plot: one column for each run, its verdicts stacked, in units of the drawing.

Heights are in proportion to pairs, but a verdict that occurs at all is at least as high as its number needs: one
mismatch among 100,000 pairs is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.totals import Totals

STACKED = ("match", "explained", "incomplete", "mismatch")
"""From the ground up."""

ROOM = 165.0
LEAST = 15.0
TOP = 26.0
WHOLE = 1120.0
"""How wide a plot may be before its columns stand as close as they can."""
WIDEST, NARROWEST = 100.0, 42.0
FEW, FEW_PITCH = 7, 73.0
"""So many runs fit in half of WHOLE, at this distance."""

DIGIT = 6.8
"""How wide a digit is, about."""

ROTATED_BELOW = 70.0
"""Columns closer than this have the run's name written upwards."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The pairs of one verdict. `number` is what is written in it: empty where there is no room."""

    ruling: str
    y: float
    height: float
    number: str


@dataclass(frozen=True, kw_only=True)
class Column:
    """One run; `totals` are what it shows, `x` is its left edge, `top` its upper one."""

    totals: Totals
    x: float
    top: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """All runs, in the order given. `rotated`: names are written upwards; `few`: it fits beside something else."""

    columns: tuple[Column, ...]
    width: float
    height: float
    ground: float
    bar: float
    rotated: bool
    few: bool


def plot(runs: Sequence[Totals]) -> Plot:
    """The plot of these runs; at least one."""
    few = len(runs) <= FEW
    pitch = FEW_PITCH if few else min(WIDEST, max(NARROWEST, WHOLE / len(runs)))
    bar = round(min(pitch - 8, 56.0), 1)
    most = max(1, *(run.pairs for run in runs))
    columns = tuple(_column(run, place * pitch + (pitch - bar) / 2, bar, most) for place, run in enumerate(runs))
    rotated = pitch < ROTATED_BELOW
    longest = max(len(run.run) for run in runs)
    below = (30 + DIGIT * min(longest, 24)) if rotated else 42.0
    return Plot(
        columns=columns,
        width=round(pitch * len(runs), 1),
        height=round(TOP + ROOM + below, 1),
        ground=TOP + ROOM,
        bar=bar,
        rotated=rotated,
        few=few,
    )


def _column(run: Totals, x: float, bar: float, most: int) -> Column:
    counts = {ruling: getattr(run, ruling) for ruling in STACKED if getattr(run, ruling)}
    segments, y = [], TOP + ROOM
    for (ruling, count), height in zip(counts.items(), _heights(list(counts.values()), most), strict=True):
        y -= height
        text = f"{count:,}"
        fits = ruling != "mismatch" and len(text) * DIGIT <= bar
        segments.append(Segment(ruling=ruling, y=round(y, 2), height=round(height, 2), number=text if fits else ""))
    return Column(totals=run, x=round(x, 2), top=round(y, 2), segments=tuple(segments))


def _heights(counts: Sequence[int], most: int) -> list[float]:
    """How high each count is drawn: in proportion, but none below LEAST; what that takes, the higher ones give."""
    plain = [ROOM * count / most for count in counts]
    raised = [max(height, LEAST) for height in plain]
    spare = [height - LEAST for height in raised]
    excess = sum(raised) - ROOM
    if excess <= 0:
        return raised
    return [height - excess * free / sum(spare) for height, free in zip(raised, spare, strict=True)]
