"""A receiver of the event webhook that checks every signature with SendGrid's own helper."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

Told = dict[str, Any]


class Receiver:
    """Holds what it was told. Answers with the statuses in `failures` first, one a post, and takes nothing in then."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._webhook = EventWebhook(base64.b64encode(public).decode())
        self.told: list[Told] = []
        self.batches: list[int] = []
        self.failures: list[int] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        signature = request.headers[EventWebhookHeader.SIGNATURE]
        if not self._webhook.verify_signature(body, signature, request.headers[EventWebhookHeader.TIMESTAMP]):
            return web.Response(status=403)
        if self.failures:
            return web.Response(status=self.failures.pop(0))
        events = msgspec.json.decode(body, type=list[Told])
        self.batches.append(len(events))
        self.told.extend(events)
        return web.Response(status=204)

    def kinds(self, address: str) -> list[str]:
        """What was told of the mails to this address, in order."""
        return [event["event"] for event in self.told if event["email"] == address]


@asynccontextmanager
async def receiving(directory: Path) -> AsyncIterator[tuple[Receiver, Path]]:
    """A receiver that serves, and the file of the private key that it expects signatures of."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = directory / "webhook.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    receiver = Receiver(key)
    app = web.Application(client_max_size=50_000_000)
    app.router.add_post("/events", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    try:
        yield receiver, pem
    finally:
        await runner.cleanup()
