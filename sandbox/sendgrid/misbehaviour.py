"""The faults in force: set, merged, drawn from a seed, counted, and over when their time is up."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from sandbox.sendgrid.faults import FAULTS, Fault

AnyFault = TypeVar("AnyFault", bound=Fault)


class UnknownFault(ValueError):
    """There is no such fault, or it has no such setting."""


@dataclass
class _InForce:
    fault: Fault
    until: float | None
    draws: random.Random
    hits: int = field(default=0)

    def over(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until


class Misbehaviour:
    """What the stand-in does wrong at the moment; nothing, to begin with.

    Every fault draws from its own sequence, so that one fault's occasions do not depend on another's.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._in_force: dict[type[Fault], _InForce] = {}
        self._hits: dict[str, int] = {}

    def merge(self, changes: Mapping[str, object]) -> None:
        """Set the faults named; others stay.

        None or False ends one, True takes its defaults, and a bare value stands for its main setting. If anything is
        wrong, nothing changes: raises UnknownFault.
        """
        parsed = {name: _parse(name, value) for name, value in changes.items()}
        for name, fault in parsed.items():
            self._set(name, fault)

    def reset(self) -> None:
        """Behave, and forget the counts."""
        self._in_force.clear()
        self._hits.clear()

    def active(self, kind: type[AnyFault]) -> AnyFault | None:
        """The fault, if it is in force; no occasion is counted."""
        entry = self._in_force.get(kind)
        if entry is None:
            return None
        if entry.over():
            self._end(kind)
            return None
        assert isinstance(entry.fault, kind)
        return entry.fault

    def strikes(self, kind: type[AnyFault]) -> AnyFault | None:
        """The fault, if it hits this occasion, which is then counted."""
        if not self._in_force or (fault := self.active(kind)) is None:
            return None
        entry = self._in_force[kind]
        if fault.share < 1 and entry.draws.random() >= fault.share:
            return None
        entry.hits += 1
        return fault

    def shown(self) -> dict[str, object]:
        """Every fault by name: its settings, None if it is not in force, and how often it has hit so far."""
        return {name: self._shown(name, kind) for name, (kind, _) in FAULTS.items()}

    def _set(self, name: str, fault: Fault | None) -> None:
        kind = FAULTS[name][0]
        self._end(kind)
        if fault is not None:
            until = None if fault.for_seconds is None else time.monotonic() + fault.for_seconds
            self._in_force[kind] = _InForce(fault, until, random.Random(f"{self._seed}:{name}"))

    def _end(self, kind: type[Fault]) -> None:
        entry = self._in_force.pop(kind, None)
        if entry is not None:
            name = next(name for name, (listed, _) in FAULTS.items() if listed is kind)
            self._hits[name] = self._hits.get(name, 0) + entry.hits

    def _shown(self, name: str, kind: type[Fault]) -> dict[str, object]:
        fault = self.active(kind)
        entry = self._in_force.get(kind)
        left = None if entry is None or entry.until is None else entry.until - time.monotonic()
        return {
            "settings": None if fault is None else msgspec.to_builtins(fault),
            "seconds_left": left,
            "hits": self._hits.get(name, 0) + (entry.hits if entry else 0),
        }


def _parse(name: str, value: object) -> Fault | None:
    if name not in FAULTS:
        raise UnknownFault(f"{name!r} is no fault; expected one of {', '.join(FAULTS)}")
    kind, main = FAULTS[name]
    if value is None or value is False:
        return None
    if value is True:
        return kind()
    settings = value if isinstance(value, dict) else {main: value}
    try:
        return msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise UnknownFault(f"{name}: {error}") from error
