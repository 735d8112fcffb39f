"""The status: what there is, how far it has come, and what needs a person."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from rich.markup import escape

from console.books import as_data
from console.lag import waiting
from console.screen import out, print_table
from console.stage_view import pause_at, paused_line
from events import head, lagging
from handlers.delivery.books import books
from handlers.delivery.campaign import campaigns
from shadow.history import Migration, migration

if TYPE_CHECKING:
    from console.wiring import System

OLD = 60.0
"""Seconds after which an event that is still waiting is worth a person's look."""


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far one subscription lies behind: `events` positions at most, in so many `partitions`."""

    subscription: str
    events: int
    partitions: int
    checkpoint: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run, what each path recorded of it, and what reconciliation said."""

    run: str
    legacy: int
    event_driven: int
    finished: bool
    totals: dict[str, Any] | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The one screen."""

    stage: str
    head: int
    last_event_at: datetime | None
    outbox: int
    refused: Sequence[str]
    lag: Sequence[Lag]
    stuck: Sequence[str]
    queues: dict[str, int]
    runs: Sequence[Run]
    campaigns: Sequence[dict[str, Any]]
    rolled_back: Sequence[str]
    undecided: Sequence[str]

    @property
    def healthy(self) -> bool:
        """Whether nothing needs a person."""
        return not self.refused and not self.stuck and not self.undecided


def gather(system: "System") -> Status:
    """Look at everything once."""
    with system.engine.connect() as connection:
        found = migration(connection)
        return Status(
            stage=_stage(found),
            head=head(connection),
            last_event_at=connection.scalar(sa.text("SELECT max(recorded_at) FROM cutover.events")),
            outbox=connection.scalar(sa.text("SELECT count(*) FROM cutover.outbox")) or 0,
            refused=list(connection.scalars(_REFUSED)),
            lag=_lag(system, connection),
            stuck=_stuck(system, connection),
            queues={queue: _length(system, queue) for queue in system.celery.amqp.queues},
            runs=[Run(**row) for row in connection.execute(_RUNS).mappings()],
            campaigns=[as_data(books(connection, run), datetime.now(UTC)) for run in campaigns(connection, 3)],
            rolled_back=list(connection.scalars(_ROLLED_BACK)),
            undecided=[*connection.scalars(_UNDECIDED), *_of_stage(found)],
        )


def _stage(found: Migration) -> str:
    pause = pause_at(found, datetime.now(UTC))
    return f"{found.here}, PAUSED: {paused_line(pause)}" if pause else str(found.here)


def _of_stage(found: Migration) -> list[str]:
    """Changes of the stage that somebody told and that do not count, since the last one that does."""
    return [f"a change of the stage does not count: {each}; see cutover stage" for each in found.ignored]


def _lag(system: "System", connection: sa.Connection) -> list[Lag]:
    behind = lagging(connection, system.subscriptions)
    checkpoints = {row.subscription: row.position for row in connection.execute(_CHECKPOINTS)}
    found = []
    for subscription in system.subscriptions:
        lags = [lag for nudge, lag in behind.items() if nudge.subscription == subscription.name]
        found.append(
            Lag(
                subscription=subscription.name,
                events=max(lags, default=0),
                partitions=len(lags),
                checkpoint=checkpoints.get(subscription.name, 0),
            )
        )
    return found


def _stuck(system: "System", connection: sa.Connection) -> list[str]:
    """What has been waiting for long: rows in the outbox, events that a subscription should have folded."""
    outbox = connection.execute(_WAITING).one()
    found: list[str] = []
    if outbox.rows and outbox.seconds > OLD:
        found.append(
            f"the outbox: {outbox.rows:,} rows, the oldest for {outbox.seconds} s; is a relay running? see its log"
        )
    for each in waiting(connection, system.subscriptions, longer_than=OLD):
        found.append(
            f"{each.subscription.name}: {each.partitions} partitions, the first at position {each.position}, for up to "
            f"{each.seconds} s; is a worker running for queue {each.subscription.queue}? see its log"
        )
    return found


def _length(system: "System", queue: str) -> int:
    return int(system.redis.llen(f"{system.namespace}:{queue}"))


def show(status: Status) -> None:
    """The status for a person."""
    out.print(f"[bold]Stage[/bold]    {escape(status.stage)}")
    out.print(f"[bold]Log[/bold]      {status.head:,} events, {status.outbox:,} waiting in the outbox")
    queues = ", ".join(f"{name} {length}" for name, length in status.queues.items())
    out.print(f"[bold]Queues[/bold]   {queues}\n")
    rows = [
        [lag.subscription, "up to date" if not lag.events else f"{lag.events:,} behind in {lag.partitions} partitions"]
        for lag in status.lag
    ]
    print_table("Subscriptions", ["name", "lag"], rows, numbers_from=2)
    if status.runs:
        out.print()
        print_table(
            "Runs (newest first)",
            ["run", "legacy", "event-driven", "match", "explained", "mismatch", "incomplete"],
            [_row(run) for run in status.runs],
        )
    for campaign in status.campaigns:
        out.print(f"\n[bold]Campaign[/bold] {escape(campaign['line'])}")
    for rolled_back in status.rolled_back:
        out.print(f"[bold]Back[/bold]     {escape(rolled_back)}")
    for undecided in status.undecided:
        out.print(f"[bold red]decide[/bold red]   {escape(undecided)}")
    for reason in status.refused:
        out.print(f"[bold red]refused[/bold red]  {escape(reason)}")
    for stuck in status.stuck:
        out.print(f"[bold red]stuck[/bold red]    {escape(stuck)}")
    out.print("\n[green]healthy[/green]" if status.healthy else "\n[bold red]needs a person[/bold red]: see above")


def _row(run: Run) -> list[str]:
    totals = run.totals or {}
    counts = [totals.get(name) for name in ("match", "explained", "mismatch", "incomplete")]
    shown = ["-" if count is None else f"{count:,}" for count in counts]
    waiting = "" if run.finished else " ..."
    return [run.run, f"{run.legacy:,}", f"{run.event_driven:,}{waiting}", *shown]


_REFUSED = sa.text("""
    SELECT format('%s at %s: %s', event_id, to_char(refused_at, 'YYYY-MM-DD HH24:MI'), reason)
    FROM cutover.refused_events ORDER BY id DESC LIMIT 20
