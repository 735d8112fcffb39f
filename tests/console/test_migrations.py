"""The schema: taken down and put up again, and the same as what the code declares."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import events.schema
import handlers.delivery.schema
import handlers.schema
import reconcile.schema
import shadow.schema
from console.failures import Exit
from migrations.head import HEAD, check_schema
from tests.console.commands import cutover

DECLARED = [
    module.metadata
    for module in (events.schema, handlers.schema, handlers.delivery.schema, shadow.schema, reconcile.schema)
]


def declared() -> sa.MetaData:
    together = sa.MetaData(schema="cutover")
    for metadata in {id(each): each for each in DECLARED}.values():
        for table in metadata.sorted_tables:
            table.to_metadata(together)
    return together


def differences(engine: sa.Engine) -> list[object]:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name == "cutover"

    options = {
        "include_schemas": True,
        "include_name": ours,
        "compare_server_default": True,
        "version_table": "schema_version",
        "version_table_schema": "cutover",
    }
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=options), declared())
    return list(found)


def columns(engine: sa.Engine) -> set[tuple[object, ...]]:
    statement = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
    with engine.connect() as connection:
        rows: Iterator[sa.Row[tuple[object, ...]]] = iter(
            connection.execute(sa.text(statement + " WHERE table_schema = 'cutover'"))
        )
        return {tuple(row) for row in rows}


def test_the_migrations_come_to_what_the_code_declares(database: sa.Engine) -> None:
    assert differences(database) == []


def test_processes_that_do_not_migrate_know_the_newest_revision(database: sa.Engine) -> None:
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM cutover.schema_version")) == HEAD
        check_schema(connection)


def test_a_schema_taken_down_comes_back_whole(home: dict[str, str], database: sa.Engine) -> None:
    before = columns(database)
    kept = cutover("migrate", "--down-to", "base", env=home)
    assert (kept.code, columns(database)) == (Exit.NO, before), "it must ask first, and nobody answered"
    assert "Remove everything in the schema cutover" in kept.stdout + kept.stderr

    assert cutover("migrate", "--down-to", "base", "--yes", env=home).code == Exit.GOOD
    assert {row[0] for row in columns(database)} <= {"schema_version"}
    assert cutover("migrate", env=home).code == Exit.GOOD
    assert columns(database) == before
    assert differences(database) == []


def test_an_unknown_revision_is_refused(home: dict[str, str], database: sa.Engine) -> None:
    answer = cutover("migrate", "--down-to", "nine", "--yes", env=home)
    assert answer.code == Exit.WRONG_USE, answer
    assert "'nine'" in answer.told
    assert differences(database) == []
