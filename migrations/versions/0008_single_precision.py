"""Tastes in single precision: half the bytes to read where a product changes, and enough for what they are read for."""

import numpy as np
from alembic import op

from migrations.tastes import rewrite

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    rewrite(op.get_bind(), lambda taste: np.frombuffer(taste, "<f8").astype("<f4").tobytes(), of_bytes=1024)


def downgrade() -> None:
    """What a rounded number was before is gone: `cutover rebuild` tells it again."""
    rewrite(op.get_bind(), lambda taste: np.frombuffer(taste, "<f4").astype("<f8").tobytes(), of_bytes=512)
