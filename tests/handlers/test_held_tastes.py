"""How tastes are held, what they say of whom a product concerns, and that older ones are rewritten where they lie."""

import numpy as np
import pytest
import sqlalchemy as sa

from handlers.held_tastes import MANY_TERMS, held, whom_they_concern
from handlers.ranking import exact_scores
from handlers.vectors import DIMENSIONS
from migrations.migrate import downgrade, upgrade

TASTE = np.linspace(-0.3, 0.7, DIMENSIONS)
USERS = 400
NONE = np.zeros((0, DIMENSIONS))

KEEP = sa.text("""
    INSERT INTO cutover.recommendations (user_id, partition, product_ids, scores, direction)
    VALUES (:user_id, 3, ARRAY[:product_id], CAST(:scores AS float8[]), :direction)
""")


def keep(
    connection: sa.Connection, user_id: str, direction: bytes | None, scores: list[float], product_id: str = "p1"
) -> None:
    row = {"user_id": user_id, "direction": direction, "scores": scores, "product_id": product_id}
    connection.execute(KEEP, row)


def of_length_one(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.sqrt(np.sum(vectors * vectors, axis=-1, keepdims=True)))


def test_tastes_held_otherwise_are_rewritten_and_nothing_else_changes(database: sa.Engine) -> None:
    downgrade(database, "0007")
    with database.begin() as connection:
        keep(connection, "with", TASTE.astype("<f8").tobytes(), [0.5])
        keep(connection, "without", None, [0.5])
    upgrade(database)
    with database.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM cutover.recommendations ORDER BY user_id")).all()
    assert [(row.user_id, row.partition, row.product_ids, row.scores, row.direction) for row in rows] == [
        ("with", 3, ["p1"], [0.5], held(TASTE.astype("<f4").astype(np.float64))),
        ("without", 3, ["p1"], [0.5], None),
    ]


def test_what_a_worker_of_other_code_writes_is_neither_taken_nor_misread(database: sa.Engine) -> None:
    downgrade(database, "0008")
    with database.begin() as connection:
        keep(connection, "early", held(TASTE), [0.5])
        keep(connection, "old", TASTE.astype("<f4").tobytes(), [0.5])
        keep(connection, "older", TASTE.astype("<f8").tobytes(), [0.5])
    upgrade(database)
    with database.connect() as connection:
        rows = connection.execute(sa.text("SELECT user_id, direction FROM cutover.recommendations ORDER BY 1")).all()
        assert [(row.user_id, len(row.direction)) for row in rows] == [
            ("early", 256),
            ("old", 256),
            ("older", 256),
        ]
        assert rows[0].direction == rows[2].direction == held(TASTE)
        with pytest.raises(sa.exc.IntegrityError, match="recommendations_direction"):
            keep(connection, "late", TASTE.astype("<f4").tobytes(), [0.5])


def test_a_way_back_loses_what_a_step_is_worth(database: sa.Engine) -> None:
    with database.begin() as connection:
        keep(connection, "with", held(TASTE), [0.5])
    downgrade(database, "0007")
    with database.connect() as connection:
        direction = connection.scalar(sa.text("SELECT direction FROM cutover.recommendations"))
    assert np.allclose(np.frombuffer(bytes(direction), "<f8"), TASTE, rtol=0, atol=0.51 / 32767)


@pytest.mark.parametrize("words", [1, 3, MANY_TERMS // 2, DIMENSIONS])
def test_whoever_scores_a_product_as_high_as_their_fifth_is_found(database: sa.Engine, words: int) -> None:
    """Fifths lie at the very score of one of two products, a millionth beside it, or well above both."""
    random = np.random.default_rng(words)
    tastes = of_length_one(random.normal(size=(USERS, DIMENSIONS)))
    tastes[0], tastes[1] = np.eye(DIMENSIONS)[0], -np.eye(DIMENSIONS)[0]
    vectors = two_products(random, words)
    scores = np.stack(
        [exact_scores(tastes, np.broadcast_to(vector, tastes.shape)[:, None])[:, 0] for vector in vectors]
    )
    fifths = scores[np.arange(USERS) % 2, np.arange(USERS)] + (np.arange(USERS) % 3 - 1) * 1e-6
    fifths[USERS // 2 :] = scores.max(axis=0)[USERS // 2 :] + 0.02
    with database.begin() as connection:
        for number in range(USERS):
            keep(connection, f"u{number}", held(tastes[number]), [1.0, 1.0, 1.0, 1.0, float(fifths[number])])
        keep(connection, "room left", held(tastes[5]), [1.0])
        keep(connection, "no taste", None, [])
        found = whom_they_concern(connection, 3, ["new"], NONE, vectors)
        elsewhere = whom_they_concern(connection, 2, ["new"], NONE, vectors)
    must = {f"u{number}" for number in np.flatnonzero(scores.max(axis=0) >= fifths).tolist()} | {"room left"}
    assert must <= found
    assert found <= {f"u{number}" for number in range(USERS // 2)} | {"room left"}
    assert len(must) > USERS // 4
    assert not elsewhere


@pytest.mark.parametrize("words", [1, 3, MANY_TERMS, DIMENSIONS])
def test_whoever_lists_a_product_that_goes_is_found_and_nobody_else(database: sa.Engine, words: int) -> None:
    random = np.random.default_rng(words)
    tastes = of_length_one(random.normal(size=(USERS, DIMENSIONS)))
    vector = two_products(random, words)[:1]
    with database.begin() as connection:
        for number, taste in enumerate(tastes):
            fifth = float(exact_scores(taste[None], vector[None])[0, 0])
            keep(connection, f"u{number}", held(taste), [1.0, 1.0, 1.0, 1.0, fifth], "p1" if number % 2 else "p2")
        found = whom_they_concern(connection, 3, ["p1"], vector, NONE)
    assert found == {f"u{number}" for number in range(1, USERS, 2)}


def test_a_product_without_words_concerns_whoever_has_nothing_better(database: sa.Engine) -> None:
    with database.begin() as connection:
        keep(connection, "better", held(TASTE), [0.5] * 5)
        keep(connection, "as bad", held(TASTE), [0.5] * 4 + [0.0])
        found = whom_they_concern(connection, 3, ["new"], NONE, np.zeros((1, DIMENSIONS)))
    assert found == {"as bad"}


def two_products(random: np.random.Generator, words: int) -> np.ndarray:
    """Match vectors (2, 128) of products whose names have so many words."""
    said = np.zeros((2, DIMENSIONS))
    said[:, :words] = random.choice([-1.0, 1.0], size=(2, words))
    return of_length_one(said)
