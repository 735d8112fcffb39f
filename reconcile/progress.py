"""Progress of a run's two paths: which have finished, and how long they took."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from reconcile.errors import UnknownRun
from shadow import schema as shadow
from shadow.outcome import Path

PATHS: tuple[Path, Path] = ("legacy", "event_driven")


@dataclass(frozen=True, kw_only=True)
class PathRun:
    """One path's part of a run. `finished_at` is None while it runs."""

    code_version: str
    started_at: datetime
    finished_at: datetime | None
    normalisation: str = ""

    @property
    def seconds(self) -> float | None:
        """What the path took; None while it runs."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """A run and how far its paths are; a path that never started is absent from `paths`."""

    run: str
    kind: str
    scheduled_at: datetime
    position: int
    paths: Mapping[str, PathRun]

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """The paths that never started or still run."""
        return tuple(path for path in PATHS if self.seconds[path] is None)

    @property
    def seconds(self) -> dict[str, float | None]:
        """What each path took; None for one that has not finished."""
        return {path: self.paths[path].seconds if path in self.paths else None for path in PATHS}


def run_progress(connection: Connection, run: str) -> RunProgress:
    """The run and its paths. Raises UnknownRun, which names the known ones, latest first."""
    found = connection.execute(select(shadow.runs).where(shadow.runs.c.run == run)).one_or_none()
    if found is None:
        raise UnknownRun(run, _known(connection))
    rows = connection.execute(select(shadow.path_runs).where(shadow.path_runs.c.run == run))
    paths = {
        row.path: PathRun(
            code_version=row.code_version,
            started_at=row.started_at,
            finished_at=row.finished_at,
            normalisation=row.normalisation,
        )
        for row in rows
    }
    return RunProgress(run=run, kind=found.kind, scheduled_at=found.scheduled_at, position=found.position, paths=paths)


def _known(connection: Connection, at_most: int = 20) -> list[str]:
    latest = select(shadow.runs.c.run).order_by(shadow.runs.c.scheduled_at.desc()).limit(at_most)
    return list(connection.scalars(latest))
