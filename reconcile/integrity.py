"""Integrity: one digest over everything a run's verdicts rest on, so that a later edit of any of it is noticed."""

from sqlalchemy import Connection, text


def outcomes_digest(connection: Connection, run: str) -> str:
    """64 hexadecimal characters: SHA-256 over every recorded outcome of the run, with its content."""
    return str(connection.scalar(_OUTCOMES, {"run": run}))


def verdicts_digest(connection: Connection, run: str) -> str:
    """64 hexadecimal characters: SHA-256 over every stored verdict of the run, by unit."""
    return str(connection.scalar(_VERDICTS, {"run": run}))


_OUTCOMES = text("""
    SELECT encode(sha256(convert_to(coalesce(string_agg(
        concat_ws('|', unit, path, decision, reason, encode(digest, 'hex'), encode(fingerprint, 'hex'),
                  encode(sha256(content), 'hex'), encode(sha256(convert_to(inputs::text, 'UTF8')), 'hex')),
        E'\\n' ORDER BY unit COLLATE "C", path COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM cutover.outcomes WHERE run = :run
""")

_VERDICTS = text("""
    SELECT encode(sha256(convert_to(coalesce(string_agg(
        concat_ws('|', unit, verdict, kind, because, accepted, findings::text, causes::text, fields::text),
        E'\\n' ORDER BY unit COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM cutover.comparisons WHERE run = :run
""")
