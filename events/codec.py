"""Between an event and its row: JSON, checked against the vocabulary in both directions, older versions upcast."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from events.errors import MalformedEvent, NewerEvent, UnknownEventType, UpcastMissing
from events.event import Event
from events.vocabulary import EVENT_TYPES, UPCASTS, Upcast

_encoder = msgspec.json.Encoder()


class Codec:
    """Encodes and decodes the events of one vocabulary.

    `upcasts` leads from (type, version) to the fields of the next version. Raises UpcastMissing unless it leads from
    every older version of every type to today's: else the first old event met would be the one to tell.
    """

    def __init__(self, types: Mapping[str, type[Event]], upcasts: Mapping[tuple[str, int], Upcast]) -> None:
        for name, kind in types.items():
            for version in range(1, kind.version):
                if (name, version) not in upcasts:
                    raise UpcastMissing(name, version)
        self._types = types
        self._upcasts = upcasts
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in types.items()}

    def encode(self, event: Event) -> str:
        """The event as JSON text.

        Raises MalformedEvent when a field does not hold what its type says (Python does not check that by itself).
        """
        try:
            data = _encoder.encode(event)
        except (UnicodeEncodeError, TypeError, ValueError) as problem:
            raise MalformedEvent(event.type, str(problem), "a field", event) from problem
        self._decode_current(event.type, data)
        return data.decode()

    def decode(self, type_: str, version: int, data: str | bytes) -> Event:
        """The event of this row, in its newest version.

        Raises UnknownEventType, NewerEvent or MalformedEvent, each naming what was found and what was expected.
        """
        kind = self._types.get(type_)
        if kind is None:
            raise UnknownEventType(type_, tuple(self._types))
        if version > kind.version:
            raise NewerEvent(type_, version, kind.version)
        if version == kind.version:
            return self._decode_current(type_, data)
        return self._decode_current(type_, self._upcast(type_, version, kind.version, data))

    def _upcast(self, type_: str, version: int, newest: int, data: str | bytes) -> bytes:
        if version < 1:
            raise MalformedEvent(type_, "expected 1 or more", "version", version)
        try:
            fields = msgspec.json.decode(data, type=dict[str, Any])
            for step in range(version, newest):
                fields = self._upcasts[type_, step](fields)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as problem:
            raise MalformedEvent(type_, f"is no event of version {version} ({problem})", "data", data) from problem
        return _encoder.encode(fields)

    def _decode_current(self, type_: str, data: str | bytes) -> Event:
        try:
            return self._decoders[type_].decode(data)
        except msgspec.DecodeError as problem:
            raise _malformed(type_, data, str(problem)) from problem
        except (ValueError, TypeError, OverflowError, RecursionError) as problem:
            raise MalformedEvent(type_, f"cannot be read ({problem})", "data", data) from problem


def _malformed(type_: str, data: str | bytes, problem: str) -> MalformedEvent:
    """msgspec says what it expected and where (`... - at `$.lines[0].quantity``); add the value it found there."""
    expected, _, where = problem.partition(" - at `$")
    path = where.rstrip("`").lstrip(".") or "data"
    try:
        value: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return MalformedEvent(type_, expected, "data", data)
    for step in re.findall(r"[^.\[\]]+", path) if where else ():
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            break
    return MalformedEvent(type_, expected, path, value)


_codec = Codec(EVENT_TYPES, UPCASTS)
encode = _codec.encode
decode = _codec.decode
