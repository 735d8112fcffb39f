"""An approver who signs whatever is asked: moves the stage in rehearsals and tests, with nobody to convince."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from events import RoleGranted, SignedOff, StageChanged, emit
from events.stage_events import Stage
from shadow.sign_off import UNSIGNED, signed
from shadow.signing import new_token, public_key

NAME = "playground"


def move(
    connection: sa.Connection, stage: Stage, percent: float = 0.0, *, at: datetime, why: str = "a rehearsal"
) -> None:
    """Emit a change of the stage, as of event time `at`, and the sign-off it rests on.

    The token is made for this one move, and forgotten.
    """
    token = new_token()
    granted = RoleGranted(person=NAME, role="approver", public_key=public_key(token), by=NAME, why=why, occurred_at=at)
    sign_off = signed(
        SignedOff(
            person=NAME,
            report="0" * 64,
            code_version="none",
            policy="none",
            configuration="none",
            stage=stage,
            percent=percent if stage == "canary" else 0.0,
            expires_at=max(at, datetime.now(UTC)) + timedelta(days=3),
            why=why,
            signature=UNSIGNED,
            occurred_at=at,
        ),
        token,
    )
    changed = StageChanged(
        stage=stage,
        percent=percent,
        by=NAME,
        why=why,
        report=sign_off.report,
        sign_offs=(sign_off.event_id,),
        occurred_at=at,
    )
    emit(connection, granted, sign_off, changed)
