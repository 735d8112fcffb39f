"""News for the webhook's benchmark: bodies as SendGrid writes them, and what log and ledger must say afterwards."""

import math
import random
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from events import (
    EmailBounced,
    EmailClicked,
    EmailDelivered,
    EmailDropped,
    EmailOpened,
    EmailProcessed,
    EmailSpamReported,
    EmailUnsubscribed,
    ProviderEvent,
)
from sandbox.sendgrid.signature import Signer

LARGEST = 200
REPEATED_EVENTS = 0.01
REPEATED_POSTS = 0.01
REMEMBERED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """An accepted e-mail of the ledger."""

    run: str
    user_id: str
    send_id: str
    message_id: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A signed body; `due` is in seconds after the first one."""

    due: float
    events: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What was told: the ids of the facts, and by (user, column of the ledger) when it was first true."""

    facts: set[str] = field(default_factory=set)
    first: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def add(self, fact: ProviderEvent, column: str) -> None:
        """Take note of a fact."""
        self.facts.add(fact.event_id)
        key = (fact.user_id, column)
        self.first[key] = min(fact.occurred_at, self.first.get(key, fact.occurred_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of news: the event it becomes, the ledger's column, and what the provider adds to its object."""

    event: type[ProviderEvent]
    column: str
    says: Mapping[str, object] = field(default_factory=dict)
    holds: Mapping[str, object] = field(default_factory=dict)
    may_lack_arguments: bool = False


_BOUNCE = {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown recipient"}
_KINDS = {
    "processed": _Kind(event=EmailProcessed, column="processed"),
    "delivered": _Kind(
        event=EmailDelivered, column="delivered", says={"response": "250 2.0.0 OK"}, may_lack_arguments=True
    ),
    "bounce": _Kind(
        event=EmailBounced,
        column="bounced",
        says=_BOUNCE,
        holds={"permanent": True, "code": "5.1.1"},
        may_lack_arguments=True,
    ),
    "dropped": _Kind(event=EmailDropped, column="dropped", says={"reason": "Invalid"}, may_lack_arguments=True),
    "open": _Kind(event=EmailOpened, column="opened", says={"sg_machine_open": False}, holds={"machine": False}),
    "machine": _Kind(
        event=EmailOpened,
        column="machine_opened",
        says={"event": "open", "sg_machine_open": True},
        holds={"machine": True},
    ),
    "click": _Kind(event=EmailClicked, column="clicked", says={"url": "https://shop.example/p/1"}),
    "spamreport": _Kind(event=EmailSpamReported, column="spam_reported", may_lack_arguments=True),
    "unsubscribe": _Kind(event=EmailUnsubscribed, column="unsubscribed"),
}
_COURSE: Sequence[Mapping[str, int]] = (
    {"processed": 100},
    {"delivered": 980, "bounce": 15, "dropped": 5},
    {"open": 500, "machine": 400, "click": 95, "spamreport": 2, "unsubscribe": 3},
)
"""What is told of each e-mail first, second, and from then on: kinds with their weights."""


class News:
    """A stream of news about these e-mails, the same for the same seed; `expected` grows as it is read."""

    def __init__(self, emails: Sequence[Email], signer: Signer, seed: int) -> None:
        self.expected = Expected()
        self._emails = emails
        self._signer = signer
        self._random = random.Random(seed)
        self._began = int(time.time())
        self._told = 0
        self._remembered: list[dict[str, object]] = []

    def posts(self, rate: float, seconds: float) -> Iterator[Post]:
        """Bodies of 1 to 200 events, small ones more often than large ones, in all `rate` events a second.

        A body is due when its last event has happened. Of events and of whole bodies one in a hundred comes again.
        """
        sent = 0
        while sent < rate * seconds:
            size = int(math.exp(self._random.uniform(0, math.log(LARGEST + 1))))
            body = msgspec.json.encode([self._object() for _ in range(size)])
            for _ in range(2 if self._random.random() < REPEATED_POSTS else 1):
                sent += size
                yield Post(due=sent / rate, events=size, body=body, headers=self._signer.headers(body))

    def _object(self) -> dict[str, object]:
        if self._remembered and self._random.random() < REPEATED_EVENTS:
            return {**self._random.choice(self._remembered), "sg_event_id": secrets.token_urlsafe(16)}
        told = self._news()
        if len(self._remembered) < REMEMBERED:
            self._remembered.append(told)
        else:
            self._remembered[self._random.randrange(REMEMBERED)] = told
        return told

    def _news(self) -> dict[str, object]:
        number, email = divmod(self._told, len(self._emails))
        self._told += 1
        weights = _COURSE[min(number, len(_COURSE) - 1)]
        (name,) = self._random.choices(list(weights), list(weights.values()))
        return self._written(self._emails[email], name, _KINDS[name], self._began + number)

    def _written(self, email: Email, name: str, kind: _Kind, at: int) -> dict[str, object]:
        about = {"run": email.run, "user_id": email.user_id, "send_id": email.send_id}
        fact = kind.event(**about, occurred_at=datetime.fromtimestamp(at, UTC), **kind.holds)  # type: ignore[arg-type]
        self.expected.add(fact, kind.column)
        return {
            "email": email.address,
            "timestamp": at,
            "smtp-id": f"<{email.message_id}@geopod-ismtpd-1>",
            "event": name,
            "category": ["weekly", email.run],
            "sg_event_id": secrets.token_urlsafe(16),
            **self._arguments(email, kind),
            **kind.says,
        }

    def _arguments(self, email: Email, kind: _Kind) -> dict[str, object]:
        """Mostly all there are; one in a hundred lacks ours, and one in a thousand bounces and the like lack both."""
        chance = self._random.random()
        if chance < 0.001 and kind.may_lack_arguments:
            return {}
        message_id = f"{email.message_id}.recvd-5f4c-1-6A"
        return {"sg_message_id": message_id, **({} if chance < 0.01 else {"send_id": email.send_id})}
