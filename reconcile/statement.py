"""The statement: what a report claims, in the one form that is digested, stored and signed.

It leaves out when the report was made and how it looks: equal evidence makes an equal statement.
"""

import hashlib
import zlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql as pg

from reconcile.schema import reports

_encoder = msgspec.json.Encoder(order="deterministic")


class RunStatement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is claimed of one run. `outcomes` and `verdicts` are digests of what lies in the database.

    `granted` of the explained pairs differ in what the policy accepts, and in nothing else.
    """

    run: str
    scheduled_at: datetime
    position: int
    pairs: int
    due: int
    match: int
    explained: int
    granted: int = 0
    mismatch: int
    unexplained: int
    incomplete: int
    finished: bool
    code_versions: Mapping[str, str]
    reconciled_by: str
    outcomes: str
    verdicts: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a report claims. `configuration` is what the judged system was set to, by name."""

    job: str
    runs: tuple[RunStatement, ...]
    policy: str
    code_version: str
    configuration: Mapping[str, str]
    doubts: tuple[str, ...]

    def digest(self) -> str:
        """64 hexadecimal characters of BLAKE2b over every word of it."""
        return hashlib.blake2b(_encoder.encode(self), digest_size=32).hexdigest()

    def configuration_digest(self) -> str:
        """32 hexadecimal characters of BLAKE2b over the configuration."""
        return digest_of_configuration(self.configuration)


def digest_of_configuration(configuration: Mapping[str, str]) -> str:
    """32 hexadecimal characters of BLAKE2b over names and values."""
    return hashlib.blake2b(_encoder.encode(configuration), digest_size=16).hexdigest()


def store(connection: Connection, statement: Statement, made_at: datetime) -> str:
    """Keep a statement under its digest, which is returned. Told again it is the newest, and else what it was."""
    row = {
        "digest": statement.digest(),
        "job": statement.job,
        "runs": [run.run for run in statement.runs],
        "made_at": made_at,
        "content": zlib.compress(_encoder.encode(statement)),
    }
    again = pg.insert(reports).values(row).on_conflict_do_update(index_elements=["digest"], set_={"made_at": made_at})
    connection.execute(again)
    return str(row["digest"])


def stored(connection: Connection, digest: str) -> tuple[Statement, datetime] | None:
    """The statement under this digest and when it was made; None if there is none, or it is no longer what it was."""
    row = connection.execute(select(reports).where(reports.c.digest == digest)).one_or_none()
    if row is None:
        return None
    try:
        statement = msgspec.json.decode(zlib.decompress(row.content), type=Statement)
    except (zlib.error, msgspec.DecodeError):
        return None
    return (statement, row.made_at) if statement.digest() == digest else None


def newest(connection: Connection) -> str | None:
    """The digest of the report that was made last."""
    digest: str | None = connection.scalar(select(reports.c.digest).order_by(reports.c.made_at.desc()).limit(1))
    return digest


def matching(connection: Connection, prefix: str) -> list[str]:
    """The digests that begin like this."""
    return list(
        connection.scalars(select(reports.c.digest).where(reports.c.digest.startswith(prefix, autoescape=True)))
    )
