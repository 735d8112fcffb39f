"""Recording: a run is opened once, each path stores its outcomes with their digests, and is closed when complete."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import sqlalchemy as sa

from events import RunEvent, WeekStarted
from runtime.database import copy_rows
from shadow.errors import RunInHand
from shadow.job import Job
from shadow.outcome import Outcome, Path, digest, fingerprint, pack

COLUMNS = (
    "run",
    "path",
    "unit",
    "decision",
    "reason",
    "digest",
    "fingerprint",
    "inputs",
    "content",
    "milliseconds",
)


def open_run(connection: sa.Connection, event: RunEvent, position: int) -> None:
    """Write down that this run exists and where its barrier lies; whoever comes first does it."""
    parameters = {
        "run": event.run,
        "kind": "week" if isinstance(event, WeekStarted) else "day",
        "scheduled_at": event.scheduled_at,
        "position": position,
        "sends": isinstance(event, WeekStarted) and event.sends,
        "percent": event.event_driven_percent if isinstance(event, WeekStarted) else 0.0,
        "salt": event.salt if isinstance(event, WeekStarted) else "",
    }
    connection.execute(_OPEN_RUN, parameters)


def open_path(connection: sa.Connection, run: str, path: Path, code_version: str, normalisation: str = "") -> None:
    """Write down that this path has begun the run; what an interrupted attempt left is removed."""
    parameters = {"run": run, "path": path, "code_version": code_version, "normalisation": normalisation}
    connection.execute(_FORGET, parameters)
    connection.execute(_OPEN_PATH, parameters)


def close_path(connection: sa.Connection, run: str, path: Path) -> None:
    """Write down that every outcome of this path is recorded."""
    connection.execute(_CLOSE_PATH, {"run": run, "path": path})


def finished(connection: sa.Connection, run: str, path: Path) -> bool:
    """Whether this path has recorded all of the run."""
    return bool(connection.scalar(_FINISHED, {"run": run, "path": path}))


def record(connection: sa.Connection, job: Job, run: str, path: Path, outcomes: Iterable[Outcome]) -> int:
    """Store outcomes in the transaction of `connection`; how many."""
    return copy_rows(connection, "cutover.outcomes", COLUMNS, _rows(job, run, path, outcomes))


def revise(connection: sa.Connection, job: Job, run: str, path: Path, outcomes: Sequence[Outcome]) -> int:
    """Store outcomes in place of what the path recorded for their units; how many of them say something else now.

    An outcome that is as it was is left alone, so that whoever looks for what changed sees just that.
    """
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in _rows(job, run, path, outcomes)]
    return sum(connection.execute(_REVISE, row).rowcount for row in rows)


def hold(connection: sa.Connection, run: str, path: Path) -> None:
    """Hold this path of this run until the transaction ends. Raises RunInHand when another process does."""
    if not connection.scalar(_TRY_LOCK, {"what": f"{run}/{path}"}):
        raise RunInHand(run, path)


def _rows(job: Job, run: str, path: Path, outcomes: Iterable[Outcome]) -> Iterator[tuple[object, ...]]:
    for outcome in outcomes:
        normalised = job.normalise(outcome.fields)
        yield (
            run,
            path,
            outcome.unit,
            outcome.decision,
            outcome.reason,
            digest(outcome.decision, outcome.reason, normalised),
            fingerprint(outcome.inputs),
            msgspec.json.encode(outcome.inputs).decode(),
            pack(outcome.fields),
            outcome.milliseconds,
        )


_OPEN_RUN = sa.text("""
    INSERT INTO cutover.runs (run, kind, scheduled_at, position, sends, event_driven_percent, salt)
    VALUES (:run, :kind, :scheduled_at, :position, :sends, :percent, :salt) ON CONFLICT DO NOTHING
""")

_REVISE = sa.text(f"""
    INSERT INTO cutover.outcomes AS o ({", ".join(COLUMNS)})
    VALUES ({", ".join(f"CAST(:{name} AS jsonb)" if name == "inputs" else f":{name}" for name in COLUMNS)})
    ON CONFLICT (run, path, unit) DO UPDATE SET
        decision = excluded.decision, reason = excluded.reason, digest = excluded.digest,
        fingerprint = excluded.fingerprint, inputs = excluded.inputs, content = excluded.content,
        milliseconds = excluded.milliseconds, recorded_at = clock_timestamp(), recorded_in = DEFAULT
    WHERE (o.digest, o.fingerprint, o.content)
          IS DISTINCT FROM (excluded.digest, excluded.fingerprint, excluded.content)
""")  # noqa: S608 - our own columns

_FORGET = sa.text("DELETE FROM cutover.outcomes WHERE run = :run AND path = :path")

_OPEN_PATH = sa.text("""
    INSERT INTO cutover.path_runs (run, path, code_version, normalisation, started_at)
    VALUES (:run, :path, :code_version, :normalisation, clock_timestamp())
    ON CONFLICT (run, path) DO UPDATE SET
        code_version = excluded.code_version, normalisation = excluded.normalisation,
        started_at = excluded.started_at, finished_at = NULL
""")

_CLOSE_PATH = sa.text("""
    UPDATE cutover.path_runs SET finished_at = clock_timestamp() WHERE run = :run AND path = :path
""")

_FINISHED = sa.text("""
    SELECT EXISTS (SELECT FROM cutover.path_runs WHERE run = :run AND path = :path AND finished_at IS NOT NULL)
""")

_TRY_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:what, 0))")
"""Advisory locks with one 64-bit key: the sequencer's is one such key, and a hash does not hit it by chance."""
