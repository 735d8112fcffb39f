"""Seals: the digests by which an outcome is recognised, whoever computed it."""

from collections.abc import Callable
from dataclasses import dataclass

from shadow.outcome import Fields, Outcome, digest, fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Digests of an outcome's canonical, normalised form, and of all its inputs."""

    outcome: bytes
    inputs: bytes


def seal(outcome: Outcome, normalise: Callable[[Fields], Fields]) -> Seal:
    """The seal of an outcome that was computed just now; equal to the recorded one of an equal outcome."""
    return Seal(
        outcome=digest(outcome.decision, outcome.reason, normalise(outcome.fields)),
        inputs=fingerprint(outcome.inputs),
    )
