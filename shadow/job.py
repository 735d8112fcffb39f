"""A job: what shadow and reconcile must know of the work whose two paths they hold side by side."""

from collections.abc import Callable
from dataclasses import dataclass

from shadow.outcome import Fields


@dataclass(frozen=True, kw_only=True)
class Job:
    """One cron job under migration.

    `normalise` strips from an outcome's fields what the comparison policy declares to be no difference (styles,
    white space between elements); it runs before the digest is taken, on both paths alike. `normalisation` is a digest
    of how it does that: outcomes that were recorded under different ones cannot be held together by digest.
    """

    name: str
    normalise: Callable[[Fields], Fields]
    normalisation: str = ""
