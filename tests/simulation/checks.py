"""The invariants, held against what a schedule has left behind."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.weekly_job import PLAN
from events import (
    DayStarted,
    EmailOpened,
    Event,
    LedgerEvent,
    ProviderEvent,
    RunEvent,
    decode,
)
from handlers.tracking.fold import COLUMNS, NEWS
from reconcile.comparison import pairs_of
from reconcile.late import late_events
from reconcile.verdict import judge
from shadow.cohort import Cohort
from tests.handlers.from_scratch import World as Scratch
from tests.simulation.database import Database
from tests.simulation.facts import opening
from tests.simulation.fleet import NAMES
from tests.simulation.world import World

FINAL = ("accepted", "failed", "suppressed")
BECOMES = {
    "EmailPlanned": "planned",
    "EmailReleased": "planned",
    "EmailReassigned": "planned",
    "EmailSuppressed": "suppressed",
    "EmailAccepted": "accepted",
    "EmailFailed": "failed",
    "EmailUnconfirmed": "unconfirmed",
}


class Violated(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        self.invariant = invariant
        super().__init__(f"{invariant} is violated: {what}")


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is in the database."""

    events: Sequence[tuple[int, Event]]
    waiting: int
    refused: Sequence[str]
    behind: Sequence[tuple[str, int]]
    ledger: Mapping[tuple[str, str], Mapping[str, Any]]
    lists: Mapping[str, tuple[list[str], list[float], bytes | None]]
    plans: Mapping[str, Mapping[str, tuple[str | None, bool, list[str], list[float]]]]
    subscribed: Mapping[str, bool]
    outcomes: Mapping[tuple[str, str, str], str]
    unfinished: Sequence[str]


def look(database: Database) -> Left:
    """Read everything that is checked, in one round trip."""
    events, counts, refused, checkpoints, ledger, lists, plans, users, outcomes, unfinished = database.several(_LOOK)
    plans_of: dict[str, dict[str, tuple[str | None, bool, list[str], list[float]]]] = {}
    for run, user, *plan in plans:
        plans_of.setdefault(run, {})[user] = (plan[0], plan[1], plan[2], plan[3])
    logged = [(position, decode(kind, version, data)) for position, kind, version, data in events]
    return Left(
        events=logged,
        waiting=counts[0][0],
        refused=[reason for (reason,) in refused],
        behind=_behind(checkpoints, logged),
        ledger={(row[0], row[1]): dict(zip(_LEDGER, row, strict=True)) for row in ledger},
        lists={user: (ids, scores, direction and bytes(direction)) for user, ids, scores, direction in lists},
        plans=plans_of,
        subscribed={user: subscribed for user, registered, subscribed in users if registered},
        outcomes={(run, path, unit): decision for run, path, unit, decision in outcomes},
        unfinished=[f"{run} on path {path}" for run, path in unfinished],
    )


def _behind(checkpoints: Iterable[tuple[Any, ...]], logged: Sequence[tuple[int, Event]]) -> list[tuple[str, int]]:
    """Subscriptions that did not read what they should have."""
    newest: dict[str, int] = {}
    for position, event in logged:
        newest[event.type] = position
    return [
        (name, partition)
        for name, partition, position in checkpoints
        if partition == 0
        and not NAMES[name].partitioned
        and position < max((newest.get(kind, 0) for kind in NAMES[name].types), default=0)
    ]


def check(world: World) -> None:
    """Raise Violated for the first invariant that does not hold."""
    left = look(world.fleet.database)
    for test in (_log, _one_sender, _books, _news, _lists, _barrier, _compared):
        test(world, left)
    _hold("I1", not world.surprises, f"nobody expected {world.surprises}")


