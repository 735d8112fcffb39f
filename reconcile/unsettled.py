"""Unsettled pairs: those which digests alone do not settle, found in one pass over the digests of both paths.

They are noted in a temporary table of the snapshot's transaction, so that everything which follows speaks of the same.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

BATCH = 500
"""Pairs read at a time: some megabytes when every outcome holds an e-mail."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many pairs of a run are in each class, without looking into any of them."""

    same: int
    other_outcome: int
    other_inputs: int
    missing_in_legacy: int
    missing_in_event_driven: int

    @property
    def pairs(self) -> int:
        """All units for which at least one path has an outcome."""
        missing = self.missing_in_legacy + self.missing_in_event_driven
        return self.same + self.other_outcome + self.other_inputs + missing


def find_unsettled(snapshot: Connection, run: str, units: Sequence[str] | None = None) -> Counts:
    """Note the unsettled pairs of all units, or of these; how many there are. Holds until the transaction ends."""
    parameters = {"run": run, "units": None if units is None else list(units)}
    snapshot.execute(_NOTE if units is None else _NOTE_THESE, parameters)
    noted = snapshot.execute(_CLASSES).one()
    legacy = snapshot.scalar(_LEGACY if units is None else _LEGACY_OF_THESE, parameters) or 0
    differing = noted.other_outcome + noted.other_inputs + noted.missing_in_event_driven
    return Counts(same=legacy - differing, **noted._mapping)


def unjudged(snapshot: Connection, run: str, judged_by: str) -> Generator[Sequence[str], None, None]:
    """The unsettled pairs on which nothing is stored that still holds: their units, in batches."""
    parameters = {"run": run, "judged_by": judged_by}
    streaming = {"stream_results": True, "yield_per": BATCH}
    with snapshot.execute(_UNJUDGED, parameters, execution_options=streaming) as streamed:
        yield from streamed.scalars().partitions(BATCH)


def outdated(snapshot: Connection, run: str, judged_by: str, units: Sequence[str] | None = None) -> list[str]:
    """The units, of all or of these, of which something is stored that was said of other digests."""
    parameters = {"run": run, "judged_by": judged_by, "units": None if units is None else list(units)}
    return list(snapshot.scalars(_OUTDATED, parameters))


def _note(only: str) -> str:
    return f"""
    CREATE TEMPORARY TABLE unsettled ON COMMIT DROP AS
    SELECT coalesce(l.unit, e.unit) AS unit, l.unit IS NULL AS only_event_driven, e.unit IS NULL AS only_legacy,
           l.digest AS legacy_digest, l.fingerprint AS legacy_fingerprint,
           e.digest AS event_driven_digest, e.fingerprint AS event_driven_fingerprint
    FROM (SELECT unit, digest, fingerprint FROM cutover.outcomes WHERE run = :run AND path = 'legacy' {only}) AS l
    FULL JOIN (SELECT unit, digest, fingerprint FROM cutover.outcomes
               WHERE run = :run AND path = 'event_driven' {only}) AS e ON l.unit = e.unit
    WHERE l.digest IS DISTINCT FROM e.digest OR l.fingerprint IS DISTINCT FROM e.fingerprint
    """  # noqa: S608 - our own words


_THESE = "AND unit = ANY(CAST(:units AS text[]))"
_NOTE, _NOTE_THESE = text(_note("")), text(_note(_THESE))

_LEGACY = text("SELECT count(*) FROM cutover.outcomes WHERE run = :run AND path = 'legacy'")
_LEGACY_OF_THESE = text(f"{_LEGACY.text} {_THESE}")

_CLASSES = text("""
    SELECT count(*) FILTER (WHERE only_event_driven) AS missing_in_legacy,
           count(*) FILTER (WHERE only_legacy) AS missing_in_event_driven,
           count(*) FILTER (WHERE legacy_fingerprint <> event_driven_fingerprint) AS other_inputs,
           count(*) FILTER (WHERE legacy_fingerprint = event_driven_fingerprint) AS other_outcome
    FROM pg_temp.unsettled
""")

_SAID_OF_THE_SAME = """
    c.unit = u.unit
    AND c.legacy_digest IS NOT DISTINCT FROM u.legacy_digest
    AND c.legacy_fingerprint IS NOT DISTINCT FROM u.legacy_fingerprint
    AND c.event_driven_digest IS NOT DISTINCT FROM u.event_driven_digest
    AND c.event_driven_fingerprint IS NOT DISTINCT FROM u.event_driven_fingerprint
"""

_UNJUDGED = text(f"""
    SELECT u.unit FROM pg_temp.unsettled u
    WHERE NOT EXISTS (SELECT FROM cutover.comparisons c
                      WHERE c.run = :run AND c.judged_by = :judged_by AND {_SAID_OF_THE_SAME})
""")  # noqa: S608 - our own words

_OUTDATED = text(f"""
    SELECT c.unit FROM cutover.comparisons c
    WHERE c.run = :run AND c.judged_by = :judged_by
      AND (CAST(:units AS text[]) IS NULL OR c.unit = ANY(CAST(:units AS text[])))
      AND NOT EXISTS (SELECT FROM pg_temp.unsettled u WHERE {_SAID_OF_THE_SAME})
""")  # noqa: S608 - our own words
