"""A logarithmic axis: where a value lies on it, and which values are written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True, kw_only=True)
class LogAxis:
    """From the value `least`, which lies at `begin`, to the value `most` at `end`, in units of the drawing."""

    least: float
    most: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies; one beyond an end of the axis, at that end."""
        held = min(max(value, self.least), self.most)
        share = (log10(held) - log10(self.least)) / (log10(self.most) - log10(self.least))
        return self.begin + share * (self.end - self.begin)

    def marks(self) -> list[float]:
        """Powers of ten on it."""
        return [10.0**power for power in range(ceil(log10(self.least) - 1e-9), floor(log10(self.most) + 1e-9) + 1)]


def log_axis(values: Sequence[float], begin: float, end: float) -> LogAxis:
    """An axis for these values, all above 0, from one power of ten to another."""
    least, most = floor(log10(min(values))), ceil(log10(max(values)))
    return LogAxis(least=10.0**least, most=10.0 ** max(most, least + 1), begin=begin, end=end)


def short(value: float) -> str:
    """Such as `0.01`, `10`, `100k` or `1M`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
