"""SendGrid as a provider: sends through its Web API v3 and looks up its Email Logs."""

import re
import time
from datetime import datetime

from yarl import URL

from handlers.delivery.message import Message
from handlers.delivery.provider import Allowance, Answer, ProviderUnavailable, Unsearchable
from handlers.delivery.sendgrid_answers import allowance, classify
from handlers.delivery.sendgrid_connections import Connections, Response, Timeouts
from handlers.delivery.sendgrid_logs import logged_message_id, logs_request
from handlers.delivery.sendgrid_payload import Payloads, personal_data, sandboxed

HOST = "https://api.sendgrid.com"

_KEY = re.compile(r"[!-~]+")
# A 2xx has said everything with its status. Of the rest the body tells the reason.
_EXPLAINED = range(300, 600)
_LISTED = range(200, 201)


class SendGrid:
    """Carries e-mails through SendGrid, over up to `connections` connections that are kept alive.

    It knows no idempotency keys, so a request whose answer is lost is unconfirmed. `category` and the run become the
    e-mail's categories. `mail_from` is an address or `Name <address>`.
    """

    def __init__(
        self,
        *,
        api_key: str,
        mail_from: str,
        host: str = HOST,
        category: str = "weekly recommendations",
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        connections: int = 100,
    ) -> None:
        self._api_key = _checked_key(api_key)
        base = _checked_host(host)
        self._mail_send = base / "v3/mail/send"
        self._logs = base / "v3/logs"
        self._payloads = Payloads(mail_from=mail_from, category=category)
        self._connections = Connections(
            headers={"Authorization": f"Bearer {self._api_key}", "Accept-Encoding": "identity"},
            timeouts=timeouts,
            connections=connections,
        )

    def prepare(self, message: Message) -> bytes:
        """The request for this message. Raises UnfitMessage for one that no request can be made of."""
        return self._payloads.request(message)

    async def send(self, request: bytes) -> tuple[Answer, Allowance | None]:
        """Send a prepared request once. Never raises for what the network or SendGrid does."""
        response = await self._connections.post(self._mail_send, request, bodies=_EXPLAINED)
        if not isinstance(response, Response):
            return response, None
        now = time.time()
        return self._answer(request, response, now), allowance(response.headers, now=now)

    async def validate(self, request: bytes) -> Answer:
        """SendGrid's judgement on a prepared request, in sandbox mode: nothing reaches anybody."""
        answer, _ = await self.send(sandboxed(request))
        return answer

    async def accepted_since(self, *, address: str, run: str, since: datetime) -> str | None:
        """The message id under which SendGrid's Email Logs know this run's e-mail to this address, or None.

        The logs lag behind: None soon after sending proves nothing. Raises ProviderUnavailable when they cannot be
        read now, Unsearchable when they do not take the question for this address.
        """
        query = logs_request(address=address, run=run, since=since)
        response = await self._connections.post(self._logs, query, bodies=_LISTED)
        if not isinstance(response, Response):
            raise ProviderUnavailable(f"SendGrid's e-mail logs cannot be read: {response.reason}")
        if response.status == 400:
            raise Unsearchable("SendGrid's e-mail logs refuse the question for this address: http_400")
        if response.status != 200:
            raise ProviderUnavailable(f"SendGrid's e-mail logs cannot be read: http_{response.status}")
        return logged_message_id(response.body, address=address)

    async def close(self) -> None:
        """Let all connections go."""
        await self._connections.close()

    def _answer(self, request: bytes, response: Response, now: float) -> Answer:
        private = () if 200 <= response.status < 300 else (*personal_data(request), self._api_key)
        return classify(response.status, response.headers, response.body, now=now, private=private)


def _checked_key(api_key: str) -> str:
    if not _KEY.fullmatch(api_key):
        raise ValueError("api_key is empty or holds white space or characters no key has; expected one as SG.xxx.yyy")
    return api_key


def _checked_host(host: str) -> URL:
    url = URL(host)
    if url.user is not None:
        raise ValueError(f"host holds a user name or password, expected a URL such as {HOST}")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"host is {host!r}, expected a URL such as {HOST}")
    return url
