"""`emit` and `backfill`: facts into the log, by hand and from existing tables."""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from console.commands.options import JsonOption
from console.connected import connected
from console.failures import WrongUse
from console.screen import Screen, print_json, say
from events import APP_EVENTS, EVENT_TYPES, Event, UnknownEventType, decode, emit

CLOCKS_DIFFER = timedelta(minutes=5)

_TYPES = [name for name in EVENT_TYPES if name in APP_EVENTS]

_TOLD_BY = {
    "WeekStarted": "cutover legacy-run or start-run",
    "DayStarted": "cutover legacy-run --day or start-run --day",
    "StageChanged": "cutover stage, or cutover rollback",
    "SignedOff": "cutover sign-off",
    "RoleGranted": "cutover people add",
    "RoleRevoked": "cutover people remove",
    "CanaryPaused": "cutover stage --pause",
    "CanaryResumed": "cutover stage --resume",
    "RunRolledBack": "cutover rollback",
    "DrillRecorded": "the relay, when a drill is over",
}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("emit")(emit_event)
    app.command("backfill")(backfill_shop)


def emit_event(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="One of: " + ", ".join(_TYPES) + ".")],
    data: Annotated[str, typer.Option(help="The event's fields as JSON; - reads them from stdin.")],
    version: Annotated[int | None, typer.Option(help="The version the fields are in. Default: the newest.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the event and write nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Write one event to the outbox. The same fact told twice is logged once; one that is yet to come is refused.

    Example: cutover emit UserUnsubscribed --data '{"user_id": "17850", "occurred_at": "2026-11-20T10:00:00Z"}'
    """
    _refuse_what_is_not_the_apps(type_)
    text = _text(sys.stdin.buffer.read() if data == "-" else os.fsencode(data))
    newest = EVENT_TYPES[type_].version
    event = decode(type_, newest if version is None else version, text)
    _refuse_the_future(event)
    if not dry_run:
        with connected(prepare=True) as system, system.engine.begin() as connection:
            emit(connection, event)
    if json:
        print_json({"event_id": event.event_id, "emitted": not dry_run})
    else:
        say(f"{event.event_id} is fine, nothing was written" if dry_run else f"{event.event_id} is in the outbox")


def _refuse_the_future(event: Event) -> None:
    """A typing error, which would win over whatever is told until then."""
    if event.occurred_at > datetime.now(UTC) + CLOCKS_DIFFER:
        raise WrongUse(f"occurred_at is {event.occurred_at:%Y-%m-%d %H:%M} UTC, which is yet to come: expected a fact")


def _refuse_what_is_not_the_apps(type_: str) -> None:
    if type_ not in EVENT_TYPES:
        raise UnknownEventType(type_, tuple(_TYPES))
    if type_ not in APP_EVENTS:
        teller = _TOLD_BY.get(type_, "the send ledger, or the provider's webhook")
        raise WrongUse(f"{type_} is not for the main app to tell; it is told by {teller}")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        found = data[problem.start]
        raise WrongUse(f"--data has the byte 0x{found:02x} at offset {problem.start}; expected JSON in UTF-8") from None


def backfill_shop(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many rows there are, and write nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Turn what the shop's tables hold into events, while the shop goes on working. Safe to run again."""
    import sqlalchemy as sa

    from sandbox.shop.backfill import backfill

    screen = Screen(quiet=json)
    with connected(prepare=True) as system:
        if dry_run:
            with system.engine.connect() as connection:
                counts = {
                    table: connection.scalar(sa.text(f"SELECT count(*) FROM shop.{table}"))  # noqa: S608 - names are ours
                    for table in ("products", "users", "orders", "returns")
                }
            print_json(counts) if json else say(", ".join(f"{count:,} {table}" for table, count in counts.items()))
            return
        with screen.working("Turning rows into events") as progress:
            written = backfill(system.engine, progress=progress)
    if json:
        print_json({"events": written})
    else:
        say(f"{written:,} events are in the outbox; those the log knows already will be dropped there.")
