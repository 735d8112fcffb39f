"""Members: two lists aligned by the identity of what they hold, repetitions included."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from reconcile.values import Change, canonical, changes
from shadow.outcome import Json

Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Members:
    """The members of two lists, each under its identity and the how-manieth of that identity it is."""

    legacy: Mapping[Key, Json]
    event_driven: Mapping[Key, Json]

    def strangers(self) -> tuple[Change, ...]:
        """The members only one list has."""
        gone = (
            Change(at=(label(key),), legacy=value) for key, value in self.legacy.items() if key not in self.event_driven
        )
        come = (
            Change(at=(label(key),), event_driven=value)
            for key, value in self.event_driven.items()
            if key not in self.legacy
        )
        return (*gone, *come)

    def reordered(self) -> tuple[Change, ...]:
        """One change from order to order if the members both lists have do not come in the same order."""
        if self._common() == [key for key in self.event_driven if key in self.legacy]:
            return ()
        before = [label(key) for key in self._common()]
        after = [label(key) for key in self.event_driven if key in self.legacy]
        return (Change(at=(), legacy=[*before], event_driven=[*after]),)

    def altered(self, tolerance: float) -> tuple[Change, ...]:
        """What differs by more than `tolerance` within the members both lists have."""
        common = self._common()
        found = changes([self.legacy[key] for key in common], [self.event_driven[key] for key in common], tolerance)
        return tuple(_under_its_label(change, common) for change in found)

    def _common(self) -> list[Key]:
        return [key for key in self.legacy if key in self.event_driven]


def align(legacy: list[Json], event_driven: list[Json], identity: str | None) -> Members:
    """Both lists by identity. A member without the key `identity` is its own identity."""
    return Members(legacy=keyed(legacy, identity), event_driven=keyed(event_driven, identity))


def identify(member: Json, identity: str | None) -> str:
    """What tells `member` apart from others in its list."""
    known = member.get(identity, member) if isinstance(member, dict) and identity is not None else member
    return known if isinstance(known, str) else canonical(known).decode()


def label(key: Key) -> str:
    """A member's identity as shown; a second one of the same identity is `identity (2)`."""
    identity, nth = key
    return identity if nth == 1 else f"{identity} ({nth})"


def keyed(values: Sequence[Json], identity: str | None) -> dict[Key, Json]:
    """The members under their keys, in their order."""
    seen: Counter[str] = Counter()
    keyed: dict[Key, Json] = {}
    for value in values:
        name = identify(value, identity)
        seen[name] += 1
        keyed[name, seen[name]] = value
    return keyed


def _under_its_label(change: Change, keys: list[Key]) -> Change:
    if not change.at:
        return change
    first, *rest = change.at
    return replace(change, at=(label(keys[int(first)]), *rest))