def _log(world: World, left: Left) -> None:
    """I1: gapless positions, each fact once, in an order that does not contradict their transactions."""
    positions = [position for position, _ in left.events]
    _hold("I1", positions == list(range(1, len(positions) + 1)), f"positions are {positions}")
    _hold("I1", left.waiting == 0, f"{left.waiting} facts were never logged")
    _hold("I1", not left.refused, f"the log refused {left.refused}")
    _hold("I1", not left.behind, f"{left.behind} never read to the end")
    _hold("I1", not left.unfinished, f"never recorded: {left.unfinished}")
    times = Counter(event.event_id for _, event in left.events)
    _hold("I1", max(times.values()) == 1, f"logged more than once: {[name for name, n in times.items() if n > 1]}")
    told = {event.event_id for _, _, event in world.told} | _OPENING
    of_app = {event.event_id for _, event in left.events if _of_app(event)}
    _hold("I1", told <= of_app, f"told and never logged: {sorted(told - of_app)}")
    unheard = {name for name in of_app - told if not name.startswith(_BY_WEBHOOK)}
    _hold("I1", not unheard, f"logged and never told: {sorted(unheard)}")
    at = {event.event_id: position for position, event in left.events}
    first: dict[str, tuple[int, int]] = {}
    for began, ended, event in world.told:
        if event.event_id not in _OPENING:
            # Told by two transactions, it may have come into the log by either.
            known = first.get(event.event_id, (began, ended))
            first[event.event_id] = (min(began, known[0]), max(ended, known[1]))
    ordered = sorted(first.items(), key=lambda item: at[item[0]])
    latest_began = 0
    for name, (began, ended) in ordered:
        _hold("I1", ended > latest_began, f"{name} was committed before its predecessors in the log had begun")
        latest_began = max(latest_began, began)


def _of_app(event: Event) -> bool:
    return not isinstance(event, LedgerEvent | ProviderEvent | RunEvent) and type(event).__module__ == _APP


def _one_sender(world: World, _: Left) -> None:
    """I2, as the provider counts."""
    twice = [key for key, times in world.office.accepted.items() if times > 1]
    _hold("I2", not twice, f"accepted more than once: {twice}")


def _books(world: World, left: Left) -> None:
    """I3: everybody due is in exactly one final state, ledger and log tell the same, and so does the provider."""
    told: dict[tuple[str, str], str] = {}
    runs: dict[str, tuple[Cohort, int]] = {}
    registered: set[str] = set()
    due: dict[str, set[str]] = {}
    for position, event in left.events:
        if event.type in BECOMES and isinstance(event, LedgerEvent):
            told[event.run, event.user_id] = BECOMES[event.type]
        if event.type == "UserRegistered":
            registered.add(event.key() or "")
        if isinstance(event, RunEvent) and not isinstance(event, DayStarted):
            due[event.run] = set(registered)
            runs[event.run] = (Cohort(sends=True, percent=100, salt=""), position)
    states = {key: row["state"] for key, row in left.ledger.items()}
    _hold("I3", told == states, f"the log tells {_differences(told, states)}")
    open_ = {key: state for key, state in states.items() if state not in FINAL}
    _hold("I3", not open_, f"not settled: {open_}")
    expected = {(run, user) for run, users in due.items() for user in users}
    missing = expected - states.keys()
    _hold("I3", not missing, f"nothing became of {sorted(missing)}")
    accepted = {(run, f"{user}@example.com") for (run, user), state in states.items() if state == "accepted"}
    really = {(run, address) for address, run in world.office.accepted}
    _hold("I3", accepted == really, f"accepted by us and by the provider differ: {sorted(accepted ^ really)}")


def _differences(told: Mapping[tuple[str, str], str], held: Mapping[tuple[str, str], str]) -> str:
    keys = sorted(key for key in told.keys() | held.keys() if told.get(key) != held.get(key))
    return ", ".join(f"{key}: {told.get(key)}, the ledger holds {held.get(key)}" for key in keys)


