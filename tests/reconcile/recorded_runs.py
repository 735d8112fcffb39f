"""Runs as the two paths would have recorded them: written straight into the tables reconciliation reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from reconcile import FieldRule, Policy, ReconciliationPlan, Tolerance
from shadow import schema
from shadow.job import Job
from shadow.outcome import Fields, Json, Outcome, Path, digest, fingerprint, pack

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
INPUTS = {"history": "h1", "catalogue": "c1"}

PLAN = ReconciliationPlan(
    job=Job(name="reading lists", normalise=lambda fields: fields),
    policy=Policy(
        name="reading list",
        fields=(
            FieldRule(
                field="items",
                show="list",
                identity="book",
                tolerance=Tolerance(
                    absolute=1e-6,
                    owner="lists team",
                    reason="sums in another order",
                    ticket="LISTS-7",
                    expires=date(2099, 1, 1),
                ),
            ),
            FieldRule(field="text"),
            FieldRule(field="page", show="html"),
            FieldRule(field="price", show="number"),
        ),
    ),
    influences={"history": frozenset({"Borrowed"}), "catalogue": frozenset({"BookAdded"})},
)


@dataclass(frozen=True, kw_only=True)
class Late:
    """A late event."""

    event_id: str
    type: str
    unit: str | None = None


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """Both paths' outcomes of a run; a path in `unfinished` has not finished, one in `absent` never started."""

    run: str
    legacy: Mapping[str, Outcome]
    event_driven: Mapping[str, Outcome]
    late: Iterable[Late] = ()
    unfinished: frozenset[Path] = frozenset()
    absent: frozenset[Path] = frozenset()
    position: int = 48_213
    code: str = ""
    """The version of the code of both paths; by default one of each path's own."""

    def write(self, database: sa.Engine) -> None:
        """Insert everything."""
        with database.begin() as connection:
            connection.execute(
                schema.runs.insert(),
                {"run": self.run, "kind": "week", "scheduled_at": AT, "position": self.position},
            )
            self._write_path(connection, "legacy", self.legacy.values(), seconds=90)
            self._write_path(connection, "event_driven", self.event_driven.values(), seconds=2)
            for event in self.late:
                row = {"run": self.run, "event_id": event.event_id, "type": event.type, "unit": event.unit}
                connection.execute(schema.late_events.insert(), row)

    def _write_path(self, connection: sa.Connection, path: Path, outcomes: Iterable[Outcome], *, seconds: int) -> None:
        if path in self.absent:
            return
        finished = None if path in self.unfinished else AT + timedelta(seconds=seconds)
        row = {"run": self.run, "path": path, "code_version": self.code or f"{path}-7", "started_at": AT}
        connection.execute(schema.path_runs.insert(), row | {"finished_at": finished})
        rows = [self._row(path, outcome) for outcome in outcomes]
        if rows:
            connection.execute(schema.outcomes.insert(), rows)

    def _row(self, path: Path, outcome: Outcome) -> dict[str, object]:
        return {
            "run": self.run,
            "path": path,
            "unit": outcome.unit,
            "decision": outcome.decision,
            "reason": outcome.reason,
            "digest": digest(outcome.decision, outcome.reason, outcome.fields),
            "fingerprint": fingerprint(outcome.inputs),
            "inputs": dict(outcome.inputs),
            "content": pack(outcome.fields),
            "milliseconds": 1.0,
        }


def sent(unit: str, *books: tuple[str, float], name: str = "Ada", **other: Json) -> Outcome:
    """An outcome that sends a list of books with scores."""
    items: list[Json] = [{"book": book, "score": score} for book, score in books]
    fields: Fields = {
        "items": items,
        "text": f"Hello {name},\n\nyour books: {', '.join(book for book, _ in books)}\n",
        "page": f"<h1>Hello {name}</h1><a href='https://books.example/{unit}'>yours</a>",
        "price": 1,
    }
    return Outcome(unit=unit, decision="send", fields={**fields, **other}, inputs=INPUTS)


def skipped(unit: str, reason: str) -> Outcome:
    """An outcome that skips."""
    return Outcome(unit=unit, decision="skip", reason=reason, inputs=INPUTS)


def with_input(outcome: Outcome, **inputs: str) -> Outcome:
    """The same outcome from other inputs."""
    return replace(outcome, inputs={**outcome.inputs, **inputs})


def by_unit(*outcomes: Outcome) -> dict[str, Outcome]:
    """The outcomes by their units."""
    return {outcome.unit: outcome for outcome in outcomes}


def of_every_kind(run: str = "2026-W47", name: str = "Ada") -> RecordedRun:
    """A run with two matches, one match by tolerance, every kind of mismatch, and pairs with other inputs."""
    one, two, three = ("b1", 0.9), ("b2", 0.8), ("b3", 0.7)
    usual = {unit: sent(unit, one, two, name=name) for unit in [f"u{n:02d}" for n in range(1, 13)]}
    legacy = {**usual, "u13": skipped("u13", "away")}
    event_driven = {
        **legacy,
        "u02": sent("u02", one, ("b2", 0.800001), name=name),
        "u03": sent("u03", one, three, name=name),
        "u04": sent("u04", two, one, name=name),
        "u05": sent("u05", one, ("b2", 0.5), name=name),
        "u06": sent("u06", one, two, name=name, text="other words"),
        "u07": sent("u07", one, two, name=name, page="<h2>other</h2>"),
        "u08": skipped("u08", "away"),
        "u09": with_input(sent("u09", one, three, name=name), history="h2"),
        "u10": with_input(usual["u10"], catalogue="c2"),
    }
    del legacy["u11"], event_driven["u12"]
    late = [
        Late(event_id="Borrowed:77", type="Borrowed", unit="u09"),
        Late(event_id="Borrowed:99", type="Borrowed", unit="u90"),
    ]
    return RecordedRun(run=run, legacy=legacy, event_driven=event_driven, late=late)
