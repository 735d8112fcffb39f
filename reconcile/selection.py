"""Selection: which of the pairs that are no match a report shows in full, so that it stays readable."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest

from sqlalchemy import Connection

from reconcile import evidence
from reconcile.canonical import canonical
from reconcile.evidence import UnitEvidence
from reconcile.found_causes import found_causes
from reconcile.groups import Group
from reconcile.groups import groups as grouped
from reconcile.pair import Recorded
from reconcile.plan import ReconciliationPlan
from reconcile.progress import run_progress

PER_GROUP = 50
"""Pairs shown at most of one kind in one run."""

ROOM = 3_500_000
"""Bytes all shown pairs may take together, so that a report over many runs stays under 5 MB."""


class Selection:
    """The groups of each run, and of each group the pairs shown."""

    def __init__(
        self, groups: Mapping[str, tuple[Group, ...]], shown: Mapping[str, tuple[tuple[UnitEvidence, ...], ...]]
    ) -> None:
        self._groups = groups
        self._shown = shown

    def groups(self, run: str) -> tuple[Group, ...]:
        """All groups of the run."""
        return self._groups[run]

    def shown(self, run: str) -> tuple[tuple[UnitEvidence, ...], ...]:
        """The pairs shown of each group, in the order of the groups."""
        return self._shown[run]


def select_units(connection: Connection, runs: Sequence[str], plan: ReconciliationPlan) -> Selection:
    """Up to PER_GROUP pairs of each group while there is ROOM, dealt out in turn to all groups alike.

    The examples of each cause come before all others.
    """
    groups = {run: _groups(connection, run) for run in runs}
    telling = {run: _telling(connection, run) for run in runs}
    samples = {
        (run, rank): evidence.unit_evidence(connection, run, group.sample(PER_GROUP, telling[run]), plan)
        for run in groups
        for rank, group in enumerate(groups[run])
    }
    chosen = set(_dealt(samples, telling))
    return Selection(
        groups,
        {
            run: tuple(
                tuple(unit for nth, unit in enumerate(samples[run, rank]) if (run, rank, nth) in chosen)
                for rank in range(len(groups[run]))
            )
            for run in runs
        },
    )


def _groups(connection: Connection, run: str) -> tuple[Group, ...]:
    run_progress(connection, run)
    return grouped(connection, run)


def _telling(connection: Connection, run: str) -> frozenset[str]:
    return frozenset(unit for cause in found_causes(connection, run) for unit in cause.units)


def _dealt(
    samples: Mapping[tuple[str, int], Sequence[UnitEvidence]], telling: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, int, int]]:
    """One pair of each group, then a second one of each, and so on until the room is used up."""
    room = ROOM
    hands = [
        [(run, rank, nth) for nth in sorted(range(len(pairs)), key=lambda nth: pairs[nth].unit not in telling[run])]
        for (run, rank), pairs in samples.items()
    ]
    for turn in zip_longest(*hands):
        for place in turn:
            if place is None:
                continue
            room -= _size(samples[place[:2]][place[2]])
            if room < 0:
                return
            yield place


def _size(unit: UnitEvidence) -> int:
    """About the bytes a pair takes on the page: markup is escaped, and shown twice where it differs."""
    sides = (unit.pair.legacy, unit.pair.event_driven)
    return 3_000 + sum(_side(side) for side in sides if side is not None)


def _side(side: Recorded) -> int:
    return sum(2 * len(canonical(value)) for value in side.fields.values())
