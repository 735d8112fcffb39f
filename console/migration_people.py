"""The people of a rehearsed migration: two approvers and an operator with tokens of their own, in event time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from events import Event, RoleGranted, SignedOff, StageChanged
from events.stage_events import Role
from reconcile.judgement import Judgement
from reconcile.requirements import StageSettings
from shadow.moves import Place
from shadow.sign_off import UNSIGNED, signed
from shadow.signing import new_token, public_key

ROLES: tuple[tuple[str, Role], ...] = (
    ("first approver", "approver"),
    ("second approver", "approver"),
    ("operator", "operator"),
)
OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True)
class People:
    """Their tokens, which are made for one rehearsal and forgotten with it."""

    tokens: dict[str, str] = field(default_factory=lambda: {name: new_token() for name, _ in ROLES})

    def granted(self, at: datetime) -> list[Event]:
        """The events that give them their roles."""
        return [
            RoleGranted(
                person=name,
                role=role,
                public_key=public_key(self.tokens[name]),
                by=OPERATOR,
                why="a rehearsal of the migration",
                occurred_at=at,
            )
            for name, role in ROLES
        ]

    def sign_offs(self, there: Place, judged: Judgement, approvers: int, at: datetime) -> list[SignedOff]:
        """So many approvers put their names under a move, on the evidence of one report."""
        names = [name for name, role in ROLES if role == "approver"][:approvers]
        return [signed(self._unsigned(name, there, judged, at), self.tokens[name]) for name in names]

    def _unsigned(self, name: str, there: Place, judged: Judgement, at: datetime) -> SignedOff:
        return SignedOff(
            person=name,
            report=judged.report,
            code_version=judged.code_version,
            policy=judged.policy,
            configuration=judged.configuration,
            stage=there.stage,
            percent=there.percent,
            # The log holds the sign-off against the clock of the database, which knows no event time.
            expires_at=max(at, datetime.now(UTC)) + StageSettings().validity,
            why="the report's gates are green",
            signature=UNSIGNED,
            occurred_at=at,
        )


def changed(there: Place, judged: Judgement, rests_on: Sequence[str], at: datetime) -> StageChanged:
    """The move, by the operator."""
    return StageChanged(
        stage=there.stage,
        percent=there.percent,
        report=judged.report,
        sign_offs=tuple(rests_on),
        by=OPERATOR,
        why="every stage gate is green",
        occurred_at=at,
    )
