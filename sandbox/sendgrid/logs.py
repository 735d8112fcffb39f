"""The Email Logs API: what became of the mails that match, and of one mail in full."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

import msgspec
from aiohttp import web

from sandbox.sendgrid.acceptance import Acceptance, Acceptances
from sandbox.sendgrid.course import Step, reached, reason, status
from sandbox.sendgrid.faults import LogsLag, LogsUnavailable
from sandbox.sendgrid.logs_query import BadQuery, Query, parse
from sandbox.sendgrid.misbehaviour import Misbehaviour
from sandbox.sendgrid.options import Options
from sandbox.sendgrid.problems import (
    MALFORMED,
    NOT_FOUND,
    TOO_MANY,
    UNAVAILABLE,
    Problem,
    credentials_problem,
    json_answer,
    refusal,
)
from sandbox.sendgrid.quota import Quota
from sandbox.sendgrid.webhook_events import event

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 10


class _Search(msgspec.Struct):
    query: str = ""
    limit: int = DEFAULT_LIMIT


_decode = msgspec.json.Decoder(_Search).decode


class Logs:
    """Both routes, with a rate limit of their own."""

    def __init__(self, options: Options, acceptances: Acceptances, misbehaviour: Misbehaviour) -> None:
        self._key = options.api_key
        self._speed = options.speed
        self._acceptances = acceptances
        self._misbehaviour = misbehaviour
        self._quota = Quota(options.logs_quota, 1 / options.speed) if options.logs_quota else None

    async def search(self, request: web.Request) -> web.Response:
        """`POST /v3/logs`."""
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            wanted = _decode(await request.read())
            query = parse(wanted.query)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return refusal(400, [MALFORMED])
        except BadQuery as error:
            return refusal(400, [Problem(f"invalid query: {error}", "query")])
        if not 1 <= wanted.limit <= MAX_LIMIT:
            return refusal(400, [Problem(f"limit must be between 1 and {MAX_LIMIT}", "limit")])
        now = self._now()
        found = islice(self._matching(query, now), wanted.limit)
        return json_answer({"messages": [self._summary(mail, now) for mail in found]})

    async def one(self, request: web.Request) -> web.Response:
        """`GET /v3/logs/{sg_message_id}`."""
        if (refused := self._refused(request)) is not None:
            return refused
        now = self._now()
        mail = self._acceptances.find(request.match_info["sg_message_id"])
        if mail is None or mail.at > now:
            return refusal(404, [NOT_FOUND])
        return json_answer(self._detail(mail, now))

    def _refused(self, request: web.Request) -> web.Response | None:
        if (problem := credentials_problem(request, self._key)) is not None:
            return refusal(401, [problem])
        if self._misbehaviour.strikes(LogsUnavailable):
            return refusal(503, [UNAVAILABLE])
        if self._quota is not None and not (verdict := self._quota.ask(time.monotonic())).granted:
            return refusal(429, [TOO_MANY], {"Retry-After": verdict.retry_after()})
        return None

    def _now(self) -> float:
        """How far the logs have come: later than this, they know of nothing."""
        lag = self._misbehaviour.strikes(LogsLag)
        return time.monotonic() - (lag.seconds / self._speed if lag else 0.0)

    def _matching(self, query: Query, now: float) -> Iterator[Acceptance]:
        for mail in self._candidates(query, now):
            if _fits(mail, query) and (query.statuses is None or status(self._steps(mail, now)) in query.statuses):
                yield mail

    def _candidates(self, query: Query, now: float) -> Iterable[Acceptance]:
        if query.impossible:
            return
        if (message_id := query.equal.get("sg_message_id")) is not None:
            found = self._acceptances.find(message_id)
            yield from [found] if found is not None and found.at <= now else []
            return
        within = self._within(query, now)
        address = query.equal.get("to_email")
        # A million addresses are compared in some 20 ms.
        indexes = reversed(within) if address is None else self._acceptances.to_address(address, within)
        for index in indexes:
            yield self._acceptances[index]

    def _within(self, query: Query, now: float) -> range:
        after = max((*query.after, *query.not_before), default=0.0)
        before = min((*query.before, *query.not_after), default=float("inf"))
        monotonic = self._acceptances.monotonic
        return self._acceptances.between(monotonic(after) - 1e-3, min(monotonic(before) + 1e-3, now))

    def _steps(self, mail: Acceptance, now: float) -> list[Step]:
        return reached(mail.course, (now - mail.at) * self._speed)

    def _summary(self, mail: Acceptance, now: float) -> dict[str, object]:
        happened = self._steps(mail, now)
        return {
            "from_email": mail.envelope.sender,
            "sg_message_id": mail.sg_message_id,
            "subject": mail.subject,
            "to_email": mail.address,
            "reason": reason(happened),
            "status": status(happened),
            "sg_message_id_created_at": _iso(mail.wall),
        }

    def _detail(self, mail: Acceptance, now: float) -> dict[str, object]:
        arguments = {"send_id": mail.send_id} if mail.send_id else {}
        happened = self._steps(mail, now)
        events = [
            {
                **event(mail, step, custom_args={}, url="", speed=self._speed),
                "custom_args": arguments,
            }
            for step in happened
        ]
        return {
            **self._summary(mail, now),
            "api_key_id": "stand-in",
            "client_ip": "127.0.0.1",
            "category": list(mail.envelope.categories),
            "custom_args": arguments,
            "events": events,
        }


def _fits(mail: Acceptance, query: Query) -> bool:
    return (
        query.in_time(mail.wall)
        and query.equal.get("subject", mail.subject) == mail.subject
        and query.equal.get("to_email", mail.address) == mail.address
        and (query.categories is None or not query.categories.isdisjoint(mail.envelope.categories))
    )


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
