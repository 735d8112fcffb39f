"""A judgement: what a stored report says that a stage of the migration may rest on, and whether it still holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Digest = str
"""64 hexadecimal characters of BLAKE2b."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The figures of one report, by its digest.

    `runs` are the runs it compared; `days` how many consecutive days up to the last one were compared; `coverage` the
    pairs compared over the pairs due, from 0 to 1; `bound` the upper bound of the mismatch rate, from 0 to 1, with
    95 % confidence however often one looked. `code_version`, `policy` and `configuration` say what was judged.
    """

    report: Digest
    runs: tuple[str, ...]
    days: int
    pairs: int
    coverage: float
    mismatches: int
    unexplained: int
    bound: float
    code_version: str
    policy: str
    configuration: str
    last_run_at: datetime
    made_at: datetime
    outcomes: Mapping[str, Digest]
