"""Which code is running: the package's version and a digest of its sources."""

from functools import cache
from hashlib import blake2b
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("console", "reconcile", "shadow", "handlers", "events", "runtime", "legacy_cron")
SUFFIXES = frozenset({".py", ".j2", ".html", ".sql", ".lua", ".js", ".css"})


@cache
def code_version() -> str:
    """Such as ``0.1.0+3f9c2a71d04b``: equal for equal sources, wherever they are installed."""
    return f"{_package_version()}+{source_digest(_package_directories())}"


def source_digest(directories: dict[str, Path]) -> str:
    """A short digest over the names and contents of all source files in the named directories."""
    digest = blake2b(digest_size=6)
    for name, directory in sorted(directories.items()):
        for path in _sources(directory):
            content = path.read_bytes()
            digest.update(f"{name}/{path.relative_to(directory).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _package_version() -> str:
    try:
        return metadata.version("cutover")
    except metadata.PackageNotFoundError:
        return "0"


def _package_directories() -> dict[str, Path]:
    """Where our packages are; one that was removed, as the legacy script may be, is left out."""
    found = {name: find_spec(name) for name in PACKAGES}
    return {
        name: Path(next(iter(spec.submodule_search_locations)))
        for name, spec in found.items()
        if spec is not None and spec.submodule_search_locations
    }


def _sources(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.suffix in SUFFIXES and path.is_file())
