"""Whether a process that does not migrate belongs to the database it was started on."""

import sqlalchemy as sa

from events import check_partitions
from migrations.head import check_schema


def check_fits(engine: sa.Engine, partitions: int) -> None:
    """Raise OtherSchema or PartitionsFixed where this process would do harm by working.

    What is held in another form would be misread, and lists left as they are. With another number of partitions the
    same user would be in another one, where nobody looks for what this process plans.
    """
    with engine.connect() as connection:
        check_schema(connection)
        check_partitions(connection, partitions)
