"""`POST /v3/mail/send`: one request, with whatever fault is in force."""

import asyncio
import socket
import struct
import time
from collections import Counter

from aiohttp import web

from sandbox.sendgrid.acceptance import Acceptances
from sandbox.sendgrid.faults import AcceptThenDrop, ErrorAfterAccept, ErrorBeforeAccept, Outage, Slow, Throttle
from sandbox.sendgrid.mail import MalformedRequest, Submission, decode
from sandbox.sendgrid.misbehaviour import AnyFault, Misbehaviour
from sandbox.sendgrid.options import Options
from sandbox.sendgrid.problems import (
    MALFORMED,
    NOT_JSON,
    SERVER_ERROR,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE,
    Problem,
    credentials_problem,
    refusal,
)
from sandbox.sendgrid.quota import Quota
from sandbox.sendgrid.validation import UnsoundRequest, check
from sandbox.sendgrid.webhooks import Webhooks

MAX_BYTES = 30 * 1024 * 1024
NO_ANSWER = "no answer"


class MailSend:
    """Checks, accepts and answers; counts its answers by status, and what was only to be checked."""

    def __init__(
        self, options: Options, acceptances: Acceptances, misbehaviour: Misbehaviour, webhooks: Webhooks
    ) -> None:
        self._key = options.api_key
        self._acceptances = acceptances
        self._misbehaviour = misbehaviour
        self._webhooks = webhooks
        self._quota = Quota(options.quota, 1 / options.speed) if options.quota else None
        self.answers: Counter[str] = Counter()
        self.sandboxed = 0

    def empty(self) -> None:
        """Count from nothing again."""
        self.answers.clear()
        self.sandboxed = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, or be silent."""
        try:
            answer = await self._handle(request)
        except _NoAnswer:
            self.answers[NO_ANSWER] += 1
            return _reset(request)
        except asyncio.CancelledError:
            self.answers[NO_ANSWER] += 1
            raise
        self.answers[str(answer.status)] += 1
        return answer

    async def _handle(self, request: web.Request) -> web.Response:
        outage = self._misbehaviour.strikes(Outage)
        if outage is not None and outage.mode == "refuse":
            raise _NoAnswer
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return refusal(413, [TOO_LARGE])
        if outage is not None:
            return await self._out(outage)
        if (problem := credentials_problem(request, self._key)) is not None:
            return refusal(401, [problem])
        if (throttle := self._misbehaviour.strikes(Throttle)) is not None:
            return refusal(429, [TOO_MANY], {"Retry-After": str(throttle.retry_after)})
        if self._quota is None:
            return await self._checked(request, body)
        return await self._within(self._quota, request, body)

    async def _out(self, outage: Outage) -> web.Response:
        if outage.mode == "unavailable":
            return refusal(503, [UNAVAILABLE])
        # Cancelled when the client gives up or the server ends.
        while self._misbehaviour.active(Outage) is outage:
            await asyncio.sleep(0.05)
        raise _NoAnswer

    async def _within(self, quota: Quota, request: web.Request, body: bytes) -> web.Response:
        verdict = quota.ask(time.monotonic())
        if verdict.granted:
            answer = await self._checked(request, body)
        else:
            answer = refusal(429, [TOO_MANY], {"Retry-After": verdict.retry_after()})
        answer.headers.update(quota.headers(verdict, time.time()))
        return answer

    async def _checked(self, request: web.Request, body: bytes) -> web.Response:
        if request.content_type != "application/json":
            return refusal(415, [NOT_JSON])
        try:
            submission = check(decode(body))
        except MalformedRequest:
            return refusal(400, [MALFORMED])
        except UnsoundRequest as error:
            return refusal(400, error.problems)
        if submission.sandboxed:
            self.sandboxed += 1
            return web.Response(status=200)
        if (fault := self._misbehaviour.strikes(ErrorBeforeAccept)) is not None:
            return _broken(fault.status)
        return await self._accepted(submission, body)

    async def _accepted(self, submission: Submission, body: bytes) -> web.Response:
        indexes = self._acceptances.add(submission, body, time.monotonic())
        if self._webhooks.wanted:
            for index, mail in zip(indexes, submission.addressed, strict=True):
                self._webhooks.follow(self._acceptances[index], mail.custom_args)
        message_id = self._acceptances.message_id(indexes.start)
        if (slow := self._misbehaviour.strikes(Slow)) is not None:
            await asyncio.sleep(slow.seconds)
        if self._strikes(AcceptThenDrop, submission, self._acceptances.dropped):
            raise _NoAnswer
        if (fault := self._strikes(ErrorAfterAccept, submission, self._acceptances.errored)) is not None:
            return _broken(fault.status)
        return web.Response(status=202, headers={"X-Message-Id": message_id})

    def _strikes(self, kind: type[AnyFault], submission: Submission, victims: list[str]) -> AnyFault | None:
        fault = self._misbehaviour.strikes(kind)
        if fault is not None:
            victims.extend(mail.send_id for mail in submission.addressed)
        return fault


class _NoAnswer(Exception):
    """The client is to hear nothing."""


def _broken(status: int) -> web.Response:
    return refusal(status, [SERVER_ERROR if status == 500 else Problem("Bad Gateway" if status == 502 else "Timeout")])


def _reset(request: web.Request) -> web.Response:
    """Reset the connection; the response is for the framework and goes nowhere."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # Lingering for no time at all is what makes closing a reset instead of a polite end.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
