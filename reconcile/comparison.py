"""Comparison: both paths' outcomes for some units of one run, read side by side."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, FromClause, Row, Select, Text, cast, func, select

from reconcile.pair import Pair, Recorded
from shadow import schema as shadow
from shadow.outcome import Path, unpack

_COLUMNS = ("decision", "reason", "digest", "fingerprint", "inputs", "content")


def pairs_of(connection: Connection, run: str, units: Sequence[str]) -> dict[str, Pair]:
    """The pairs of these units, by unit; a unit that neither path knows is absent."""
    legacy, event_driven, joined = _paired(run, units)
    return {row.unit: _pair(row) for row in connection.execute(_select_pairs(legacy, event_driven, joined))}


def _paired(run: str, units: Sequence[str]) -> tuple[FromClause, FromClause, FromClause]:
    legacy, event_driven = _side(run, "legacy", units), _side(run, "event_driven", units)
    return legacy, event_driven, legacy.join(event_driven, legacy.c.unit == event_driven.c.unit, full=True)


def _side(run: str, path: Path, units: Sequence[str]) -> FromClause:
    table = shadow.outcomes
    query = select(table.c.unit, *(table.c[name] for name in _COLUMNS))
    these = table.c.unit == func.any(cast(list(units), ARRAY(Text)))
    return query.where(table.c.run == run, table.c.path == path, these).subquery(path)


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
