"""The mailbox: a page that shows, to a person, the mails that were accepted last."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from sandbox.sendgrid.acceptance import Acceptance, Acceptances
from sandbox.sendgrid.course import Step, reached
from sandbox.sendgrid.letter import Letter, letter

PAGE = 50
# A search looks through no more than this: it must not hold up those who send.
MAX_SEARCHED = 200_000
TIMEOUT = aiohttp.ClientTimeout(total=10)

_STATES = {
    "processed": "Processed",
    "deferred": "Deferred",
    "delivered": "Delivered",
    "bounce": "Bounced",
    "dropped": "Dropped",
    "open": "Opened",
    "click": "Clicked",
    "spamreport": "Reported as spam",
    "unsubscribe": "Unsubscribed",
}
# Nothing is loaded from anywhere: a mail's own pictures would be the only thing that could.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One mail in the list. `state` is for a person, `kind` for the style sheet."""

    mail: Acceptance
    at: datetime
    state: str
    kind: str


class Mailbox:
    """All of its pages work without JavaScript."""

    def __init__(self, acceptances: Acceptances, speed: float) -> None:
        self._acceptances = acceptances
        self._speed = speed
        environment = Environment(
            loader=PackageLoader("sandbox.sendgrid"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["count"] = lambda number: f"{number:,}"
        environment.filters["clock"] = lambda at: at.strftime("%H:%M:%S")
        environment.filters["moment"] = lambda at: at.strftime("%A, %-d %B %Y, %H:%M:%S UTC")
        self._listing = environment.get_template("mailbox.html")
        self._one = environment.get_template("mail.html")

    async def start(self, _: web.Request) -> web.Response:
        """`GET /`."""
        raise web.HTTPFound("/mailbox")

    async def listing(self, request: web.Request) -> web.Response:
        """`GET /mailbox?q=&page=`."""
        words = request.query.get("q", "").strip()
        page = _whole(request.query.get("page", "1"))
        first = (page - 1) * PAGE
        found = list(islice(self._found(words), first, first + PAGE + 1))
        return _html(
            self._listing.render(
                rows=[self._row(self._acceptances[index]) for index in found[:PAGE]],
                words=words,
                page=page,
                total=len(self._acceptances),
                newer=_page_url(words, page - 1) if page > 1 else None,
                older=_page_url(words, page + 1) if len(found) > PAGE else None,
            )
        )

    async def one(self, request: web.Request) -> web.Response:
        """`GET /mailbox/{message_id}`."""
        mail = self._mail(request)
        return _html(
            self._one.render(
                row=self._row(mail),
                letter=self._letter(mail),
                history=[
                    (_STATES[step.kind], step, _utc(mail.wall + step.after / self._speed)) for step in self._steps(mail)
                ],
                said=request.query.get("said"),
            )
        )

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """`POST /mailbox/{message_id}/unsubscribe`: post as a mail client does after one click (RFC 8058)."""
        mail = self._mail(request)
        held = self._letter(mail)
        if held is None or held.one_click is None or urlsplit(held.one_click).scheme not in ("http", "https"):
            raise web.HTTPNotFound(text="this mail has no one-click unsubscription")
        said = await _post(held.one_click)
        raise web.HTTPSeeOther(f"/mailbox/{mail.sg_message_id}?{urlencode({'said': said})}")

    def _found(self, words: str) -> Iterator[int]:
        size = len(self._acceptances)
        if not words:
            return reversed(range(size))
        return self._acceptances.matching(words, range(max(0, size - MAX_SEARCHED), size))

    def _mail(self, request: web.Request) -> Acceptance:
        mail = self._acceptances.find(request.match_info["message_id"])
        if mail is None:
            raise web.HTTPNotFound(text="there is no such mail")
        return mail

    def _letter(self, mail: Acceptance) -> Letter | None:
        request = self._acceptances.kept.request(mail.index - mail.ordinal)
        return None if request is None else letter(request, mail.ordinal)

    def _steps(self, mail: Acceptance) -> list[Step]:
        return reached(mail.course, (time.monotonic() - mail.at) * self._speed)

    def _row(self, mail: Acceptance) -> Row:
        happened = self._steps(mail)
        if not happened:
            return Row(mail, _utc(mail.wall), "Accepted", "accepted")
        last = happened[-1]
        scanned = last.details.get("sg_machine_open") is True
        return Row(
            mail, _utc(mail.wall), "Scanned" if scanned else _STATES[last.kind], "scan" if scanned else last.kind
        )


async def _post(url: str) -> str:
    """What the other side said, for a person."""
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(url, data={"List-Unsubscribe": "One-Click"}, allow_redirects=False) as answer,
        ):
            return f"{answer.status} {answer.reason or ''}".strip()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return f"no answer: {str(error) or type(error).__name__}"


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


def _whole(text: str) -> int:
    return min(max(1, int(text)), 10**6) if text.isascii() and text.isdigit() else 1


def _page_url(words: str, page: int) -> str:
    return "/mailbox?" + urlencode({"q": words, "page": page} if words else {"page": page})


def _utc(wall: float) -> datetime:
    return datetime.fromtimestamp(wall, UTC)
