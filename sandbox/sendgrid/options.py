"""What the stand-in is started with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    """`quota` is in requests a second, 0 for none; `port` 0 takes a free one.

    `speed` says how many of the stand-in's seconds pass in a real one: its windows and delays shrink with it, so that a
    limit of 100 a second can be watched in a rehearsal that runs twenty times as fast. `keep` is how many requests are
    held in full; of older ones only what the counts and the logs need is. Events are posted if there is a
    `webhook_url`, and signed if there is a `webhook_key`, the PEM file of an EC P-256 private key. The `journal` is a
    file that takes down what was accepted.
    """

    api_key: str
    port: int = 0
    quota: int = 0
    webhook_url: str | None = None
    webhook_key: Path | None = None
    seed: int = 0
    speed: float = 1.0
    keep: int = 2_000
    logs_quota: int = 6
    journal: Path | None = None

    def __post_init__(self) -> None:
        if not self.api_key:
            raise BadOption("SENDGRID_API_KEY is empty; expected the key that clients must send")
        if self.speed <= 0:
            raise BadOption(f"speed is {self.speed:g}; expected more than 0")
        for name in ("port", "quota", "keep", "logs_quota"):
            if getattr(self, name) < 0:
                raise BadOption(f"{name} is {getattr(self, name)}; expected 0 or more")


class BadOption(ValueError):
    """The stand-in cannot be started with this."""
