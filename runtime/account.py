"""As whom the embedded PostgreSQL runs: as ourselves, or, as it refuses to be root, as another user."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import AccountUnavailable

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def server_account(data: Path) -> Account | None:
    """The user to run the server of this data directory as; None stands for the current one.

    Only root needs another: the data directory's owner, or ``nobody`` if there is none yet.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise AccountUnavailable(account=owner or UNPRIVILEGED, reason="there is no such user") from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def own(path: Path, account: Account | None) -> None:
    """Make the file or directory the account's."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def run(
    command: Sequence[str],
    *,
    account: Account | None,
    reach: Sequence[Path],
    cwd: Path,
    environment: dict[str, str],
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run a program as the account, in a session of its own, so that it can come at every path in ``reach``.

    Directories above those paths keep their permissions: where they shut the account out (such as root's
    home), the program is given the capability to pass them instead.
    """
    if account is None or all(open_to(path, account) for path in reach):
        return _run(command, account, cwd, environment, timeout)
    return _run([*_let_through(account, reach), *command], None, cwd, environment, timeout)


def open_to(path: Path, account: Account) -> bool:
    """Whether the account may read the path, and pass every directory above it."""
    path = path.resolve()
    return _grants(path, account, stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)) and all(
        _grants(parent, account, stat.S_IXOTH) for parent in path.parents
    )


def _grants(path: Path, account: Account, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        wanted <<= 6
    return status.st_mode & wanted == wanted


def _let_through(account: Account, reach: Sequence[Path]) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        shut = next(path for path in reach if not open_to(path, account))
        raise AccountUnavailable(
            account=account.name,
            reason=f"it may not reach {shut}, and setpriv (of util-linux) is not there to let it",
        )
    # Without no_setuid_fixup, access(2), by which PostgreSQL checks its programs, ignores capabilities.
    return [
        setpriv,
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]


def _run(
    command: Sequence[str],
    account: Account | None,
    cwd: Path,
    environment: dict[str, str],
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            list(command),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd=cwd,
            env=environment,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=0o077,
            start_new_session=True,
            check=False,
        )
    except PermissionError as error:
        if account is None:
            raise
        raise AccountUnavailable(account=account.name, reason=str(error)) from error
