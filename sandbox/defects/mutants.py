"""Mutants of the frozen batch: its source with pieces replaced, run as a module of its own. The file stays as it is."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).parents[2] / "legacy_cron" / "weekly_recommendations.py"


class NotOnce(Exception):
    """A piece of text to be replaced is not in the source exactly once."""

    def __init__(self, piece: str, count: int, script: Path) -> None:
        super().__init__(f"{piece!r} occurs {count} times in {script}; expected exactly once")


def mutated(source: str, mutations: Mapping[str, str]) -> str:
    """`source` with each key replaced by its value. Raises NotOnce for one that is not there exactly once."""
    for piece, other in mutations.items():
        count = source.count(piece)
        if count != 1:
            raise NotOnce(piece, count, SCRIPT)
        source = source.replace(piece, other)
    return source


def mutant(mutations: Mapping[str, str]) -> ModuleType:
    """The batch as a module, with these pieces of its text replaced. Raises NotOnce."""
    source = mutated(SCRIPT.read_text("utf-8"), mutations)
    module = ModuleType("mutant_of_the_batch")
    # Its templates are found beside it.
    module.__file__ = str(SCRIPT)
    exec(compile(source, SCRIPT, "exec"), vars(module))  # noqa: S102 - our own file, with replacements of our own
    return module
