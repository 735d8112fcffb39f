"""What can be wrong with a run."""


class ShadowError(Exception):
    """The two paths cannot be held side by side like this."""


class BadRunName(ShadowError):
    """The name is neither an ISO week nor a date."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"run {name!r} is neither an ISO week such as 2026-W47 (weekly run) "
            "nor a date such as 2026-11-20 (daily run)"
        )


class RunInHand(ShadowError):
    """Another process is recording this path of this run."""

    def __init__(self, run: str, path: str) -> None:
        super().__init__(f"the {path} path of run {run} is being recorded by another process; nothing was done")


class NotSequenced(ShadowError):
    """The run's event did not reach the log in time."""

    def __init__(self, event_id: str, seconds: float) -> None:
        super().__init__(
            f"{event_id} was emitted but not logged within {seconds:g} s; look for refused events in `cutover status`"
        )


class UnknownRun(ShadowError):
    """No such run has begun."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run!r} has not begun; `cutover status` lists the runs there are")


class IllegalMove(ShadowError):
    """The stages do not follow one another like this; the message says what would."""


class BadToken(ShadowError):
    """This is no token."""

    def __init__(self) -> None:
        super().__init__(
            "CUTOVER_TOKEN is no token: expected what `cutover people add` printed, `cutover_` and 43 characters"
        )


class UnknownToken(ShadowError):
    """Nobody has this token."""

    def __init__(self) -> None:
        super().__init__(
            "this token is nobody's, or its owner was removed or has another one since; "
            "see `cutover people list`, and ask an approver for a new one"
        )


class NotAllowed(ShadowError):
    """The person's role is too low."""

    def __init__(self, person: str, role: str, needed: str) -> None:
        super().__init__(f"{person} is {role}, and this takes an {needed}; ask one")
