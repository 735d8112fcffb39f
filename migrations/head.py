"""The revision that this code is written for, known without Alembic to processes that do not migrate."""

import sqlalchemy as sa

from runtime.errors import OtherSchema

HEAD = "0009"


def check_schema(connection: sa.Connection) -> None:
    """Raise OtherSchema unless the database is at this code's revision, or there is no schema yet."""
    if connection.scalar(sa.text("SELECT to_regclass('cutover.schema_version')")) is None:
        return
    found = connection.scalar(sa.text("SELECT version_num FROM cutover.schema_version"))
    if found != HEAD:
        raise OtherSchema(found=found, expected=HEAD)
