"""The state directory: everything the embedded servers and this machine's processes leave on disk."""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from runtime.errors import DiskFull, StateDirectoryUnusable

MEGABYTE = 1024 * 1024
# Linux takes 107 bytes for a socket's path and macOS 103; PostgreSQL's name inside the directory is the longest.
_LONGEST_SOCKET_PATH = 100
_LONGEST_SOCKET_NAME = "postgres/.s.PGSQL.5432"
# These mean nothing in a URL, a connection string or a shell.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


def prepare(state_dir: Path) -> None:
    """Make the directory if it is missing; raises StateDirectoryUnusable or DiskFull if that cannot be."""
    with explained(state_dir):
        state_dir.mkdir(mode=_private_mode(), parents=True, exist_ok=True)
        if not os.access(state_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write there, or to where the path will be once it exists."""
    existing = next(candidate for candidate in (path, *path.parents) if candidate.exists())
    return shutil.disk_usage(existing).free


def require_room(state_dir: Path, need: int, free: Callable[[Path], int] = free_bytes) -> None:
    """Raise DiskFull unless that many bytes are free; writes nothing."""
    available = free(state_dir)
    if available < need:
        raise DiskFull(path=state_dir, free=available // MEGABYTE, need=need // MEGABYTE)


def sockets(state_dir: Path) -> Path:
    """Where the servers' sockets are or will be: under the state directory, unless its path cannot be used."""
    inside = state_dir / "sockets"
    if inside.is_symlink():
        return inside.readlink()
    return inside if _can_hold_sockets(inside) else _substitute(state_dir)


def prepare_sockets(state_dir: Path) -> Path:
    """Make the directory for the sockets; one elsewhere is linked to, for the next command to find it."""
    with explained(state_dir):
        directory = sockets(state_dir)
        if directory != state_dir / "sockets" and not _is_kept(state_dir):
            directory = _substitute(state_dir)
            _link(state_dir / "sockets", directory)
        directory.mkdir(mode=_private_mode(), exist_ok=True)
    _require_ours(directory)
    return directory


@contextmanager
def explained(state_dir: Path) -> Iterator[None]:
    """Turn the system's refusals to write into messages that name the state directory."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(state_dir) from error
        reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        raise StateDirectoryUnusable(path=state_dir, reason=reason) from error


def disk_full(state_dir: Path, need: int = 200 * MEGABYTE) -> DiskFull:
    """The failure that says so, with the room there is at this moment."""
    return DiskFull(path=state_dir, free=free_bytes(state_dir) // MEGABYTE, need=need // MEGABYTE)


def _private_mode() -> int:
    """Nobody else's; PostgreSQL, which root has to run as another user, must be able to pass through."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _can_hold_sockets(directory: Path) -> bool:
    longest = str(directory / _LONGEST_SOCKET_NAME)
    return len(longest) <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(longest) is not None


def _substitute(state_dir: Path) -> Path:
    digest = blake2b(os.fsencode(state_dir.resolve()), digest_size=6).hexdigest()
    name = f"cutover-{os.geteuid()}-{digest}"
    temporary = Path(tempfile.gettempdir()) / name
    return temporary if _can_hold_sockets(temporary) else Path("/tmp") / name  # noqa: S108 - is checked to be ours


def _is_kept(state_dir: Path) -> bool:
    """Whether a link leads to where servers of this directory may run already, also if TMPDIR is another one here."""
    link = state_dir / "sockets"
    return link.is_symlink() and link.readlink().name == _substitute(state_dir).name and link.readlink().parent.is_dir()


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _require_ours(directory: Path) -> None:
    """In a directory that all users share, somebody else may have been first to take the name."""
    status = directory.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not ours or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateDirectoryUnusable(path=directory, reason="another user owns it or may write to it")
