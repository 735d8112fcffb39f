"""What was accepted, in a file: a line an e-mail, written before the answer, so that it outlives a killed stand-in."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One acceptance, at a time in epoch seconds, and what its request said of itself."""

    at: float
    send_id: str
    address: str
    categories: tuple[str, ...]


class Journal:
    """Appends to a file. Each call is one write, so that a kill leaves whole entries and at most half of the last."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take these down; they are with the operating system when it returns."""
        os.write(self._file, b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


def read(path: Path) -> Iterator[Entry]:
    """All entries, the oldest first; none where there is no file."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield msgspec.json.decode(line, type=Entry)
