"""Stage gates: what must hold before a stage of the migration may move forward, each with its figure and its limit."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StageGate:
    """One condition. `figure` is what was found, `limit` what was asked for, both in words; `detail` says more."""

    name: str
    green: bool
    figure: str
    limit: str
    detail: str = ""
