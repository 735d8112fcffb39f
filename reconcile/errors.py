"""What reconciliation refuses to do, and why."""

from collections.abc import Sequence


class ReconcileError(Exception):
    """Reconciliation cannot do what it was asked to."""


class PolicyRefused(ReconcileError):
    """A comparison policy says something that nobody should be able to say."""


class GrantExpired(PolicyRefused):
    """Something the policy lets pass has outlived the day it was granted until."""


class UnknownRun(ReconcileError):
    """The run was never opened; the message names those that were."""

    def __init__(self, run: str, known: Sequence[str]) -> None:
        self.run = run
        self.known = tuple(known)
        those = ", ".join(known) if known else "none has been opened yet"
        super().__init__(f"run {run!r} is unknown. Known runs: {those}.")


class NotReconciled(ReconcileError):
    """The run exists but was never reconciled, so that there is nothing to report."""

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"run {run!r} has not been reconciled yet: reconcile it, then ask for the report.")


class UnknownReport(ReconcileError):
    """No report, or more than one, has a digest that begins like this; or it is no longer what it was."""

    def __init__(self, digest: str, found: Sequence[str] = ()) -> None:
        self.digest = digest
        if len(found) > 1:
            said = f"{len(found)} reports begin with {digest!r}: give more of the digest"
        elif found:
            said = f"report {digest!r} was edited after it was made: make it anew with `cutover report`"
        else:
            said = f"there is no report {digest!r}: give at least 12 characters of the digest on its first page"
        super().__init__(said)
