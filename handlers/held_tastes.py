"""Held tastes: what every user's taste was, in 16-bit numbers, to tell whom a product might concern.

Every score that counts is computed anew from purchases; these only say for whom that is worthwhile.

The first byte of each number alone tells enough to leave most users out, and PostgreSQL can look at it without handing
the taste out; those who remain are looked at with both bytes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from handlers.ranking import LIST_LENGTH
from handlers.vectors import DIMENSIONS

Floats = NDArray[np.float64]

STEPS = 32767
"""A number between -1 and 1 is held as one of so many steps to either side of ZERO, off by half a step at most."""
ZERO = 32768
HELD_AS = np.dtype(">u2")
HELD_BYTES = HELD_AS.itemsize * DIMENSIONS
ROUNDING = 1e-6
"""A product scoring that much below the last of a list cannot enter it: scores count to 6 decimals."""
MANY_TERMS = 48
"""Above so many numbers to look at for each user PostgreSQL would take longer than it takes to hand out every taste."""
CHUNK = 1024


def held(directions: Floats) -> bytes:
    """Tastes (u, 128) of length 1 as they are held, one after the other."""
    return (np.rint(directions * STEPS) + ZERO).astype(HELD_AS).tobytes()


def whom_they_concern(
    connection: sa.Connection, partition: int, product_ids: Sequence[str], then: Floats, now: Floats
) -> set[str]:
    """Users of a partition who list one of these products, or in whose list one would belong now.

    `then` (p, 128) are the match vectors with which they may have come into lists, `now` (q, 128) those they have.
    Besides, it may be, some users for whom a product scores a little less than the last of their list.
    """
    parameters = {"partition": partition, "last": LIST_LENGTH, "product_ids": list(product_ids)}
    few = np.count_nonzero(then) + np.count_nonzero(now) <= MANY_TERMS
    left = _may_score("then", then, parameters) if few else "true"
    enters = _may_score("now", now, parameters) if few or not len(now) else "true"
    found = connection.execute(sa.text(_CONCERNED.format(left=left, enters=enters)), parameters).one()
    listing = set(found.listing.split("\n")) if found.listing else set()
    if not found.users or not len(now):
        return listing
    tastes = (np.frombuffer(found.tastes, HELD_AS).reshape(-1, DIMENSIONS).astype(np.float64) - ZERO) / STEPS
    chunks = (tastes[first : first + CHUNK] for first in range(0, len(tastes), CHUNK))
    scores = np.concatenate([_highest(chunk, now) for chunk in chunks])
    concerned = np.flatnonzero(scores >= np.frombuffer(found.lasts, ">f8"))
    users = found.users.split("\n")
    return listing | {users[number] for number in concerned.tolist()}


def _highest(tastes: Floats, vectors: Floats) -> Floats:
    """The most that any of the vectors may score with each of the tastes, (u,)."""
    off = np.abs(vectors).sum(axis=1) * (0.5 / STEPS) + ROUNDING
    return np.asarray((tastes @ vectors.T + off).max(axis=1))


def _may_score(kind: str, vectors: Floats, parameters: dict[str, Any]) -> str:
    """SQL: whether one of the vectors may score as much as the last of a list, going by first bytes."""
    bounds = [_at_most(f"{kind}_{number}", vector, parameters) for number, vector in enumerate(vectors)]
    return f"greatest({', '.join(bounds)}) >= coalesce(scores[:last], '-infinity')" if bounds else "false"


def _at_most(name: str, vector: Floats, parameters: dict[str, Any]) -> str:
    """SQL for the most that a vector may score, going by first bytes."""
    parameters[f"{name}_rest"] = _rest(vector)
    terms = [f"CAST(:{name}_rest AS float8)"]
    said = np.flatnonzero(vector)
    for dimension, factor in zip(said.tolist(), vector[said].tolist(), strict=True):
        parameters[f"byte_{dimension}"] = HELD_AS.itemsize * dimension
        parameters[f"{name}_{dimension}"] = factor * 256 / STEPS
        terms.append(f":{name}_{dimension} * get_byte(direction, :byte_{dimension})")
    return " + ".join(terms)


def _rest(vector: Floats) -> float:
    """What a vector may score beyond what first bytes say: second ones may be anything, and the numbers are rounded."""
    second = np.where(vector > 0, 255.5, -0.5)
    return float(np.sum(vector * (second - ZERO)) / STEPS + ROUNDING)


_CONCERNED = """
    SELECT string_agg(CASE WHEN product_ids && CAST(:product_ids AS text[]) THEN user_id END, E'\\n') AS listing,
           string_agg(user_id, E'\\n') AS users,
           string_agg(float8send(coalesce(scores[:last], '-infinity')), '') AS lasts,
           string_agg(direction, CAST('' AS bytea)) AS tastes
    FROM cutover.recommendations
    WHERE partition = :partition AND direction IS NOT NULL
      AND ({enters} OR {left} AND product_ids && CAST(:product_ids AS text[]))
"""
"""One row, so that neither the driver nor Python handles every user: ids as columns, numbers as bytes."""
