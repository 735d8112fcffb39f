"""The provider of a simulation: keeps count of what it accepted, and does everything else as the schedule says."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from handlers.delivery.message import Message
from handlers.delivery.provider import Accepted, Allowance, Answer, Unconfirmed
from handlers.tracking import Kind, News
from tests.simulation.actor import Actor
from tests.simulation.clock import SimulatedClock


@dataclass(eq=False)
class Call:
    """A request: under way until it has arrived or is lost, and open until its sender has an answer."""

    run: str
    address: str
    send_id: str
    answer_to: "asyncio.Future[Answer]"
    sender: Actor
    incarnation: int
    under_way: bool = True
    answer: Answer | None = None

    @property
    def waited_for(self) -> bool:
        """Whether anybody would hear an answer."""
        gone = self.sender.incarnation != self.incarnation or self.answer_to.get_loop().is_closed()
        return not gone and not self.answer_to.done()

    def __str__(self) -> str:
        return f"{self.address.partition('@')[0]} in {self.run}"


@dataclass
class PostOffice:
    """`accepted` counts by (address, run); `news` is what it still has to tell.

    `leaving`: for which e-mails a sender has looked at its lease for the last time and not called yet.
    """

    clock: SimulatedClock
    calls: list[Call] = field(default_factory=list)
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    ids: dict[str, str] = field(default_factory=dict)
    senders: dict[str, tuple[str, str]] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    told: list[News] = field(default_factory=list)
    leaving: Counter[str] = field(default_factory=Counter)

    def arrive(self, call: Call, answer: Answer) -> None:
        """The request arrives, and this is what the provider makes of it."""
        call.under_way = False
        call.answer = answer
        if isinstance(answer, Accepted):
            self.accepted[call.address, call.run] += 1
            self.ids[call.send_id] = answer.message_id
            self.senders[call.send_id] = (call.address, call.run)
            self.news.append(self._about(call, Kind.PROCESSED))

    def lose(self, call: Call, answer: Answer) -> None:
        """The request never arrives."""
        call.under_way = False
        call.answer = answer

    def answer(self, call: Call) -> None:
        """The sender hears what was decided, if it is still there."""
        self.calls.remove(call)
        if call.waited_for and call.answer is not None:
            call.answer_to.set_result(call.answer)

    def give_up(self, call: Call) -> None:
        """The sender waits no longer. The request may arrive all the same, if it has not yet."""
        if call.waited_for:
            call.answer_to.set_result(Unconfirmed("read_timeout"))
        if not call.under_way:
            self.calls.remove(call)

    def follow_up(self, send_id: str, run: str, address: str, kind: Kind) -> None:
        """Something becomes of an e-mail that was accepted."""
        self.news.append(self._news(send_id, run, address, kind))

    def in_doubt(self, send_id: str) -> bool:
        """Whether a request for this e-mail may still arrive."""
        return self.leaving[send_id] > 0 or any(call.send_id == send_id and call.under_way for call in self.calls)

    @contextmanager
    def about_to_leave(self, send_id: str) -> Iterator[None]:
        """Nothing stops this e-mail any more but the death of its sender."""
        self.leaving[send_id] += 1
        try:
            yield
        finally:
            self.leaving[send_id] -= 1

    def _about(self, call: Call, kind: Kind) -> News:
        return self._news(call.send_id, call.run, call.address, kind)

    def _news(self, send_id: str, run: str, address: str, kind: Kind) -> News:
        return News(
            kind=kind,
            occurred_at=int(self.clock.now().timestamp()) + len(self.told) + len(self.news),
            send_id=send_id,
            message_id=self.ids.get(send_id),
            address=address,
            categories=(run,),
            permanent=kind is Kind.BOUNCE,
            code="5.1.1" if kind is Kind.BOUNCE else "",
        )


class Line:
    """The provider as one sender reaches it."""

    def __init__(self, office: PostOffice, sender: Actor) -> None:
        self._office = office
        self._sender = sender

    def prepare(self, message: Message) -> bytes:
        return json.dumps([message.run, message.address, message.send_id]).encode()

    async def send(self, request: bytes) -> tuple[Answer, Allowance | None]:
        run, address, send_id = json.loads(request)
        with self._office.about_to_leave(send_id):
            self._sender.pause("before the call")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._office.calls.append(Call(run, address, send_id, future, self._sender, self._sender.incarnation))
        answer = await future
        self._sender.pause("after the call")
        return answer, None

    async def validate(self, request: bytes) -> Answer:  # noqa: ARG002 - of the port
        return Accepted()

    async def accepted_since(self, *, address: str, run: str, since: datetime) -> str | None:  # noqa: ARG002
        if not self._office.accepted[address, run]:
            return None
        return f"m-{address}-{run}"

    async def close(self) -> None:
        """Nothing is open."""
