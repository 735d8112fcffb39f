"""Where a migration stands, told as plainly as possible: what the real history is held to."""

from dataclasses import dataclass, field

from events.stage_events import Role, Stage

ORDER = ["legacy", "shadow", "canary", "event_driven", "retired"]

Spot = tuple[Stage, float]
"""A stage and its percentage."""


@dataclass
class Signature:
    """What the machine knows of a sign-off that it wrote."""

    person: str
    spot: Spot
    report: str
    genuine: bool
    expired: bool
    held_then: tuple[Role, int] | None
    told: int


@dataclass
class Model:
    """Where the migration stands, told as plainly as possible."""

    told: int = 0
    people: dict[str, tuple[Role, int]] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    spot: Spot = ("legacy", 0.0)
    changed: int = 0
    paused_until: str | None = None
    drilled: bool | None = None
    ignored: int = 0

    def holds(self, id_: str, to: Spot, report: str) -> bool:
        """Whether a move to this spot may rest on this sign-off now."""
        found = self.signatures.get(id_)
        return (
            found is not None
            and found.genuine
            and not found.expired
            and found.held_then is not None
            and found.held_then[0] == "approver"
            and self.people.get(found.person) == found.held_then
            and (found.spot, found.report) == (to, report)
            and found.told > self.changed
        )

    def move(self, to: Spot, named: list[str], report: str) -> None:
        ahead = (ORDER.index(to[0]), to[1]) > (ORDER.index(self.spot[0]), self.spot[1])
        if ahead and not any(self.holds(id_, to, report) for id_ in named):
            self.ignored += 1
            return
        self.spot, self.changed, self.paused_until, self.ignored = to, self.told, None, 0
