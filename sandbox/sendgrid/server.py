"""The stand-in as a whole: its parts wired together, and served."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from sandbox.sendgrid.acceptance import Acceptance, Acceptances
from sandbox.sendgrid.control import Control
from sandbox.sendgrid.faults import Outage
from sandbox.sendgrid.journal import Journal
from sandbox.sendgrid.listening import HOST, Port
from sandbox.sendgrid.logs import Logs
from sandbox.sendgrid.mail_send import MAX_BYTES, MailSend
from sandbox.sendgrid.mailbox import Mailbox
from sandbox.sendgrid.misbehaviour import Misbehaviour
from sandbox.sendgrid.options import Options
from sandbox.sendgrid.signature import Signer
from sandbox.sendgrid.webhooks import Webhooks

_LINK = re.compile(r"""href=["'](https?://[^"']+)""")


class StandIn:
    """A SendGrid for one machine. Serves once; raises BadOption for a key that cannot be read."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.misbehaviour = Misbehaviour(options.seed)
        journal = Journal(options.journal) if options.journal else None
        self.acceptances = Acceptances(window=1 / options.speed, keep=options.keep, journal=journal)
        self.webhooks = Webhooks(
            url=options.webhook_url,
            signer=Signer(options.webhook_key),
            misbehaviour=self.misbehaviour,
            speed=options.speed,
            seed=options.seed,
            link=self._link,
        )
        self.mail_send = MailSend(options, self.acceptances, self.misbehaviour, self.webhooks)
        self.control_host = ""
        self._port: Port | None = None
        self._reopening: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve, and give the base URL of the API. Raises OSError if the port is taken.

        The same is served at `control_host`, another port, which stays open when an outage closes the first.
        """
        runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        port, control = Port(runner, self.options.port), Port(runner, 0)
        self._port = port
        self.control_host = f"http://{HOST}:{control.number}"
        teller = asyncio.create_task(self.webhooks.run())
        try:
            await control.open()
            await port.open()
            yield f"http://{HOST}:{port.number}"
        finally:
            teller.cancel()
            self._cancel_reopening()
            with contextlib.suppress(asyncio.CancelledError):
                await teller
            await port.release()
            await control.release()
            await runner.cleanup()

    def _app(self) -> web.Application:
        logs = Logs(self.options, self.acceptances, self.misbehaviour)
        mailbox = Mailbox(self.acceptances, self.options.speed)
        control = Control(
            acceptances=self.acceptances,
            misbehaviour=self.misbehaviour,
            webhooks=self.webhooks,
            mail_send=self.mail_send,
            changed=self._apply,
        )
        app = web.Application(client_max_size=MAX_BYTES)
        app.add_routes(
            [
                web.post("/v3/mail/send", self.mail_send.handle),
                web.post("/v3/logs", logs.search),
                web.get("/v3/logs/{sg_message_id}", logs.one),
                web.get("/control", control.show),
                web.put("/control", control.change),
                web.delete("/control", control.reset),
                web.get("/counts", control.counts),
                web.get("/accepted", control.accepted),
                web.delete("/kept", control.empty),
                web.get("/", mailbox.start),
                web.get("/mailbox", mailbox.listing),
                web.get("/mailbox/{message_id}", mailbox.one),
                web.post("/mailbox/{message_id}/unsubscribe", mailbox.unsubscribe),
            ]
        )
        return app

    async def _apply(self, sparing: asyncio.BaseTransport | None = None) -> None:
        """Open or close the port as the outage in force wants it."""
        assert self._port is not None
        self._cancel_reopening()
        outage = self.misbehaviour.active(Outage)
        if outage is None or outage.mode != "refuse" or outage.share < 1:
            await self._port.open()
            return
        await self._port.close(sparing)
        if outage.for_seconds is not None:
            self._reopening = asyncio.get_running_loop().call_later(outage.for_seconds, self._reopen)

    def _reopen(self) -> None:
        task = asyncio.create_task(self._apply())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_reopening(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None

    def _link(self, mail: Acceptance) -> str:
        """The first link in the mail, if it is still held."""
        request = self.acceptances.kept.request(mail.index - mail.ordinal)
        parts = request.content if request is not None and isinstance(request.content, list) else []
        for part in parts:
            if found := _LINK.search(part["value"]):
                return found[1]
        return "https://shop.example/"
