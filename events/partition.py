"""Which partition a unit belongs to: a fixed slice of units, the unit of order and of parallelism."""

import zlib

from events.event import EVERY_PARTITION


def partition_of(key: str | None, partitions: int) -> int:
    """The partition of this key: CRC-32 of its UTF-8 bytes modulo `partitions`; EVERY_PARTITION without a key."""
    return EVERY_PARTITION if key is None else zlib.crc32(key.encode()) % partitions
