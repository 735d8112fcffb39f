"""Tastes that were held in double precision are rounded where they lie."""

import numpy as np
import sqlalchemy as sa

from migrations.migrate import downgrade, upgrade

TASTE = np.linspace(-0.3, 0.7, 128)

KEEP = sa.text("""
    INSERT INTO cutover.recommendations (user_id, partition, product_ids, scores, direction)
    VALUES (:user_id, 3, '{p1}', '{0.5}', :direction)
""")


def test_held_tastes_are_rounded_and_nothing_else_changes(database: sa.Engine) -> None:
    downgrade(database, "0007")
    with database.begin() as connection:
        connection.execute(KEEP, {"user_id": "with", "direction": TASTE.astype("<f8").tobytes()})
        connection.execute(KEEP, {"user_id": "without", "direction": None})
    upgrade(database)
    with database.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM cutover.recommendations ORDER BY user_id")).all()
    assert [(row.user_id, row.partition, row.product_ids, row.scores) for row in rows] == [
        ("with", 3, ["p1"], [0.5]),
        ("without", 3, ["p1"], [0.5]),
    ]
    assert bytes(rows[0].direction) == TASTE.astype("<f4").tobytes()
    assert rows[1].direction is None
