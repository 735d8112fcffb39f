"""Groups: the pairs of a reconciled run that are no match, by what was found of them."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, text

from reconcile.kinds import rank
from reconcile.verdict import Because, Ruling

Lacking: TypeAlias = Literal["unfinished", "inputs", "replay"]
"""Why a pair is incomplete: a path has not finished, an input is unaccounted for, or replay does not bear it out."""

_ORDER = ("mismatch", "explained", "incomplete")


@dataclass(frozen=True, kw_only=True)
class Group:
    """The pairs of a run with one verdict, one kind if they are mismatches, one reason if not: all units, by id."""

    verdict: Ruling
    kind: str | None
    units: tuple[str, ...]
    because: Because | Lacking | None = None
    accepted: str | None = None

    def sample(self, size: int, first: Collection[str] = ()) -> tuple[str, ...]:
        """Up to `size` units: those in `first`, then others by hash: always the same ones. By id."""
        chosen = sorted(self.units, key=lambda unit: (unit not in first, _scattered(unit)))[:size]
        return tuple(sorted(chosen))


def groups(connection: Connection, run: str) -> tuple[Group, ...]:
    """The run's pairs that are no match: mismatches by kind, the most telling first; explained; incomplete."""
    found: dict[tuple[Ruling, str | None, Because | Lacking | None, str | None], list[str]] = {}
    for row in connection.execute(_GROUPED, {"run": run}):
        found.setdefault((row.verdict, row.kind, row.because, row.accepted), []).append(row.unit)
    made = [
        Group(verdict=verdict, kind=kind, because=because, accepted=accepted, units=tuple(sorted(units)))
        for (verdict, kind, because, accepted), units in found.items()
    ]
    return tuple(sorted(made, key=_place))


def _place(group: Group) -> tuple[int, int, str, str, str]:
    return (
        _ORDER.index(group.verdict),
        rank(group.kind),
        group.kind or "",
        group.because or "",
        group.accepted or "",
    )


def _scattered(unit: str) -> bytes:
    return hashlib.blake2b(unit.encode(), digest_size=8).digest()


_GROUPED = text("""
    SELECT unit, verdict, CASE verdict WHEN 'mismatch' THEN kind END AS kind,
           CASE verdict WHEN 'explained' THEN because WHEN 'incomplete' THEN
               CASE WHEN causes -> 'unfinished' <> '[]' THEN 'unfinished'
                    WHEN causes -> 'uncovered' <> '[]' OR causes -> 'inputs' = '[]' THEN 'inputs'
                    ELSE 'replay' END
           END AS because,
           CASE verdict WHEN 'explained' THEN accepted END AS accepted
    FROM cutover.comparisons WHERE run = :run AND verdict <> 'match'
""")
