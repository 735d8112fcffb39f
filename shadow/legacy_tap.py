"""The tap: runs the frozen batch where cron ran it, over one snapshot, and hands what it comes to to the gate.

The only file that imports `legacy_cron`. When the migration is over, both are deleted together.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import sqlalchemy as sa

from events import RunEvent, WeekStarted
from legacy_cron import weekly_recommendations as legacy
from shadow import recorder
from shadow.barrier import note_late_events, raise_barrier
from shadow.gate import Gate
from shadow.noise import SAMPLE, NoiseSample
from shadow.outcome import Fields, Outcome
from shadow.shuffled import shuffled

CHUNK = 1000

Batch = Callable[[psycopg.Connection, legacy.Mailer, datetime], object]
"""Calls the mailer once for every user, reading through the connection alone (see `legacy.run`)."""

Inputs = Mapping[str, Mapping[str, str]]
"""Input digests (docs/rule.md, "Inputs") by user."""


@dataclass(frozen=True, kw_only=True)
class Tapped:
    """What running the batch under the tap came to. `already`: it had been recorded before, nothing was done.

    `sampled` users were done twice, to measure noise. `sends`: the run is one that sends, and e-mails of the users
    this path owns are planned.
    """

    run: str
    sends: bool = False
    outcomes: int = 0
    late_events: int = 0
    seconds: float = 0.0
    sampled: int = 0
    already: bool = False


def run_legacy(
    engine: sa.Engine,
    gate: Gate,
    run: str,
    *,
    partitions: int,
    code_version: str,
    batch: Batch = legacy.run,
    progress: Callable[[int], None] = lambda _: None,
    noise: int = SAMPLE,
) -> Tapped:
    """Emit the run's event, open one repeatable-read snapshot, and take down what the untouched batch does with it.

    A rehearsal may hand in another `batch`, to see that a wrong one is caught. Afterwards the batch does it once more,
    over the same snapshot with rows in another order, and what it comes to for `noise` users is kept (0: it does not).

    All outcomes, and the plans to send them, commit together: a run that is killed leaves nothing and can be started
    again. Raises BadRunName; RunInHand while another process records the same run.
    """
    position, event = raise_barrier(engine, run, partitions, salt=gate.job.name)
    sends = isinstance(event, WeekStarted) and event.sends
    with engine.begin() as connection:
        # Committed by itself: the event-driven path opens the same run, and must not wait for the batch.
        recorder.open_run(connection, event, position)
    began = time.perf_counter()
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as snapshot:
        tap = _Tap(snapshot, gate, event, batch)
        with engine.begin() as books:
            recorder.hold(books, event.run, "legacy")
            if recorder.finished(books, event.run, "legacy"):
                return Tapped(run=run, sends=sends, already=True)
            recorder.open_path(books, event.run, "legacy", code_version, gate.job.normalisation)
            late = note_late_events(snapshot, books, event.run, position)
            outcomes = tap.record(books, progress)
            recorder.close_path(books, event.run, "legacy")
        seconds = time.perf_counter() - began
        sampled = tap.measure_noise(engine, noise) if noise else 0
    return Tapped(run=run, sends=sends, outcomes=outcomes, late_events=late, seconds=seconds, sampled=sampled)


class _Tap:
    """The batch over one snapshot, as often as need be."""

    def __init__(self, snapshot: sa.Connection, gate: Gate, event: RunEvent, batch: Batch) -> None:
        driver = snapshot.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError(f"the batch needs a psycopg connection, this is {type(driver).__name__}")
        self._driver = driver
        self._snapshot = snapshot
        self._gate = gate
        self._event = event
        self._batch = batch

    def record(self, books: sa.Connection, progress: Callable[[int], None]) -> int:
        """Hand what the batch comes to to the gate; how many outcomes."""
        recorded = 0

        def take(outcomes: list[Outcome]) -> None:
            nonlocal recorded
            recorded += self._gate(books, self._event.run, "legacy", outcomes)
            progress(recorded)

        self._run(inputs_of_users(self._snapshot, self._event.scheduled_at), take)
        return recorded

    def measure_noise(self, engine: sa.Engine, size: int) -> int:
        """Let the batch do it again, with rows in another order, and keep a sample; of how many users."""
        sample = NoiseSample(self._gate.job, self._event.run, size)
        with shuffled(self._driver):
            self._run(defaultdict(dict), sample.take)
        with engine.begin() as connection:
            return sample.store(connection)

    def _run(self, inputs: Inputs, take: Callable[[list[Outcome]], None]) -> None:
        mailer = GateMailer(inputs, take)
        self._batch(self._driver, mailer, self._event.scheduled_at)
        mailer.flush()


class GateMailer:
    """Stands where the batch's SendGrid mailer stood: hands outcomes on, sends nothing by itself."""

    def __init__(self, inputs: Inputs, take: Callable[[list[Outcome]], None]) -> None:
        self._inputs = inputs
        self._take = take
        self._waiting: list[Outcome] = []
        self._last = time.perf_counter()

    def send(self, mail: legacy.Mail) -> None:
        """Take an e-mail."""
        fields: Fields = {
            "items": [{"product_id": product_id, "score": score} for product_id, score in mail.items],
            "subject": mail.subject,
            "html": mail.html,
            "text": mail.text,
        }
        self._keep(mail.user_id, fields, None)

    def skip(self, user_id: str, reason: str) -> None:
        """Take the decision not to send."""
        self._keep(user_id, {}, reason)

    def flush(self) -> None:
        """Hand over what is still held."""
        self._take(self._waiting)
        self._waiting = []

    def _keep(self, user_id: str, fields: Fields, reason: str | None) -> None:
        now = time.perf_counter()
        outcome = Outcome(
            unit=user_id,
            decision="skip" if reason else "send",
            reason=reason,
            fields=fields,
            inputs=self._inputs[user_id],
            milliseconds=(now - self._last) * 1000,
        )
        self._last = now
        self._waiting.append(outcome)
        if len(self._waiting) >= CHUNK:
            self.flush()


