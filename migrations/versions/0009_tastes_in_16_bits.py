"""Tastes in 16-bit numbers, the first byte first: PostgreSQL can tell by it whom a product cannot concern."""

import numpy as np
from alembic import op

from migrations.tastes import rewrite

revision = "0009"
down_revision = "0008"

STEPS = 32767
ZERO = 32768


def upgrade() -> None:
    rewrite(op.get_bind(), _in_16_bits)


def downgrade() -> None:
    """What a rounded number was before is gone: `cutover rebuild` tells it again."""
    rewrite(op.get_bind(), _in_single_precision)


def _in_16_bits(taste: bytes) -> bytes:
    return (np.rint(np.frombuffer(taste, "<f4").astype(np.float64) * STEPS) + ZERO).astype(">u2").tobytes()


def _in_single_precision(taste: bytes) -> bytes:
    return ((np.frombuffer(taste, ">u2").astype(np.float64) - ZERO) / STEPS).astype("<f4").tobytes()
