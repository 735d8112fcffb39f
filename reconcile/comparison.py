"""Comparison: the pairs of one run, counted by digest in the database and read only where they differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Connection, FromClause, Row, Select, Text, and_, cast, func, select

from reconcile.pair import Pair, Recorded
from reconcile.schema import comparisons
from shadow import schema as shadow
from shadow.outcome import Path, unpack

BATCH = 500
"""Pairs read at a time: some megabytes when every outcome holds an e-mail."""

_COLUMNS = ("decision", "reason", "digest", "fingerprint", "inputs", "content")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many pairs of a run are in each class, without looking into any of them."""

    same: int
    other_outcome: int
    other_inputs: int
    missing_in_legacy: int
    missing_in_event_driven: int

    @property
    def pairs(self) -> int:
        """All units for which at least one path has an outcome."""
        return self.same + self.to_read

    @property
    def to_read(self) -> int:
        """Pairs that a digest alone does not settle."""
        missing = self.missing_in_legacy + self.missing_in_event_driven
        return self.other_outcome + self.other_inputs + missing


def count_pairs(connection: Connection, run: str, units: Sequence[str] | None = None) -> Counts:
    """One pass over the digests of both paths, of all units or of these."""
    legacy, event_driven, joined = _paired(run, units)
    both = and_(legacy.c.unit.is_not(None), event_driven.c.unit.is_not(None))
    equal_inputs = legacy.c.fingerprint == event_driven.c.fingerprint
    equal_outcome = legacy.c.digest == event_driven.c.digest
    number = func.count()
    row = connection.execute(
        select(
            number.filter(both, equal_inputs, equal_outcome).label("same"),
            number.filter(both, equal_inputs, ~equal_outcome).label("other_outcome"),
            number.filter(both, ~equal_inputs).label("other_inputs"),
            number.filter(legacy.c.unit.is_(None)).label("missing_in_legacy"),
            number.filter(event_driven.c.unit.is_(None)).label("missing_in_event_driven"),
        ).select_from(joined)
    ).one()
    return Counts(**row._mapping)


def unsettled_pairs(
    connection: Connection, run: str, judged_by: str, units: Sequence[str] | None = None
) -> Iterator[list[Pair]]:
    """The pairs that differ in a digest or lack a side, in batches, by a cursor on the server.

    Those are left out which were judged by the same policy and code, with the same digests.
    """
    legacy, event_driven, joined = _paired(run, units)
    unsettled = (
        legacy.c.digest.is_distinct_from(event_driven.c.digest)
        | legacy.c.fingerprint.is_distinct_from(event_driven.c.fingerprint)
    )  # fmt: skip
    known = (
        select(comparisons.c.unit)
        .where(
            comparisons.c.run == run,
            comparisons.c.judged_by == judged_by,
            comparisons.c.unit == func.coalesce(legacy.c.unit, event_driven.c.unit),
            *(
                comparisons.c[f"{side.description}_{name}"].is_not_distinct_from(side.c[name])
                for side in (legacy, event_driven)
                for name in ("digest", "fingerprint")
            ),
        )
        .correlate(legacy, event_driven)
        .exists()
    )
    query = _select_pairs(legacy, event_driven, joined).where(unsettled, ~known)
    streamed = connection.execute(query, execution_options={"stream_results": True, "yield_per": BATCH})
    for batch in streamed.partitions():
        yield [_pair(row) for row in batch]


def pairs_of(connection: Connection, run: str, units: Sequence[str]) -> dict[str, Pair]:
    """The pairs of these units, by unit; a unit that neither path knows is absent."""
    legacy, event_driven, joined = _paired(run, units)
    return {row.unit: _pair(row) for row in connection.execute(_select_pairs(legacy, event_driven, joined))}


def _paired(run: str, units: Sequence[str] | None = None) -> tuple[FromClause, FromClause, FromClause]:
    legacy, event_driven = _side(run, "legacy", units), _side(run, "event_driven", units)
    return legacy, event_driven, legacy.join(event_driven, legacy.c.unit == event_driven.c.unit, full=True)


def _side(run: str, path: Path, units: Sequence[str] | None) -> FromClause:
    table = shadow.outcomes
    query = select(table.c.unit, *(table.c[name] for name in _COLUMNS))
    query = query.where(table.c.run == run, table.c.path == path)
    if units is not None:
        query = query.where(table.c.unit == func.any(cast(list(units), ARRAY(Text))))
    return query.subquery(path)


def _select_pairs(legacy: FromClause, event_driven: FromClause, joined: FromClause) -> Select[tuple[Any, ...]]:
    sides = [side.c[name].label(f"{side.description}_{name}") for side in (legacy, event_driven) for name in _COLUMNS]
    unit = func.coalesce(legacy.c.unit, event_driven.c.unit).label("unit")
    return select(unit, *sides).select_from(joined)


def _pair(row: Row[tuple[Any, ...]]) -> Pair:
    values = row._mapping
    return Pair(
        unit=values["unit"],
        legacy=_recorded({name: values[f"legacy_{name}"] for name in _COLUMNS}),
        event_driven=_recorded({name: values[f"event_driven_{name}"] for name in _COLUMNS}),
    )


def _recorded(columns: dict[str, Any]) -> Recorded | None:
    if columns["content"] is None:
        return None
    return Recorded(
        decision=columns["decision"],
        reason=columns["reason"],
        digest=columns["digest"].hex(),
        fingerprint=columns["fingerprint"].hex(),
        inputs=columns["inputs"],
        fields=unpack(columns["content"]),
    )
