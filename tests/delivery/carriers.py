"""A provider that keeps everything in memory, and a dispatcher on the real database and the real pace beside it."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from redis.asyncio import Redis

from handlers.delivery.claiming import Contents
from handlers.delivery.dispatch import Dispatched, Dispatcher
from handlers.delivery.ledger import Claim
from handlers.delivery.message import Message
from handlers.delivery.pace import Limits, Pace
from handlers.delivery.provider import Accepted, Allowance, Answer, ProviderUnavailable, UnfitMessage

UNLIMITED = Limits(quota=0, failures=1000)


def address_of(user_id: str) -> str:
    """Where the test's users live."""
    return f"{user_id}@example.com"


class Carrier:
    """Answers as the test says, user by user and call by call, and accepts whatever it was told nothing of."""

    def __init__(self, answers: Mapping[str, Sequence[Answer]] | None = None, *, unfit: Sequence[str] = ()) -> None:
        self.calls: list[str] = []
        self.accepted: list[str] = []
        self.records: dict[str, str] = {}
        self.asked: list[tuple[str, str, datetime]] = []
        self.away = False
        self.allowance: Allowance | None = None
        self._answers = defaultdict(list, {user_id: list(said) for user_id, said in (answers or {}).items()})
        self._unfit = unfit

    def prepare(self, message: Message) -> bytes:
        user_id, _, _ = message.address.partition("@")
        if user_id in self._unfit:
            raise UnfitMessage("subject has no end")
        return json.dumps([user_id, message.send_id]).encode()

    async def send(self, request: bytes) -> tuple[Answer, Allowance | None]:
        user_id, send_id = json.loads(request)
        self.calls.append(user_id)
        await self.on_its_way(user_id)
        said = self._answers[user_id]
        answer = said.pop(0) if said else Accepted(f"m-{send_id}")
        if isinstance(answer, Accepted):
            self.accepted.append(user_id)
        return answer, self.allowance

    async def on_its_way(self, user_id: str) -> None:  # noqa: ARG002 - for tests to wait in
        """What happens between a request and its answer."""
        await asyncio.sleep(0)

    async def validate(self, request: bytes) -> Answer:  # noqa: ARG002 - of the port
        return Accepted()

    async def accepted_since(self, *, address: str, run: str, since: datetime) -> str | None:
        if self.away:
            raise ProviderUnavailable("the records cannot be read")
        self.asked.append((address, run, since))
        return self.records.get(address)

    async def close(self) -> None:
        """Nothing is open."""


def contents_but_of(*gone: str) -> Contents:
    """Messages for everybody but these, whom the shop does not know any more."""

    def contents(_connection: sa.Connection, claims: Sequence[Claim]) -> Mapping[str, Message]:
        return {each.send_id: _message(each) for each in claims if each.user_id not in gone}

    return contents


def _message(claimed: Claim) -> Message:
    return Message(
        send_id=claimed.send_id,
        run=claimed.run,
        address=address_of(claimed.user_id),
        name="Ann",
        subject="Yours",
        html="<p>Yours</p>",
        text="Yours",
        unsubscribe_url="https://example.com/u",
    )


class Office:
    """Makes dispatchers that share one pace."""

    def __init__(self, engine: sa.Engine, client: Redis, limits: Limits) -> None:
        self._engine = engine
        self._pace = Pace(client, f"test-{uuid4().hex}", limits)

    def dispatcher(self, carrier: Carrier, contents: Contents | None = None, **options: Any) -> Dispatcher:  # noqa: ANN401
        return Dispatcher(self._engine, carrier, self._pace, contents or contents_but_of(), **options)

    async def send(self, carrier: Carrier, contents: Contents | None = None, **options: Any) -> Dispatched:  # noqa: ANN401
        """Send the one partition until nothing is due, half a minute at most."""
        return await self.dispatcher(carrier, contents, **options).send(0, seconds=30.0)


@asynccontextmanager
async def _office(engine: sa.Engine, redis_url: str, limits: Limits) -> AsyncIterator[Office]:
    async with Redis.from_url(redis_url) as client:
        yield Office(engine, client, limits)


Scenario = Callable[[Office], Coroutine[Any, Any, Any] | Awaitable[Any]]


def in_an_office(engine: sa.Engine, redis_url: str, scenario: Scenario, limits: Limits = UNLIMITED) -> Any:  # noqa: ANN401
    """Run a scenario in an event loop of its own; what it returns."""

    async def run() -> Any:  # noqa: ANN401
        async with _office(engine, redis_url, limits) as office:
            return await scenario(office)

    return asyncio.run(run())
