"""Rankings: two lists of an outcome as one table, rank by rank, with what differs said beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.canonical import canonical
from reconcile.identity import Key
from reconcile.members import keyed
from reconcile.policy import FieldRule
from reconcile.terms import Terms
from reconcile.values import changes
from shadow.outcome import Json

WHOLE = "value"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member as shown: a text per column, and what sets it apart from the other list (empty if nothing)."""

    cells: tuple[str, ...]
    note: str


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Both lists by rank; None where a list has ended. Rank 1 is the first pair of entries."""

    columns: tuple[str, ...]
    entries: tuple[tuple[Entry | None, Entry | None], ...]


def ranking(terms: Terms, legacy: Sequence[Json], event_driven: Sequence[Json]) -> Ranking:
    """The two lists side by side, judged as the policy judges them."""
    rule = terms.rule
    columns = _columns(rule, [*legacy, *event_driven])
    one, other = keyed(legacy, rule.identity), keyed(event_driven, rule.identity)
    left = _entries(terms, columns, one, other)
    right = _entries(terms, columns, other, one)
    longest = max(len(left), len(right))
    left += [None] * (longest - len(left))
    right += [None] * (longest - len(right))
    return Ranking(columns=columns, entries=tuple(zip(left, right, strict=True)))


def _columns(rule: FieldRule, members: list[Json]) -> tuple[str, ...]:
    keys = {key for member in members if isinstance(member, dict) for key in member}
    whole = any(not isinstance(member, dict) for member in members)
    ordered = sorted(keys, key=lambda key: (key != rule.identity, key))
    return (*([WHOLE] if whole or not keys else []), *ordered)


def _entries(
    terms: Terms, columns: tuple[str, ...], here: dict[Key, Json], there: dict[Key, Json]
) -> list[Entry | None]:
    ranks = {key: rank for rank, key in enumerate(there, 1)}
    return [
        Entry(cells=_cells(columns, here[key]), note=_note(terms, key, rank, here, there, ranks))
        for rank, key in enumerate(here, 1)
    ]


def _note(
    terms: Terms, key: Key, rank: int, here: dict[Key, Json], there: dict[Key, Json], ranks: dict[Key, int]
) -> str:
    if key not in there:
        return "only here"
    if changes(here[key], there[key], terms, ("[]",)):
        return "other value"
    if terms.rule.ordered and ranks[key] != rank:
        return f"no. {ranks[key]} there"
    return ""


def _cells(columns: tuple[str, ...], member: Json) -> tuple[str, ...]:
    if not isinstance(member, dict):
        return tuple(plain(member) if column == WHOLE else "" for column in columns)
    return tuple(plain(member[column]) if column in member else "" for column in columns)


def plain(value: Json) -> str:
    """A value as a person reads it: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else canonical(value).decode()
