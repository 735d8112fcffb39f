"""Serving in a process of its own: it says its port, answers, and ends well when told to."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from console.web import CannotListen, serve
from tests.web.serving import Wire, ask

ROOT = Path(__file__).parents[2]
SERVER = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from console.web import serve

async def slow(request):
    print("begun", flush=True)
    await request.body()
    await asyncio.sleep(0.5)
    return PlainTextResponse("done")

async def quick(request):
    return PlainTextResponse("quick")

app = Starlette(routes=[Route("/slow", slow, methods=["POST"]), Route("/", quick)])
serve(app, "127.0.0.1", 0, announce=lambda port: print(port, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_finishes_what_it_is_at_and_goes_on_after_serving(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            quick = ask(port, "GET", "/")
            assert (quick.status, quick.text) == (200, "quick")
            assert "server" not in quick.headers
            wire = Wire(port)
            wire.head("/slow", "Content-Length: 0")
            assert process.stdout.readline() == "begun\n"
            process.send_signal(number)
            assert wire.rest().endswith("done")
            wire.close()
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "ended\n", "")


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"cannot listen on 127\.0\.0\.1 port {port}: .*; free it"):
            serve(PlainTextResponse("never"), "127.0.0.1", port)


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(CannotListen, match="port 70000"):
        serve(PlainTextResponse("never"), "127.0.0.1", 70_000)


def test_signals_are_as_before_after_serving_in_a_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=_refused)
    thread.start()
    thread.join(60)
    assert signal.getsignal(signal.SIGTERM) is before


def _refused() -> None:
    with pytest.raises(CannotListen):
        serve(PlainTextResponse("never"), "127.0.0.1", 70_000)
