"""The table of defects: what rehearsing each of them came to, a row each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.failures import Exit
from console.rehearsal import Rehearsed
from console.verdict_code import exit_code
from sandbox.defects import CATALOGUE

COLUMNS = ("defect", "path", "what", "mismatch / incomplete of pairs", "kinds", "exit code")


@dataclass(frozen=True, kw_only=True)
class DefectRow:
    """What one defect did to the pairs of all runs together. `defect` is None where nothing was broken."""

    defect: str | None
    path: str
    what: str
    cause: str
    pairs: int
    mismatch: int
    incomplete: int
    kinds: Mapping[str, int]
    exit_code: Exit

    @property
    def as_expected(self) -> bool:
        """Whether a defect was noticed; where nothing was broken, whether nothing was found."""
        return (self.exit_code == Exit.GOOD) == (self.defect is None)


def row_of(name: str | None, rehearsed: Rehearsed) -> DefectRow:
    """The row of this defect, from what its rehearsal came to."""
    defect = CATALOGUE[name] if name else None
    totals = rehearsed.totals
    kinds: Counter[str] = Counter()
    for each in totals:
        kinds.update(each.kinds)
    return DefectRow(
        defect=name,
        path=defect.path if defect else "",
        what=defect.what if defect else "nothing is broken",
        cause=defect.cause if defect else "",
        pairs=sum(each.pairs for each in totals),
        mismatch=sum(each.mismatch for each in totals),
        incomplete=sum(each.incomplete for each in totals),
        kinds=dict(kinds.most_common()),
        exit_code=exit_code(totals),
    )


def cells(row: DefectRow) -> list[str]:
    """A row as text, column by column."""
    return [
        row.defect or "none",
        row.path,
        row.what,
        f"{row.mismatch:,} / {row.incomplete:,} of {row.pairs:,}",
        ", ".join(f"{kind} {count:,}" for kind, count in row.kinds.items()),
        str(int(row.exit_code)),
    ]


def markdown(rows: Sequence[DefectRow]) -> str:
    """The table in Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
