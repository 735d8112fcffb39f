"""The network of nudges: what Celery and Redis are to the system, except that the schedule decides what arrives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.clock import SimulatedClock


@dataclass(frozen=True)
class Task:
    """A nudge under way."""

    task: str
    subscription: str
    partition: int

    def __str__(self) -> str:
        return f"{self.subscription}/{self.partition}"


class Queue:
    """Stands where the Celery application stands."""

    def __init__(self) -> None:
        self.under_way: list[Task] = []
        self.loses_everything = False

    def send_task(self, task: str, args: Sequence[Any], queue: str, retry: bool) -> None:  # noqa: ARG002
        if not self.loses_everything:
            self.under_way.append(Task(task, *args))


class Keys:
    """Stands where Redis stands, for what the publisher of nudges asks of it: keys that vanish."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._answers: list[int] = []

    def pipeline(self, transaction: bool) -> "Keys":  # noqa: ARG002
        self._answers = []
        return self

    def set(self, key: str, _: bytes, *, px: int, nx: bool = False) -> None:
        new = self._until.get(key, -1.0) < self._clock.seconds
        if new or not nx:
            self._until[key] = self._clock.seconds + px / 1000
        self._answers.append(new)

    def llen(self, _: str) -> None:
        self._answers.append(0)

    def execute(self) -> list[int]:
        return self._answers

    def getdel(self, key: str) -> bytes | None:
        return b"1" if self._until.pop(key, -1.0) >= self._clock.seconds else None

    def delete(self, key: str) -> None:
        self._until.pop(key, None)

    def remembered(self) -> Mapping[str, float]:
        """Until when which key is there."""
        return dict(self._until)

    def remember(self, keys: Mapping[str, float]) -> None:
        """These are there."""
        self._until.update(keys)

    def flush(self) -> None:
        """Forget everything."""
        self._until.clear()
