"""From what went wrong to one clear message and an exit code."""

import enum
import errno
import re
from collections.abc import Callable, Mapping

from runtime.redaction import redacted_text


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
    """The message and exit code for this failure; None for a defect of ours, which deserves its traceback.

    The message never holds a password.
    """
    for kind in type(problem).__mro__:
        found = _KINDS.get(f"{kind.__module__}.{kind.__qualname__}")
        if found is not None:
            explained = (str(problem), found) if isinstance(found, Exit) else found(problem)
            return explained and (redacted_text(explained[0]), explained[1])
    return None


def _of_database(problem: BaseException) -> tuple[str, Exit] | None:
    import psycopg

    problem = getattr(problem, "orig", None) or problem
    if isinstance(problem, psycopg.errors.DiskFull):
        return (
            f"PostgreSQL's disk is full: {_first_line(problem)}. What was committed is safe, the rest was rolled back; "
            "free some space and run the command again.",
            Exit.UNREACHABLE,
        )
    if isinstance(problem, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
        return (
            f"the database lacks a table: {_first_line(problem)}. Run `cutover migrate` once, "
            "or say with --database what a rehearsal left, and check that "
            "DATABASE_URL names the right database.",
            Exit.WRONG_USE,
        )
    if isinstance(problem, psycopg.OperationalError):
        # A connection that was refused bears no SQLSTATE: the server's words are all there is.
        if missing := re.search(r'database ".*" does not exist', _first_line(problem)):
            return (
                f"{missing[0]}: `make demo` leaves cutover_demo behind, `cutover rehearse` cutover_rehearsal, "
                "and with --migration cutover_migration.",
                Exit.WRONG_USE,
            )
        return f"the database cannot be used: {_first_line(problem)}. What was committed is safe.", Exit.UNREACHABLE
    return None


def _of_broker(problem: BaseException) -> tuple[str, Exit]:
    return f"the broker cannot be used: {problem}. Nothing is lost: the log is in the database.", Exit.UNREACHABLE


def _of_file_system(problem: BaseException) -> tuple[str, Exit] | None:
    if not isinstance(problem, OSError):
        return None
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {problem}. Nothing that was committed is lost.", Exit.UNREACHABLE
    if problem.filename is not None:
        return f"{problem.filename} cannot be used: {problem.strerror}", Exit.WRONG_USE
    return None


def _of_text(problem: BaseException) -> tuple[str, Exit] | None:
    """Python hands over bytes that are no UTF-8 as lone surrogates; whatever else cannot be written is our defect."""
    if not isinstance(problem, UnicodeEncodeError) or not "\udc80" <= problem.object[problem.start] <= "\udcff":
        return None
    byte = ord(problem.object[problem.start]) - 0xDC00
    return f"an argument has the byte 0x{byte:02x} at offset {problem.start}; expected text in UTF-8", Exit.WRONG_USE


def _first_line(problem: BaseException) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".")


# By name, because importing all that can fail would take longer than most commands do. The nearest kind counts.
_KINDS: Mapping[str, Exit | Callable[[BaseException], tuple[str, Exit] | None]] = {
    "console.failures.WrongUse": Exit.WRONG_USE,
    "console.processes.ProcessDied": Exit.UNREACHABLE,
    "console.web.serve.CannotListen": Exit.WRONG_USE,
    "events.errors.EventError": Exit.WRONG_USE,
    "handlers.tracking.errors.BadPublicKey": Exit.WRONG_USE,
    "handlers.unsubscribe_link.BadLinkKey": Exit.WRONG_USE,
    "reconcile.errors.ReconcileError": Exit.WRONG_USE,
    "runtime.errors.AlreadyRunning": Exit.WRONG_USE,
    "runtime.errors.OtherSchema": Exit.WRONG_USE,
    "runtime.errors.RuntimeFailure": Exit.UNREACHABLE,
    "runtime.errors.SettingsInvalid": Exit.WRONG_USE,
    "sandbox.defects.catalogue.UnknownDefect": Exit.WRONG_USE,
    "sandbox.shop.errors.ShopError": Exit.WRONG_USE,
    "shadow.errors.ShadowError": Exit.WRONG_USE,
    "alembic.util.exc.CommandError": Exit.WRONG_USE,
    "builtins.OSError": _of_file_system,
    "builtins.UnicodeEncodeError": _of_text,
    "psycopg.Error": _of_database,
    "redis.exceptions.RedisError": _of_broker,
    "sqlalchemy.exc.DBAPIError": _of_database,
}
