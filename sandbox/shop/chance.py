"""Chance that is the same every time: numbers that follow from a seed, a question and an id."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

_RANGE = 2**64


@dataclass(frozen=True)
class Chance:
    """Answers questions about ids by hash. The answer to one says nothing about the answer to another."""

    seed: int

    def share(self, question: str, id_: str) -> float:
        """A number in [0, 1)."""
        digest = hashlib.blake2b(f"{self.seed}|{question}|{id_}".encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / (_RANGE >> 11)

    def falls(self, question: str, id_: str, probability: float) -> bool:
        """Whether it falls on this id."""
        return self.share(question, id_) < probability

    def between(self, question: str, id_: str, since: datetime, until: datetime) -> datetime:
        """A time in [since, until)."""
        return since + self.share(question, id_) * (until - since)
