"""The end of the migration: what is there to delete, and what still calls it."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from console.failures import WrongUse
from shadow.history import Migration

ROOT = Path(__file__).resolve().parent.parent
DELETED = ("legacy_cron", "shadow/legacy_tap.py", "tests/legacy")
"""What goes together; imports among these hold nobody back."""
HELD_AGAINST = ("benchmarks/bare_batch.py",)
"""What measures the script beside its replacement, and imports it only then."""

_CALLS = re.compile(r"legacy-run|legacy_cron")
_IMPORTS = re.compile(r"^\s*(?:from|import)\s+legacy_cron\b", re.MULTILINE)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question, and what calls it still; empty if nothing does."""

    name: str
    calls: Sequence[str]


class Retirement(msgspec.Struct, frozen=True, kw_only=True):
    """What may be deleted once every check is empty."""

    delete: Sequence[str]
    checks: Sequence[Check]

    @property
    def held_back(self) -> bool:
        """Whether something still calls what is to be deleted."""
        return any(check.calls for check in self.checks)


def retirement(connection: sa.Connection, migration: Migration, crontab: Path | None, root: Path = ROOT) -> Retirement:
    """Look at stage, crontab, imports and runs. Raises WrongUse for a crontab that cannot be read."""
    text = crontab_text(crontab)
    lines = calls_in(text or "")
    unknown = [] if text is not None else ["not known: there is no `crontab -l` here; give the file with --crontab"]
    return Retirement(
        delete=[*(f"crontab: {line}" for line in lines), *(each for each in DELETED if (root / each).exists())],
        checks=[
            Check(name="the stage is retired", calls=_stage(migration)),
            Check(name="no crontab line calls the script or its tap", calls=[*unknown, *lines]),
            Check(name="nothing else imports the script", calls=list(importers(root))),
            Check(name="the legacy path has not run since", calls=_runs_since(connection, migration)),
        ],
    )


def calls_in(crontab: str) -> list[str]:
    """The lines that call the script or its tap; comments do not."""
    lines = (line.strip() for line in crontab.splitlines())
    return [line for line in lines if not line.startswith("#") and _CALLS.search(line)]


def crontab_text(path: Path | None) -> str | None:
    """The crontab in this file; without one, this user's, which may have none; None where nobody can tell."""
    if path is not None:
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as problem:
            raise WrongUse(f"--crontab is {str(path)!r}, which cannot be read: {problem}") from problem
    try:
        done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0 and "no crontab for" not in done.stderr:
        return None
    return done.stdout


def importers(root: Path) -> Iterator[str]:
    """The Python files below `root` that import the script and are not deleted with it."""
    kept = tuple(root / each for each in (*DELETED, *HELD_AGAINST))
    for package in sorted(path for path in root.iterdir() if (path / "__init__.py").exists()):
        for path in sorted(package.rglob("*.py")):
            own = any(path == each or each in path.parents for each in kept)
            if not own and _IMPORTS.search(path.read_text(errors="replace")):
                yield str(path.relative_to(root))


def _stage(migration: Migration) -> list[str]:
    return [] if migration.here.stage == "retired" else [f"it is {migration.here}"]


def _runs_since(connection: sa.Connection, migration: Migration) -> list[str]:
    if migration.here.stage != "retired":
        return ["the stage is not retired yet"]
    since = connection.scalar(
        sa.text("SELECT recorded_at FROM cutover.events WHERE position = :position"),
        {"position": migration.change.position},
    )
    rows = connection.execute(_RUNS_SINCE, {"since": since})
    return [f"run {row.run} at {row.started_at:%Y-%m-%d %H:%M}" for row in rows]


_RUNS_SINCE = sa.text("""
    SELECT run, started_at FROM cutover.path_runs WHERE path = 'legacy' AND started_at > :since ORDER BY started_at
""")
