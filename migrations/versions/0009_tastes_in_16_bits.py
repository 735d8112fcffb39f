"""Tastes in 16-bit numbers, the first byte first: PostgreSQL can tell by it whom a product cannot concern."""

import numpy as np
from alembic import op

from migrations.tastes import rewrite

revision = "0009"
down_revision = "0008"

STEPS = 32767
ZERO = 32768


CHECK = "recommendations_direction"


def upgrade() -> None:
    """From here on a worker of older code fails at once, and does not write what this code would misread."""
    rewrite(op.get_bind(), lambda taste: _in_16_bits(taste, "<f4"), of_bytes=512)
    # By a worker that went on after 0008, which did not keep it from doing so.
    rewrite(op.get_bind(), lambda taste: _in_16_bits(taste, "<f8"), of_bytes=1024)
    op.create_check_constraint(CHECK, "recommendations", "octet_length(direction) = 256", schema="cutover")


def downgrade() -> None:
    """What a rounded number was before is gone: `cutover rebuild` tells it again."""
    op.drop_constraint(CHECK, "recommendations", schema="cutover")
    rewrite(op.get_bind(), _in_single_precision, of_bytes=256)


def _in_16_bits(taste: bytes, held_as: str) -> bytes:
    return (np.rint(np.frombuffer(taste, held_as).astype(np.float64) * STEPS) + ZERO).astype(">u2").tobytes()


def _in_single_precision(taste: bytes) -> bytes:
    return ((np.frombuffer(taste, ">u2").astype(np.float64) - ZERO) / STEPS).astype("<f4").tobytes()
