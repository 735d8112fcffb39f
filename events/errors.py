"""What can be wrong with an event or with the log."""


class EventError(Exception):
    """The event log cannot do this."""


class BadEvent(EventError):
    """The event is refused; nothing was written."""


class UnknownEventType(BadEvent):
    """The vocabulary has no such event type."""

    def __init__(self, type_: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown event type {type_!r}; expected one of: {', '.join(known)}")


class NewerEvent(BadEvent):
    """The event was written by newer code than this."""

    def __init__(self, type_: str, version: int, known: int) -> None:
        super().__init__(
            f"{type_} version {version} is newer than this code, which knows up to version {known}; "
            "deploy the newer code to read it"
        )


class MalformedEvent(BadEvent):
    """A field of the event is not what its type says."""

    def __init__(self, type_: str, problem: str, field: str, value: object) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        super().__init__(f"{type_}: {field} is {shown}: {problem}")


class UpcastMissing(EventError):
    """Nobody says what an older version of a type would be today."""

    def __init__(self, type_: str, version: int) -> None:
        super().__init__(
            f"{type_} had a version {version}, and nothing leads from it to version {version + 1}: "
            f"add ({type_!r}, {version}) to UPCASTS"
        )


class PartitionsFixed(EventError):
    """The number of partitions cannot change once events are logged."""

    def __init__(self, logged: int, asked: int) -> None:
        super().__init__(
            f"this log was created with {logged} partitions, the settings ask for {asked}; "
            f"set CUTOVER_PARTITIONS={logged} (users would change partitions otherwise)"
        )


class UnknownSubscription(EventError):
    """No subscription has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown subscription {name!r}; expected one of: {', '.join(known)}")
