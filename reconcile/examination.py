"""Examination: the verdict on a pair once replay has said what the log and the rule give for it."""

from dataclasses import replace

from reconcile.explanation import Explanation, Sealed
from reconcile.kinds import Kind
from reconcile.seal import Seal
from reconcile.verdict import Verdict


def examined(verdict: Verdict, sealed: Sealed, said: Explanation) -> Verdict:
    """The verdict after replay.

    Timing explains only what it brings about: the legacy outcome must be what the rule gives with the late events, and
    the event-driven one what it gives without. Where the legacy path saw what the log says and the event-driven path
    something else, it is the event-driven path that misread the log, and inputs count as equal.
    """
    verdict = replace(verdict, examined=True, findings=said.findings)
    if verdict.ruling == "mismatch":
        return verdict
    if _misread(sealed, said.rule):
        return replace(verdict, ruling="mismatch", because=None, kind=verdict.kind or Kind("inputs"))
    if verdict.because == "timing" and not said.proves(sealed):
        return replace(verdict, ruling="incomplete", because=None)
    # Where the log cannot account for what a path saw, it says nothing of what that path did with it.
    return verdict if verdict.because == "timing" else replace(verdict, findings=())


def _misread(sealed: Sealed, rule: Seal | None) -> bool:
    """Whether the event-driven path, and it alone, did not see what the log says."""
    if rule is None or sealed.legacy is None or sealed.event_driven is None:
        return False
    return sealed.legacy.inputs == rule.inputs != sealed.event_driven.inputs
