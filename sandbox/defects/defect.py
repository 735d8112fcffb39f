"""What a defect is: what it does, on which path, and what is put in the place of the right thing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from handlers.subscriptions import Parts
from sandbox.defects.mutants import mutant

Batch = Callable[..., object]
"""What the tap runs in the place of the frozen batch; see `shadow.legacy_tap`."""


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One way to be wrong. `cause` is what an explanation of the differences it makes should come to.

    A defect of the event-driven path hands in `parts`. One of the legacy path replaces pieces of the frozen script's
    text, in memory: `mutations` maps each to what stands in its place.
    """

    what: str
    cause: str
    path: Literal["event_driven", "legacy"] = "event_driven"
    parts: Parts = field(default_factory=Parts)
    mutations: Mapping[str, str] = field(default_factory=dict)

    def batch(self) -> Batch | None:
        """The batch that is wrong; None when the legacy path is as it should be. Raises NotOnce."""
        if not self.mutations:
            return None
        run: Any = mutant(self.mutations).run
        batch: Batch = run
        return batch
