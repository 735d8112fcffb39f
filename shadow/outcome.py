"""An outcome: what one path would do for one unit in one run, and the digests two of them are held together by."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

import msgspec

Path: TypeAlias = Literal["legacy", "event_driven"]
Decision: TypeAlias = Literal["send", "skip"]
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Fields: TypeAlias = Mapping[str, Json]

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a path would do for `unit`: send what `fields` holds, or skip for `reason`.

    `inputs` maps the name of each input to a digest of what the path saw of it; `milliseconds` is what computing
    the outcome took.
    """

    unit: str
    decision: Decision
    reason: str | None = None
    fields: Fields = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    milliseconds: float = 0.0


def canonical(decision: str, reason: str | None, fields: Fields) -> bytes:
    """The one byte string of an outcome: JSON with sorted keys, no white space."""
    return _encoder.encode([decision, reason, fields])


def digest(decision: str, reason: str | None, fields: Fields) -> bytes:
    """16 bytes of BLAKE2b over the canonical form. `fields` must already be normalised."""
    return hashlib.blake2b(canonical(decision, reason, fields), digest_size=16).digest()


def fingerprint(inputs: Mapping[str, str]) -> bytes:
    """16 bytes of BLAKE2b over all input digests, by name."""
    return hashlib.blake2b(_encoder.encode(inputs), digest_size=16).digest()


def pack(fields: Fields) -> bytes:
    """The stored form of an outcome's fields: JSON, deflated (an e-mail shrinks to about a third)."""
    return zlib.compress(_encoder.encode(fields), level=1)


def unpack(content: bytes) -> dict[str, Json]:
    """What `pack` stored."""
    return cast("dict[str, Json]", msgspec.json.decode(zlib.decompress(content)))
