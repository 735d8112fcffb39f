"""Found causes: what replay says of a run's mismatches, how often, and of which units for example."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from reconcile.finding import Finding

EXAMPLES = 3
"""Units named of each cause in one run."""


@dataclass(frozen=True, kw_only=True)
class FoundCause:
    """One finding, and of how many mismatches of a run; None: nothing was found of them, as there is no replay."""

    finding: Finding | None
    pairs: int
    units: tuple[str, ...]

    @property
    def explains(self) -> bool:
        """Whether a suspect brings it about."""
        return self.finding is not None and self.finding.explains


def found_causes(connection: Connection, run: str) -> tuple[FoundCause, ...]:
    """The causes of a run's mismatches, the most frequent first. A pair counts under each of its findings."""
    rows = connection.execute(_FOUND, {"run": run, "examples": EXAMPLES})
    return tuple(
        FoundCause(
            finding=Finding(path=row.path, suspect=row.suspect, says=row.says) if row.path else None,
            pairs=row.pairs,
            units=tuple(row.units),
        )
        for row in rows
    )


_FOUND = text("""
    SELECT found ->> 'path' AS path, found ->> 'suspect' AS suspect, found ->> 'says' AS says, count(*) AS pairs,
           (array_agg(unit ORDER BY md5(unit), unit))[1:CAST(:examples AS int)] AS units
    FROM cutover.comparisons LEFT JOIN LATERAL jsonb_array_elements(findings) AS found ON true
    WHERE run = :run AND verdict = 'mismatch'
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
""")
