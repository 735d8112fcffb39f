"""Pairs: what both paths recorded for one unit in one run."""

from collections.abc import Mapping
from dataclasses import dataclass

from shadow.outcome import Decision, Fields


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One path's outcome as it lies in the database: its digests in hexadecimal, its content unpacked."""

    decision: Decision
    reason: str | None
    digest: str
    fingerprint: str
    inputs: Mapping[str, str]
    fields: Fields


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both paths' outcomes for a unit; None where a path has none."""

    unit: str
    legacy: Recorded | None
    event_driven: Recorded | None

    def differing_inputs(self) -> tuple[str, ...]:
        """The names of the inputs the two paths did not see alike; empty if a side is missing."""
        if self.legacy is None or self.event_driven is None:
            return ()
        one, other = self.legacy.inputs, self.event_driven.inputs
        return tuple(name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name))
