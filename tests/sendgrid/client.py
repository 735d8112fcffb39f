"""A client of the stand-in, and the mail it sends."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec

from sandbox.sendgrid import Options, StandIn

KEY = "SG.test"
Json = dict[str, Any]


def mail(address: str = "ada@example.com", send_id: str = "s-1", **changes: object) -> Json:
    """A sound request to one recipient; a change to None takes a field away, and `sender` is `from`."""
    request: Json = {
        "personalizations": [{"to": [{"email": address, "name": "Ada"}], "custom_args": {"send_id": send_id}}],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "subject": "Five picks",
        "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
        "categories": ["2026-W47"],
        **{"from" if name == "sender" else name: value for name, value in changes.items()},
    }
    return {name: value for name, value in request.items() if value is not None}


class Client:
    """Speaks to one stand-in."""

    def __init__(self, session: aiohttp.ClientSession, host: str, stand_in: StandIn) -> None:
        self.session = session
        self.host = host
        self.stand_in = stand_in

    async def send(self, body: Json | bytes | None = None, **headers: str) -> tuple[int, Json, dict[str, str]]:
        """Status, body ({} if empty) and headers of `POST /v3/mail/send`."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(mail() if body is None else body)
        given = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.call("POST", "/v3/mail/send", data, given)

    async def logs(self, query: str, limit: int = 10) -> tuple[int, Json, dict[str, str]]:
        """The same of `POST /v3/logs`."""
        data = msgspec.json.encode({"query": query, "limit": limit})
        return await self.call("POST", "/v3/logs", data, {"Authorization": f"Bearer {KEY}"})

    async def control(self, **faults: object) -> Json:
        """Set faults, by way of the port that never closes."""
        async with self.session.put(self.stand_in.control_host + "/control", json=faults) as answer:
            assert answer.status == 200, await answer.text()
            shown: Json = await answer.json()
            return shown

    async def accepted(self, query: str = "") -> list[list[Any]]:
        """`GET /accepted`."""
        async with self.session.get(f"{self.host}/accepted{query}") as answer:
            listed: list[list[Any]] = await answer.json()
            return listed

    async def counts(self) -> Json:
        """`GET /counts`."""
        return (await self.call("GET", "/counts"))[1]

    async def call(
        self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Json, dict[str, str]]:
        """Status, body and headers of any call whose answer is JSON or empty."""
        async with self.session.request(method, self.host + path, data=_stream(data), headers=headers) as answer:
            raw = await answer.read()
            return answer.status, msgspec.json.decode(raw) if raw else {}, dict(answer.headers)


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator[Client]:  # noqa: ANN401 - whatever Options takes
    """A stand-in that serves, and its client."""
    stand_in = StandIn(replace(Options(api_key=KEY, logs_quota=0), **changes))
    timeout = aiohttp.ClientTimeout(total=20)
    async with stand_in.serving() as host, aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(session, host, stand_in)


async def until(condition: Callable[[], Awaitable[object]], *, what: str, seconds: float = 30.0) -> None:
    """Return once the condition holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"{what} did not come true within {seconds:g} s"
        await asyncio.sleep(0.01)


def _stream(data: bytes | None) -> io.BytesIO | None:
    return None if data is None else io.BytesIO(data)
