"""The operator's routes: what the stand-in does wrong, what it counted, and emptying it."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from sandbox.sendgrid.acceptance import Acceptances
from sandbox.sendgrid.mail_send import MailSend
from sandbox.sendgrid.misbehaviour import Misbehaviour, UnknownFault
from sandbox.sendgrid.problems import json_answer
from sandbox.sendgrid.webhooks import Webhooks

MAX_LISTED = 100_000


class Control:
    """`changed` is awaited when other faults are in force, with the connection over which that was asked for."""

    def __init__(
        self,
        *,
        acceptances: Acceptances,
        misbehaviour: Misbehaviour,
        webhooks: Webhooks,
        mail_send: MailSend,
        changed: Callable[[asyncio.BaseTransport | None], Awaitable[None]],
    ) -> None:
        self._acceptances = acceptances
        self._misbehaviour = misbehaviour
        self._webhooks = webhooks
        self._mail_send = mail_send
        self._changed = changed

    async def show(self, _: web.Request) -> web.Response:
        """`GET /control`."""
        return json_answer(self._misbehaviour.shown())

    async def change(self, request: web.Request) -> web.Response:
        """`PUT /control`: merges; 400 and no change if anything in it is wrong."""
        try:
            self._misbehaviour.merge(msgspec.json.decode(await request.read(), type=dict[str, object]))
        except (msgspec.DecodeError, UnicodeDecodeError, UnknownFault) as error:
            return json_answer({"error": str(error)}, status=400)
        await self._changed(request.transport)
        return json_answer(self._misbehaviour.shown())

    async def reset(self, request: web.Request) -> web.Response:
        """`DELETE /control`."""
        self._misbehaviour.reset()
        await self._changed(request.transport)
        return json_answer(self._misbehaviour.shown())

    async def counts(self, _: web.Request) -> web.Response:
        """`GET /counts`."""
        return json_answer(
            {
                **self._acceptances.counts(),
                "requests": dict(self._mail_send.answers),
                "webhooks": self._webhooks.counts(),
                "sandboxed": self._mail_send.sandboxed,
            }
        )

    async def accepted(self, request: web.Request) -> web.Response:
        """`GET /accepted?after=I&limit=N`."""
        try:
            after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "1000"))
        except ValueError:
            return json_answer({"error": "after and limit must be whole numbers"}, status=400)
        return json_answer(self._acceptances.listed(max(0, after), min(max(0, limit), MAX_LISTED)))

    async def empty(self, _: web.Request) -> web.Response:
        """`DELETE /kept`: what was accepted, what is still to be told of it, and all counts."""
        self._acceptances.empty()
        self._webhooks.empty()
        self._mail_send.empty()
        return web.Response(status=204)
