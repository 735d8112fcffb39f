"""The table of defects: what rehearsing each of them came to, a row each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.failures import Exit
from console.rehearsal import Rehearsed
from console.verdict_code import exit_code
from sandbox.defects import CATALOGUE

COLUMNS = (
    "defect",
    "path",
    "what",
    "mismatch / incomplete of pairs",
    "kinds",
    "cause",
    "named by the report",
    "exit code",
)


@dataclass(frozen=True, kw_only=True)
class DefectRow:
    """What one defect did to the pairs of all runs together. `defect` is None where nothing was broken.

    `named` counts the mismatches by the path and the suspect that the report names, most first.
    """

    defect: str | None
    path: str
    what: str
    cause: str
    pairs: int
    mismatch: int
    incomplete: int
    kinds: Mapping[str, int]
    named: Mapping[str, int]
    unexplained: int
    exit_code: Exit

    @property
    def as_expected(self) -> bool:
        """Whether a defect was noticed; where nothing was broken, whether nothing was found."""
        return self.exit_code == (Exit.NO if self.defect else Exit.GOOD)

    @property
    def named_rightly(self) -> bool:
        """Whether the cause that the report names for most of the mismatches is the defect's, in the right path."""
        return next(iter(self.named), None) == f"{self.path}: {self.cause}"


def row_of(name: str | None, rehearsed: Rehearsed) -> DefectRow:
    """The row of this defect, from what its rehearsal came to."""
    defect = CATALOGUE[name] if name else None
    totals = rehearsed.totals
    kinds: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for each in totals:
        kinds.update(each.kinds)
        for cause in each.causes:
            if cause.suspect:
                named[f"{cause.path}: {cause.suspect}"] += cause.units
    return DefectRow(
        defect=name,
        path=defect.path if defect else "",
        what=defect.what if defect else "nothing is broken",
        cause=defect.cause if defect else "",
        pairs=sum(each.pairs for each in totals),
        mismatch=sum(each.mismatch for each in totals),
        incomplete=sum(each.incomplete for each in totals),
        kinds=dict(kinds.most_common()),
        named=dict(named.most_common()),
        unexplained=sum(each.unexplained for each in totals),
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
        row.cause,
        _named(row),
        str(int(row.exit_code)),
    ]


def _named(row: DefectRow) -> str:
    """Whether the cause was named rightly, and for how many."""
    if row.defect is None:
        return ""
    first, number = next(iter(row.named.items()), ("", 0))
    said = "yes" if row.named_rightly else f"no: {first or 'nothing'}"
    unexplained = f"; {row.unexplained:,} unexplained" if row.unexplained else ""
    return f"{said}, {number:,} of {row.mismatch:,}{unexplained}"


def markdown(rows: Sequence[DefectRow]) -> str:
    """The table in Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
