"""The trace of a schedule: numbered steps, who did what, and where it stopped."""

import hashlib
from collections import Counter


class Trace:
    """Takes lines down; the digest of two traces is equal exactly if they are."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, str]] = []
        self.counts: Counter[str] = Counter()
        self.step = 0

    def say(self, who: str, what: str) -> None:
        """`who` does `what` in the step that is on."""
        self.lines.append((self.step, who, what))

    def count(self, what: str, times: int = 1) -> None:
        """For the totals."""
        self.counts[what] += times

    def digest(self) -> str:
        return hashlib.blake2b(repr(self.lines).encode(), digest_size=8).hexdigest()

    def __str__(self) -> str:
        width = max((len(who) for _, who, _ in self.lines), default=0)
        return "\n".join(f"{step:>4}  {who:<{width}}  {what}" for step, who, what in self.lines)
