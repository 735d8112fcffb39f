"""News: what SendGrid's webhook tells, decoded and checked, before anybody asks which e-mail of ours it is about."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from handlers.tracking.errors import BadBody

LARGEST_BATCH = 1000
EARLIEST, LATEST = 946_684_800, 7_258_118_400
"""Seconds since 1970 of the years 2000 and 2200; a time outside is a mistake."""


class Kind(StrEnum):
    """The events of the provider that say something about an e-mail of ours, under its own names."""

    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCE = "bounce"
    DROPPED = "dropped"
    OPEN = "open"
    CLICK = "click"
    SPAM_REPORT = "spamreport"
    UNSUBSCRIBE = "unsubscribe"
    GROUP_UNSUBSCRIBE = "group_unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing the provider tells. `occurred_at` is in whole seconds since 1970, which is all it gives.

    `send_id` is ours and may be missing; `message_id` is the provider's own name for the e-mail. `permanent` and
    `code` belong to bounces: a "blocked" one is about today, not about the address.
    """

    kind: Kind
    occurred_at: int
    send_id: str | None = None
    message_id: str | None = None
    address: str | None = None
    categories: tuple[str, ...] = ()
    machine: bool = False
    permanent: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one body held: news, how many events of kinds that do not concern us, and how many unreadable ones."""

    news: Sequence[News]
    ignored: int = 0
    malformed: int = 0


def decode_news(body: bytes) -> Told:
    """The news of one body: a JSON array of up to 1,000 objects.

    Raises BadBody when it is anything else. A single odd object is only counted: to refuse the whole body for it
    would make the provider repeat the good ones for a day.
    """
    news: list[News] = []
    ignored = malformed = 0
    for element in _elements(body):
        try:
            item = _news(element)
        except (ValueError, RecursionError):
            malformed += 1
            continue
        if item is None:
            ignored += 1
        else:
            news.append(item)
    return Told(news=news, ignored=ignored, malformed=malformed)


class _Header(msgspec.Struct, frozen=True):
    event: str


class _Wire(msgspec.Struct, frozen=True):
    timestamp: int
    send_id: str | None = None
    sg_message_id: str | None = None
    email: str | None = None
    category: str | list[str] | None = None
    sg_machine_open: bool | None = None
    type: str | None = None
    status: str | None = None


_array = msgspec.json.Decoder(list[msgspec.Raw])
_header = msgspec.json.Decoder(_Header)
_wire = msgspec.json.Decoder(_Wire)
_KINDS = {kind.value: kind for kind in Kind}
_CODE = re.compile(r"[0-9.]{1,20}")


def _elements(body: bytes) -> Sequence[msgspec.Raw]:
    try:
        elements = _split(body)
    except (ValueError, RecursionError) as problem:
        raise BadBody("the body is not a JSON array") from problem
    if len(elements) > LARGEST_BATCH:
        raise BadBody(f"the body holds {len(elements)} events; expected at most {LARGEST_BATCH}")
    if not all(bytes(element).startswith(b"{") for element in elements):
        raise BadBody("the body holds something that is no object")
    return elements


def _split(body: bytes) -> Sequence[msgspec.Raw]:
    """The array's elements, each still as it was sent."""
    try:
        return _array.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Half a surrogate pair, in the name of somebody's browser, is JSON by its grammar; only msgspec refuses it.
        return _array.decode(json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace"))


def _news(element: msgspec.Raw) -> News | None:
    """None for a kind that is not of ours, whatever else it holds. Raises ValueError for what cannot be read."""
    kind = _KINDS.get(_header.decode(element).event)
    if kind is None:
        return None
    wire = _wire.decode(element)
    if not EARLIEST <= wire.timestamp < LATEST:
        raise ValueError("timestamp is outside the years 2000 to 2200")
    return News(
        kind=kind,
        occurred_at=wire.timestamp,
        send_id=_text(wire.send_id),
        # Behind the first dot the provider appends which of its machines had the e-mail when.
        message_id=_text((wire.sg_message_id or "").partition(".")[0]),
        address=_text(wire.email),
        categories=_categories(wire.category),
        machine=kind is Kind.OPEN and bool(wire.sg_machine_open),
        permanent=kind is Kind.BOUNCE and wire.type == "bounce",
        code=wire.status if kind is Kind.BOUNCE and wire.status and _CODE.fullmatch(wire.status) else "",
    )


def _categories(category: str | list[str] | None) -> tuple[str, ...]:
    given = [category] if isinstance(category, str) else category or []
    return tuple(text for text in map(_text, given) if text is not None)


def _text(value: str | None) -> str | None:
    """The value if a column can hold it and it can be one of ours at all."""
    return value if value and len(value) <= 400 and "\x00" not in value else None