def _news(_: World, left: Left) -> None:
    """I3: of each kind of news the ledger holds the earliest that the log tells."""
    earliest: dict[tuple[str, str], dict[str, datetime]] = {key: {} for key in left.ledger}
    for _position, event in left.events:
        if isinstance(event, ProviderEvent):
            column = "machine_opened" if isinstance(event, EmailOpened) and event.machine else COLUMNS[event.type]
            known = earliest[event.run, event.user_id]
            known[column] = min(event.occurred_at, known.get(column, event.occurred_at))
    for key, row in left.ledger.items():
        held = {name: row[f"{name}_at"] for name in NEWS if row[f"{name}_at"] is not None}
        _hold("I3", held == earliest[key], f"of {key} the log tells {earliest[key]}, the ledger holds {held}")


def _lists(_: World, left: Left) -> None:
    """I4: what the handlers hold equals a computation from nothing."""
    scratch = Scratch()
    for _position, event in left.events:
        scratch.tell(event)
    _hold("I4", left.lists == scratch.lists(), f"lists of {_unequal(left.lists, scratch.lists())}")
    wanted = {user: scratch.minds.get(user, (None, True))[1] for user in scratch.registered}
    _hold("I4", left.subscribed == wanted, f"subscribers are {left.subscribed}, by the log {wanted}")


def _barrier(_: World, left: Left) -> None:
    """I6: what a run planned is a function of the log up to its event."""
    scratch = Scratch()
    for _position, event in left.events:
        scratch.tell(event)
        if isinstance(event, RunEvent):
            plan, held = scratch.plan(event), left.plans.get(event.run, {})
            _hold("I6", held == plan, f"{event.run} planned something else for {_unequal(held, plan)}")


def _compared(world: World, left: Left) -> None:
    """I7: only equal inputs are compared, and what timing explains names events of the log.

    Where the migration stands at a canary, both paths have recorded.
    """
    if world.road != "canary":
        return
    logged = {event.event_id for _, event in left.events}
    with world.fleet.person.engine.connect() as connection:
        for run in sorted({run for run, _, _ in left.outcomes}):
            late = late_events(connection, run)
            units = sorted({unit for of, _, unit in left.outcomes if of == run})
            for unit, pair in pairs_of(connection, run, units).items():
                verdict = judge(PLAN, pair, late)
                if pair.differing_inputs():
                    _hold("I7", verdict.ruling in ("explained", "incomplete"), f"{run} {unit}: {verdict.ruling}")
                if verdict.because == "timing":
                    named = {cause.id for cause in verdict.causes.events}
                    _hold("I7", bool(named) and named <= logged, f"{run} {unit}: late events {sorted(named)}")


def _unequal(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    keys: Iterator[str] = (key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key))
    return ", ".join(keys)


def _hold(invariant: str, holds: bool, what: str) -> None:
    if not holds:
        raise Violated(invariant, what)


_BY_WEBHOOK = "UserUnsubscribed:"
"""What the webhook passes on to the app: somebody called our mail spam."""
_APP = "events.vocabulary"
_OPENING = {event.event_id for event in opening()}

_LEDGER = ("run", "user_id", "state", "path", "attempt", "reason", "evidence", *(f"{name}_at" for name in NEWS))

_LOOK = f"""
    SELECT position, type, version, data::text FROM cutover.events ORDER BY position;
    SELECT count(*) FROM cutover.outbox;
    SELECT reason FROM cutover.refused_events ORDER BY id;
    SELECT subscription, partition, position FROM cutover.checkpoints ORDER BY 1, 2;
    SELECT {", ".join(_LEDGER)} FROM cutover.send_ledger ORDER BY 1, 2;
    SELECT user_id, product_ids, scores, direction FROM cutover.recommendations ORDER BY 1;
    SELECT run, user_id, reason, personal, product_ids, scores FROM cutover.planned_emails ORDER BY 1, 2;
    SELECT user_id, registered, subscribed FROM cutover.subscribers ORDER BY 1;
    SELECT run, path, unit, decision FROM cutover.outcomes ORDER BY 1, 2, 3;
    SELECT run, path FROM cutover.path_runs WHERE finished_at IS NULL ORDER BY 1, 2
"""
