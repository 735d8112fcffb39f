"""`up`, `down`, `status`, and the processes behind them: `relay`, `worker`, `migrate`."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from console.commands.options import DatabaseOption, JsonOption
from console.connected import connected, reachable
from console.failures import Exit
from console.fitting import check_fits
from console.keys import link_key
from console.lifeline import end_with_parent
from console.processes import Processes, environment, web_command, worker_command
from console.screen import Screen, print_json, say
from console.stand_in import StandIn, publish, stand_in, stop_stand_ins, withdraw
from console.status import gather, show
from handlers.celery_app import QUEUES
from handlers.delivery.settings import DeliverySettings
from runtime import logs, servers
from runtime.clock import SystemClock
from runtime.database import create_engine
from runtime.instance import claim
from runtime.memory import freeze
from runtime.settings import Settings
from sandbox.shop.schema import create_tables

LOOK_EVERY = 1.0


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (up, down, status, relay, worker, serve, migrate):
        app.command()(command)


def up(
    workers: Annotated[int, typer.Option(help="Celery worker processes of each class.", min=1, max=64)] = 2,
    port: Annotated[int, typer.Option(help="Of the web application; 0: any free one.", min=0, max=65535)] = 8025,
    mailbox_port: Annotated[
        int, typer.Option(help="Of the SendGrid stand-in and its mailbox page; 0: any free one.", min=0, max=65535)
    ] = 8026,
) -> None:
    """The whole system on this machine: servers, relay, workers and web application, until Ctrl-C.

    E-mails go to a stand-in for SendGrid, whose mailbox page shows them, unless SENDGRID_API_KEY and MAIL_FROM are set.
    Processes that die are started again. Data stays under .cutover/ (or wherever DATABASE_URL and REDIS_URL point).
    """
    settings = Settings()
    screen = Screen()
    stop = _stop_on_signals()
    with claim(settings.state_dir, "up"):
        with screen.working("Starting servers"), connected(prepare=True, broker=True) as system:
            if not settings.database_url:  # the sandbox's shop stands where the main app would be
                with system.engine.begin() as connection:
                    create_tables(connection)
            env = environment(system.servers, settings.state_dir, settings.partitions)
        env |= link_key(settings)
        found = None
        if not DeliverySettings().configured:
            found = stand_in(settings.state_dir / "sendgrid", port=mailbox_port, web_port=port)
            env |= {**found.variables, "CUTOVER_SEND_QUOTA": env.get("CUTOVER_SEND_QUOTA", str(found.quota))}
            publish(found, settings)
        with Processes(env, settings.state_dir / "logs") as processes:
            if found:
                processes.start("sendgrid", found.command)
            processes.start("web", web_command(found.web_port if found else port))
            processes.start_by_class(workers)
            say(_greeting(settings.state_dir / "logs", found, port))
            while not stop.wait(LOOK_EVERY):
                for name in processes.revive():
                    say(f"the {name} ended by itself and was started again; see {settings.state_dir / 'logs'}")
            say("Stopping ...")
            withdraw(settings)
        servers.stop(settings.state_dir)


def _greeting(logs_of_all: Path, found: StandIn | None, port: int) -> str:
    mailbox = f"Mailbox: {found.host}/mailbox\n" if found else ""
    web = found.web_port if found else port
    return (
        f"Up: PostgreSQL, Valkey, relay, workers, web application (http://127.0.0.1:{web}). Logs: {logs_of_all}\n"
        f"{mailbox}Look: cutover status   Feed it: cutover emit --help   Stop: Ctrl-C"
    )


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8025,
) -> None:
    """The web application, until stopped: SendGrid's webhook, unsubscribe links, /healthz, /openapi.json.

    Put it behind your TLS proxy; CUTOVER_PUBLIC_URL says how it is reached from outside.
    """
    from console.web.application import application
    from console.web.serve import serve as serve_application

    settings = Settings()
    logs.configure(settings.log_level, settings.log_json)
    end_with_parent()
    with connected(prepare=True) as system:
        serve_application(application(settings, system.engine, system.delivery), host, port)


def down() -> None:
    """Stop the embedded servers of this state directory. Nothing is lost; the next command starts them again."""
    state_dir = Settings().state_dir
    stopped = [*servers.stop(state_dir), *(["the mailbox"] if stop_stand_ins(state_dir) else [])]
    say(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def status(
    json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """One screen: stage, log, lag, queues, runs, campaigns. Exit code 1 when something needs a person."""
    with connected(prepare=True, database=database, broker=True) as system:
        found = gather(system)
    if json:
        print_json(found)
    else:
        show(found)
    raise typer.Exit(Exit.GOOD if found.healthy else Exit.NO)


def relay() -> None:
    """Sequence the outbox and nudge the workers, until stopped. A second one takes turns, and goes on alone."""
    settings = Settings()
    logs.configure(settings.log_level, settings.log_json)
    end_with_parent()
    with connected(prepare=True) as system:
        running = system.relay()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: running.stop())
        freeze()
        running.run(SystemClock())


def worker(
    queues: Annotated[str, typer.Option(help="Queues to work on, separated by commas.")] = ",".join(QUEUES),
    concurrency: Annotated[int, typer.Option(help="Child processes.", min=1, max=256)] = 2,
) -> None:
    """A Celery worker on these queues, until stopped. Start as many as you like, on as many machines."""
    settings = Settings()
    found = reachable(settings)
    wanted = [queue.strip() for queue in queues.split(",")]
    unknown = [queue for queue in wanted if queue not in QUEUES]
    if unknown:
        raise typer.BadParameter(f"unknown queue {unknown[0]!r}; expected some of: {', '.join(QUEUES)}")
    engine = create_engine(found.database_url)
    check_fits(engine, settings.partitions)
    engine.dispose()
    command = worker_command("worker", concurrency=concurrency, queues=wanted)
    env = environment(found, settings.state_dir, settings.partitions)
    del env["CUTOVER_SUPERVISED"]
    os.execve(command[0], command, env)  # noqa: S606 - our own interpreter, with arguments we checked


def migrate(
    down_to: Annotated[
        str | None, typer.Option("--down-to", help="Take the schema down to this revision; 'base' removes it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before removing anything.")] = False,
) -> None:
    """Bring the schema `cutover` up to date, or take it down."""
    from migrations.migrate import downgrade

    with connected(prepare=down_to is None) as system:
        if down_to is not None:
            if not yes:
                typer.confirm(f"Remove everything in the schema cutover beyond revision {down_to}?", abort=True)
            downgrade(system.engine, down_to)
    say("the schema is up to date" if down_to is None else f"the schema is at {down_to}")


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def ask(_: int, __: FrameType | None) -> None:
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, ask)
    return stop
