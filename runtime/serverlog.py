"""A server's log, read when the server did not come up."""

import errno
import os
from pathlib import Path

from runtime import state
from runtime.account import Account, own
from runtime.errors import RuntimeFailure, ServerDidNotStart

_LINES = 10
_READ_AT_MOST = 64 * 1024


def prepare(log: Path, account: Account | None) -> int:
    """Make the log, readable for its server only; returns its size, from where the next start writes on."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
        own(log, account)


def tail(log: Path, since: int) -> str:
    """The last lines written after that offset; empty if there are none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - _READ_AT_MOST))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-_LINES:])


def start_failure(server: str, log: Path, since: int, output: str, seconds: float) -> RuntimeFailure:
    """What to raise when a server did not start: a full disk has its own remedy."""
    said = "\n".join(part for part in (output.strip(), tail(log, since)) if part)
    if os.strerror(errno.ENOSPC) in said:
        return state.disk_full(log.parent)
    return ServerDidNotStart(server=server, seconds=seconds, log=log, tail=said or "(nothing)")
