"""Kinds: in what way the outcomes of a pair differ, the most telling first."""

from collections.abc import Iterable, Mapping
from typing import NewType

Kind = NewType("Kind", str)
"""One of MEANINGS, or the name of a field of words when that is all that differs."""

MEANINGS: Mapping[str, str] = {
    "missing_in_legacy": "only the event-driven path has an outcome",
    "missing_in_event_driven": "only the legacy path has an outcome",
    "decision": "one path sends and the other skips",
    "eligibility": "the paths disagree on whether the unit may get anything, or on why it may not",
    "duplicate": "one path lists a member twice",
    "members": "a list has other members",
    "order": "same members, other order",
    "value": "same members and order, other values",
    "wording": "only words differ, in several fields",
    "inputs": "equal outcomes, but the event-driven path holds something else than the log says",
}
"""What each kind means; what comes earlier usually causes what comes later."""

_RANKS = {kind: rank for rank, kind in enumerate(MEANINGS)}


def rank(kind: str | None) -> int:
    """Where the kind stands among all, the most telling first; fields of words, and no kind, come last."""
    return _RANKS.get(kind or "", len(_RANKS))


def meaning(kind: str) -> str:
    """What the kind says, in a few words."""
    return MEANINGS.get(kind, f"only the {kind} differs")


def primary(found: Iterable[Kind]) -> Kind | None:
    """The kind a pair is counted under: the most telling one, `wording` for several fields of words."""
    kinds = distinct(found)
    if not kinds:
        return None
    return Kind("wording") if len(kinds) > 1 and kinds[0] not in _RANKS else kinds[0]


def distinct(found: Iterable[Kind]) -> tuple[Kind, ...]:
    """Each kind once, the most telling first."""
    return tuple(sorted(dict.fromkeys(found), key=rank))