""")

_ROLLED_BACK = sa.text("""
    SELECT format('run %s was rolled back%s at %s by %s: %s%s', r.run,
                  CASE WHEN CAST(e.data ->> 'drill' AS boolean) THEN ' as a drill' END,
                  to_char(r.rolled_back_at, 'YYYY-MM-DD HH24:MI'), e.data ->> 'by', e.data ->> 'why',
                  (SELECT format('; %s e-mails wait for the legacy path', count(*)) FROM cutover.send_ledger l
                   WHERE l.run = r.run AND l.state = 'planned' AND l.held HAVING count(*) > 0))
    FROM cutover.runs r JOIN cutover.events e ON e.event_id = 'RunRolledBack:' || r.run
    WHERE r.rolled_back_at > clock_timestamp() - interval '30 days' ORDER BY r.rolled_back_at DESC LIMIT 3
""")

_UNDECIDED = sa.text("""
    SELECT format('%s of run %s: %s e-mails; see cutover %s %s', state, run, count(*),
                  CASE state WHEN 'failed' THEN 'deadletters' ELSE state END, run)
    FROM cutover.send_ledger
    WHERE state = 'unconfirmed' AND changed_at < clock_timestamp() - interval '15 minutes'
       OR state = 'failed' AND changed_at > clock_timestamp() - interval '7 days'
    GROUP BY run, state
    HAVING state = 'unconfirmed'
        OR count(*) > 0.005 * (SELECT count(*) FROM cutover.send_ledger AS whole WHERE whole.run = send_ledger.run)
    ORDER BY run, state
""")
"""By then webhook and records have had their say. Half a percent of failures is what a run may have."""

_WAITING = sa.text("""
    SELECT count(*) AS rows, extract(epoch FROM clock_timestamp() - min(emitted_at))::int AS seconds
    FROM cutover.outbox
""")

_CHECKPOINTS = sa.text("SELECT subscription, min(position) AS position FROM cutover.checkpoints GROUP BY subscription")

_RUNS = sa.text("""
    SELECT r.run,
           (SELECT count(*) FROM cutover.outcomes o WHERE o.run = r.run AND o.path = 'legacy') AS legacy,
           (SELECT count(*) FROM cutover.outcomes o WHERE o.run = r.run AND o.path = 'event_driven') AS event_driven,
           coalesce((SELECT bool_and(p.finished_at IS NOT NULL) FROM cutover.path_runs p WHERE p.run = r.run), false)
               AS finished,
           c.totals
    FROM cutover.runs r LEFT JOIN cutover.reconciliations c USING (run)
    ORDER BY r.scheduled_at DESC LIMIT 14
""")
