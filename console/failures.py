"""From what went wrong to one clear message and an exit code."""

import enum

import psycopg
import redis
import sqlalchemy as sa

from console.processes import ProcessDied
from events import EventError
from events.errors import BadEvent
from reconcile import ReconcileError
from runtime.errors import AlreadyRunning, RuntimeFailure, SettingsInvalid
from runtime.redaction import redacted_text
from shadow.errors import BadRunName, ShadowError


class Exit(enum.IntEnum):
    """What the exit code of every command means."""

    GOOD = 0
    NO = 1
    WRONG_USE = 2
    INCOMPLETE = 3
    UNREACHABLE = 4


class WrongUse(Exception):
    """The command cannot be carried out as it was given."""


def explain(problem: BaseException) -> tuple[str, Exit] | None:
    """The message and exit code for this failure; None for a defect of ours, which deserves its traceback."""
    if isinstance(problem, sa.exc.DBAPIError):
        return _database(problem.orig or problem)
    if isinstance(problem, psycopg.Error):
        return _database(problem)
    if isinstance(problem, redis.RedisError):
        return f"the broker cannot be used: {problem}. Nothing is lost: the log is in the database.", Exit.UNREACHABLE
    if isinstance(problem, OSError) and problem.errno == 28:
        return f"the disk is full: {problem}. Nothing that was committed is lost.", Exit.UNREACHABLE
    for kinds, code in _CODES:
        if isinstance(problem, kinds):
            return redacted_text(str(problem)), code
    return None


_CODES: tuple[tuple[tuple[type[Exception], ...], Exit], ...] = (
    ((SettingsInvalid, AlreadyRunning, WrongUse, BadEvent, BadRunName), Exit.WRONG_USE),
    ((RuntimeFailure, ProcessDied), Exit.UNREACHABLE),
    ((ReconcileError, ShadowError, EventError), Exit.WRONG_USE),
)


def _database(problem: BaseException) -> tuple[str, Exit] | None:
    if isinstance(problem, psycopg.errors.DiskFull):
        return (
            f"PostgreSQL's disk is full: {_first_line(problem)}. What was committed is safe, the rest was rolled back; "
            "free some space and run the command again.",
            Exit.UNREACHABLE,
        )
    if isinstance(problem, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
        return (
            f"the database lacks a table: {_first_line(problem)}. Run `cutover migrate` once, and check that "
            "DATABASE_URL names the right database.",
            Exit.WRONG_USE,
        )
    if isinstance(problem, psycopg.OperationalError):
        message = f"the database cannot be used: {_first_line(problem)}. What was committed is safe."
        return redacted_text(message), Exit.UNREACHABLE
    return None


def _first_line(problem: BaseException) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".")
