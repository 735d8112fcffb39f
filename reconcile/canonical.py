"""The canonical form of a value: the bytes that enter an outcome's digest."""

import msgspec

from shadow.outcome import Json

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical(value: Json) -> bytes:
    """JSON with sorted keys and without white space: equal values have equal bytes, and only they."""
    return _encoder.encode(value)