def inputs_of_users(snapshot: sa.Connection, scheduled_at: datetime) -> dict[str, dict[str, str]]:
    """What the batch will see of every user, from the snapshot it will see it in."""
    shared = snapshot.execute(_SHARED, {"since": scheduled_at - timedelta(weeks=4)}).one()
    inputs: dict[str, dict[str, str]] = {}
    for row in snapshot.execute(_OF_USERS, {"since": scheduled_at - timedelta(weeks=52)}):
        inputs[row.user_id] = {
            "history": row.history or shared.nothing,
            "catalogue": shared.catalogue,
            "profile": row.profile,
        }
        if row.history is None:
            inputs[row.user_id]["popularity"] = shared.popularity
    return inputs


_SHARED = sa.text("""
    WITH catalogue AS (
        SELECT string_agg(product_id || '|' || (retired_at IS NULL)::int || '|' || price || '|' || name,
                          E'\n' ORDER BY product_id COLLATE "C") AS rows
        FROM shop.products
    ), sold AS (
        SELECT product_id, count(*) AS orders
        FROM shop.orders JOIN shop.order_lines USING (order_id)
        WHERE placed_at >= :since AND cancelled_at IS NULL AND returned < quantity
        GROUP BY product_id
    ), popularity AS (
        SELECT string_agg(product_id || '|' || orders, E'\n' ORDER BY product_id COLLATE "C") AS rows FROM sold
    )
    SELECT left(encode(sha256(convert_to(coalesce(catalogue.rows, ''), 'UTF8')), 'hex'), 16) AS catalogue,
           left(encode(sha256(convert_to(coalesce(popularity.rows, ''), 'UTF8')), 'hex'), 16) AS popularity,
           left(encode(sha256(''), 'hex'), 16) AS nothing
    FROM catalogue, popularity
""")

_OF_USERS = sa.text("""
    WITH histories AS (
        SELECT user_id,
               string_agg(order_id || '|' || product_id || '|' || (extract(epoch FROM placed_at) * 1000000)::bigint,
                          E'\n' ORDER BY order_id COLLATE "C", product_id COLLATE "C") AS rows
        FROM shop.orders JOIN shop.order_lines USING (order_id)
        WHERE placed_at >= :since AND cancelled_at IS NULL AND returned < quantity
        GROUP BY user_id
    )
    SELECT user_id, left(encode(sha256(convert_to(histories.rows, 'UTF8')), 'hex'), 16) AS history,
           left(encode(sha256(convert_to((unsubscribed_at IS NULL)::int || '|' || name, 'UTF8')), 'hex'), 16) AS profile
    FROM shop.users LEFT JOIN histories USING (user_id)
""")
