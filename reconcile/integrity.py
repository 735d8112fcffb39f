"""Integrity: one digest over everything a run's verdicts rest on, so that a later edit of any of it is noticed."""

from sqlalchemy import Connection, text


def outcomes_digest(connection: Connection, run: str) -> str:
    """64 hexadecimal characters: SHA-256 over every recorded outcome of the run, with its content."""
    return str(connection.scalar(_OUTCOMES, {"run": run}))


def verdicts_digest(connection: Connection, run: str) -> str:
    """64 hexadecimal characters: SHA-256 over every stored verdict of the run, by unit."""
    return str(connection.scalar(_VERDICTS, {"run": run}))


_OUTCOMES = text("""
    SELECT encode(sha256(coalesce(string_agg(row, '' ORDER BY unit COLLATE "C", path COLLATE "C"), '')), 'hex')
    FROM (SELECT unit, path, sha256(convert_to(jsonb_build_array(
                     unit, path, decision, reason, encode(digest, 'hex'), encode(fingerprint, 'hex'),
                     encode(sha256(content), 'hex'), inputs)::text, 'UTF8')) AS row
          FROM cutover.outcomes WHERE run = :run) AS rows
""")

_VERDICTS = text("""
    SELECT encode(sha256(coalesce(string_agg(row, '' ORDER BY unit COLLATE "C"), '')), 'hex')
    FROM (SELECT unit, sha256(convert_to(jsonb_build_array(
                     unit, verdict, kind, because, accepted, findings, causes, fields, tolerated)::text,
                     'UTF8')) AS row
          FROM cutover.comparisons WHERE run = :run) AS rows
""")
