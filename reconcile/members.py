"""Members: two lists aligned by the identity of what they hold, repetitions included."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconcile.identity import Key, identify, label
from reconcile.terms import Terms
from reconcile.values import Change, changes
from shadow.outcome import Json


@dataclass(frozen=True, kw_only=True)
class Members:
    """The members of two lists, each under its identity and the how-manieth of that identity it is."""

    legacy: Mapping[Key, Json]
    event_driven: Mapping[Key, Json]

    def repeated(self) -> tuple[Change, ...]:
        """The members of which only one list has a second one, a third one, and so on."""
        return tuple(change for key, change in self._strange() if key[1] > 1)

    def strangers(self) -> tuple[Change, ...]:
        """The members only one list has."""
        return tuple(change for _, change in self._strange())

    def _strange(self) -> list[tuple[Key, Change]]:
        gone = [(key, Change(at=(label(key),), legacy=value)) for key, value in self.legacy.items()]
        come = [(key, Change(at=(label(key),), event_driven=value)) for key, value in self.event_driven.items()]
        return [
            *(each for each in gone if each[0] not in self.event_driven),
            *(each for each in come if each[0] not in self.legacy),
        ]

    def reordered(self) -> tuple[Change, ...]:
        """One change from order to order if the members both lists have do not come in the same order."""
        if self._common() == [key for key in self.event_driven if key in self.legacy]:
            return ()
        before = [label(key) for key in self._common()]
        after = [label(key) for key in self.event_driven if key in self.legacy]
        return (Change(at=(), legacy=[*before], event_driven=[*after]),)

    def altered(self, terms: Terms) -> tuple[Change, ...]:
        """What differs within the members both lists have."""
        common = self._common()
        found = changes([self.legacy[key] for key in common], [self.event_driven[key] for key in common], terms)
        return tuple(_under_its_label(change, common) for change in found)

    def _common(self) -> list[Key]:
        return [key for key in self.legacy if key in self.event_driven]


def align(legacy: list[Json], event_driven: list[Json], identity: str | None) -> Members:
    """Both lists by identity. A member without the key `identity` is its own identity."""
    return Members(legacy=keyed(legacy, identity), event_driven=keyed(event_driven, identity))


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
