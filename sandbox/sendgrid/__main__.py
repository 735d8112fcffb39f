"""The stand-in as a process of its own: `SENDGRID_API_KEY=KEY python -m sandbox.sendgrid --port 0 --announce FILE`."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.sendgrid.lifeline import parent_gone
from sandbox.sendgrid.options import BadOption, Options
from sandbox.sendgrid.server import StandIn


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; 0 after that, 2 for wrong use, 4 if the port is taken."""
    given = _parser().parse_args(arguments)
    try:
        stand_in = StandIn(_options(given))
    except BadOption as error:
        sys.stderr.write(f"sandbox.sendgrid: {error}\n")
        return 2
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(stand_in, given.announce))
    except OSError as error:
        sys.stderr.write(f"sandbox.sendgrid: cannot serve: {error}\n")
        return 4
    return 0


async def _serve(stand_in: StandIn, announce: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with stand_in.serving() as host:
        _write(announce, {"host": host, "control": stand_in.control_host, "pid": os.getpid()})
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(parent_gone())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def _write(path: Path, content: dict[str, object]) -> None:
    """In one piece: whoever waits for the file never reads half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(content) + "\n")
    unfinished.replace(path)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _options(given: argparse.Namespace) -> Options:
    return Options(
        # Not an argument: every user of the machine can read those.
        api_key=os.environ.get("SENDGRID_API_KEY", ""),
        port=given.port,
        quota=given.quota,
        webhook_url=given.webhook_url,
        webhook_key=given.webhook_key,
        seed=given.seed,
        speed=given.speed,
        keep=given.keep,
        logs_quota=given.logs_quota,
        journal=given.journal,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.sendgrid",
        description="A stand-in for SendGrid. Clients must send the key in SENDGRID_API_KEY.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--announce", type=Path, required=True, metavar="FILE", help="where to write the address once it listens")
    add("--quota", type=int, default=0, metavar="N", help="mail/send requests a second; 0 is no limit")
    add("--webhook-url", metavar="URL", help="where to post events; none are posted without it")
    add("--webhook-key", type=Path, metavar="PEMFILE", help="the EC P-256 private key that signs them")
    add("--seed", type=int, default=0, help="of the draws that decide whom a fault hits")
    add("--speed", type=float, default=1.0, help="how many of the stand-in's seconds pass in a real one")
    add("--keep", type=int, default=2_000, help="how many requests are held in full")
    add("--logs-quota", type=int, default=6, metavar="N", help="Email Logs requests a second; 0 is no limit")
    add("--journal", type=Path, metavar="FILE", help="where to take down what was accepted, a line an e-mail")
    return parser


if __name__ == "__main__":
    sys.exit(main())
