"""Why a user did or did not get the e-mail of a run: the whole chain of facts, and one word for the answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from events import head
from handlers.delivery.books import NEWS

ROLLED_BACK = "rolled back"
"""How the reason of an e-mail begins that a rollback gave to the legacy path."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the chain."""

    position: int
    type: str
    occurred_at: datetime
    said: dict[str, Any]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `code` is one word, `sentence` says it; `ledger` is empty for a user the gate never heard of."""

    run: str
    user: str
    code: str
    sentence: str
    decisions: dict[str, str]
    ledger: dict[str, Any]
    chain: Sequence[Fact]


def ever_registered(connection: sa.Connection, user_id: str) -> bool:
    """Whether there is such a user at all."""
    return bool(connection.scalar(_REGISTERED, {"user_id": user_id, "position": head(connection)}))


def why(connection: sa.Connection, run: str, user_id: str) -> Why | None:
    """The answer for one user; None for a run that never began."""
    began = connection.execute(_RUN, {"run": run}).one_or_none()
    if began is None:
        return None
    parameters = {"run": run, "user_id": user_id}
    decisions = {row.path: row.decision for row in connection.execute(_DECISIONS, parameters)}
    row = connection.execute(_LEDGER, parameters).mappings().one_or_none()
    ledger = {name: value for name, value in row.items() if value is not None} if row else {}
    registered = connection.scalar(_REGISTERED, {"user_id": user_id, "position": began.position})
    code, sentence = _answer(began, ledger, decisions, bool(registered))
    return Why(
        run=run,
        user=user_id,
        code=code,
        sentence=sentence,
        decisions=decisions,
        ledger=ledger,
        chain=[Fact(**fact._mapping) for fact in connection.execute(_CHAIN, {**parameters, "began": began.position})],
    )


def _answer(
    began: "sa.Row[Any]", ledger: dict[str, Any], decisions: dict[str, str], registered: bool
) -> tuple[str, str]:
    if ledger:
        return _of_ledger(ledger)
    if not registered:
        return "not_registered", "The user was not registered when the run began."
    if not began.sends:
        return "run_only_compares", "This run only compared the two paths; nobody got mail through the gate."
    if not decisions:
        return "not_composed_yet", "The run has begun, and neither path has come to this user yet."
    return "not_owned_yet", "The path that owns the user has not handed the e-mail in yet."


def _of_ledger(ledger: dict[str, Any]) -> tuple[str, str]:
    reason = ledger.get("reason", "")
    match ledger["state"]:
        case "planned":
            return _of_planned(reason, held=ledger["held"])
        case "sending":
            return "in_flight", "The e-mail is being sent at this moment."
        case "accepted":
            told = [name for name in NEWS if f"{name}_at" in ledger]
            tell = f" and tells: {', '.join(name.replace('_', ' ') for name in told)}" if told else ""
            return "accepted", f"The provider accepted the e-mail (evidence: {ledger['evidence']}){tell}."
        case "suppressed":
            return reason, f"No e-mail: {reason.replace('_', ' ')}."
        case "failed":
            return "failed", f"The provider refused the e-mail for good: {reason}."
        case _:
            return "unconfirmed", f"The e-mail was sent, and nobody knows yet whether it was accepted: {reason}."


def _of_planned(reason: str, *, held: bool) -> tuple[str, str]:
    if held:
        return "not_handed_in_yet", f"The e-mail waits for the legacy path to hand it in; {reason}."
    tried = reason and not reason.startswith(ROLLED_BACK)
    again = f"; it was tried before: {reason}" if tried else f"; {reason}" if reason else ""
    return "waiting", f"The e-mail is planned and waits for its turn{again}."


_RUN = sa.text("SELECT position, sends FROM cutover.runs WHERE run = :run")

_DECISIONS = sa.text("""
    SELECT path, decision || coalesce(' (' || reason || ')', '') AS decision FROM cutover.outcomes
    WHERE run = :run AND unit = :user_id ORDER BY path
""")

_LEDGER = sa.text("SELECT * FROM cutover.send_ledger WHERE run = :run AND user_id = :user_id")

_REGISTERED = sa.text("""
    SELECT EXISTS (SELECT FROM cutover.events WHERE event_id = 'UserRegistered:' || :user_id AND position <= :position)
""")

_CHAIN = sa.text("""
    SELECT position, type, occurred_at, data - 'user_id' - 'run' - 'occurred_at' - 'send_id' AS said
    FROM cutover.events
    WHERE position = :began
       OR (type IN ('UserUnsubscribed', 'UserResubscribed') AND data ->> 'user_id' = :user_id)
       OR (type LIKE 'Email%' AND position > :began AND data ->> 'user_id' = :user_id AND data ->> 'run' = :run
           AND partition = (SELECT partition FROM cutover.send_ledger WHERE run = :run AND user_id = :user_id))
    ORDER BY position
""")
