"""The SendGrid stand-in where there is no SendGrid: its keys, how it is started, and how other commands find it."""

import os
import secrets
import socket
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from console.keys import kept_key
from handlers.delivery.settings import DeliverySettings
from runtime.settings import Settings

ANNOUNCEMENT = "listening.json"
MAIL_FROM = "Shop <shop@shop.example>"


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A stand-in to be started in `directory`, which `tells` its news to the web application at `web_port`, or not.

    One that `stays` outlives whoever started it, so that its mailbox can be looked at, until `stop_stand_ins`. It keeps
    the newest `keep` e-mails in full. One with a `journal` takes down in it what it accepts, and one that is killed and
    started again goes on there.

    `quota` is in requests a second, at the stand-in and for the senders alike; 0: unlimited.
    """

    directory: Path
    port: int
    web_port: int
    api_key: str
    public_key: str
    link_key: str
    quota: int
    tells: bool = True
    stays: bool = False
    keep: int = 2000
    journal: Path | None = None

    @property
    def host(self) -> str:
        """Where it is reached; its mailbox page is at `/mailbox`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def announcement(self) -> Path:
        """The file it writes once it listens."""
        return self.directory / ANNOUNCEMENT

    @property
    def command(self) -> list[str]:
        """Its command line; it has to find `variables` in its environment."""
        options = {
            "--port": str(self.port),
            "--announce": str(self.announcement),
            "--quota": str(self.quota),
            "--keep": str(self.keep),
        }
        if self.journal is not None:
            options["--journal"] = str(self.journal)
        if self.tells:
            options["--webhook-url"] = f"http://127.0.0.1:{self.web_port}/webhooks/sendgrid"
            options["--webhook-key"] = str(self.directory / "webhook.pem")
        return [sys.executable, "-m", "sandbox.sendgrid", *(word for pair in options.items() for word in pair)]

    @property
    def variables(self) -> dict[str, str]:
        """What senders and the web application must find in their environment."""
        return {
            "SENDGRID_API_KEY": self.api_key,
            "SENDGRID_HOST": self.host,
            "MAIL_FROM": MAIL_FROM,
            "SENDGRID_WEBHOOK_KEY": self.public_key,
            "CUTOVER_LINK_KEY": self.link_key,
            "CUTOVER_PUBLIC_URL": f"http://127.0.0.1:{self.web_port}",
            "CUTOVER_SEND_QUOTA": str(self.quota),
        }

    def waiting_news(self) -> int:
        """How many events it has not told yet. Raises OSError where it does not answer."""
        waiting: int = self._counts()["webhooks"]["waiting"]
        return waiting

    def accepted_most_often(self) -> int:
        """How often it accepted the e-mail that it accepted most often; 0 if none. Raises OSError as above."""
        most: int = self._counts()["per_send_id_max"]
        return most

    def _counts(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.host}/counts", timeout=10) as answer:  # noqa: S310 - our own stand-in
            counts: dict[str, Any] = msgspec.json.decode(answer.read())
        return counts


def stand_in(
    directory: Path,
    *,
    port: int = 0,
    web_port: int = 0,
    quota: int = 100,
    tells: bool = True,
    stays: bool = False,
    keep: int = 2000,
) -> StandIn:
    """A stand-in with new keys; ports that are 0 are chosen here. An earlier one of the same directory is ended."""
    _stop(directory / ANNOUNCEMENT)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = directory / "webhook.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    made = StandIn(
        directory=directory,
        port=port or _free_port(),
        web_port=web_port or _free_port(),
        api_key=f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}",
        public_key=b64encode(public).decode(),
        link_key=kept_key(directory / "unsubscribe.key").hex(),
        quota=quota,
        tells=tells,
        stays=stays,
        keep=keep,
    )
    made.announcement.unlink(missing_ok=True)
    return made


def stop_stand_ins(state_dir: Path) -> int:
    """End the stand-ins that stayed; how many there were."""
    return sum(_stop(path) for path in state_dir.glob(f"sendgrid*/{ANNOUNCEMENT}"))


def _stop(announcement: Path) -> bool:
    """End the stand-in that announced itself in this file, if it is still the one under that number."""
    try:
        process = psutil.Process(msgspec.json.decode(announcement.read_bytes(), type=_Announced).pid)
        if str(announcement) not in process.cmdline():
            return False
        process.terminate()
        process.wait(10)
    except (FileNotFoundError, psutil.Error):
        return False
    return True


class _Announced(msgspec.Struct, frozen=True):
    pid: int


def publish(found: StandIn, settings: Settings) -> None:
    """Let other commands on this state directory send to it as long as this process runs."""
    content = _Published(pid=os.getpid(), born=psutil.Process().create_time(), variables=found.variables)
    path = _published(settings)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    made.touch(mode=0o600)
    made.write_bytes(msgspec.json.encode(content))
    made.replace(path)


def withdraw(settings: Settings) -> None:
    """The stand-in is about to end."""
    _published(settings).unlink(missing_ok=True)


def delivery_settings(settings: Settings) -> DeliverySettings:
    """What the environment says of delivery; on embedded servers, if it is silent, the stand-in of `cutover up`."""
    from_environment = DeliverySettings()
    if from_environment.configured or settings.database_url is not None:
        return from_environment
    variables = _variables(_published(settings))
    values: dict[str, Any] = {**variables, **_set_in_environment(variables)}
    return DeliverySettings(**values)


def _variables(path: Path) -> Mapping[str, str]:
    """What was published, if whoever did so still runs."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Published)
    except FileNotFoundError:
        return {}
    try:
        # A number may have been given to another process since.
        same = psutil.Process(content.pid).create_time() == content.born
    except psutil.Error:
        same = False
    return content.variables if same else {}


class _Published(msgspec.Struct, frozen=True):
    pid: int
    born: float
    variables: dict[str, str]


def _published(settings: Settings) -> Path:
    return settings.state_dir / "stand_in.json"


def _set_in_environment(names: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
