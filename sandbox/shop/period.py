"""The time a synthetic history spans, in microseconds since 1970, and how it is spread over seasons and hours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from sandbox.shop.transaction import utc

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970-01-01 UTC."""
Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Period:
    """From `start` up to, not including, `until`. People come to the shop from `first_day` on."""

    start: int
    until: int

    @classmethod
    def before(cls, until: datetime, weeks: int) -> "Period":
        """The `weeks` before `until`. Raises NaiveTime when it has no time zone, ValueError for no week at all."""
        if weeks < 1:
            raise ValueError(f"weeks is {weeks}; expected at least 1")
        end = (utc(until) - EPOCH) // MICROSECOND
        return cls(start=end - weeks * 7 * DAY, until=end)

    @property
    def first_day(self) -> int:
        """The first midnight after the start."""
        return (self.start // DAY + 1) * DAY

    def daytimes(self, rng: np.random.Generator, earliest: Reals) -> Moments:
        """For each element a moment in daytime, more of them in busy seasons, none before the share `earliest` (0 to 1)
        of the period's business has passed, but for the hours of a day.
        """
        busy = self._business()
        share = earliest + rng.random(len(earliest)) * (1 - earliest)
        day = np.minimum(np.searchsorted(busy, share, side="right"), len(busy) - 1)
        hour = np.clip(rng.normal(14, 3.5, len(earliest)), 7, 22)
        moments = self.first_day + day * DAY + (hour * HOUR).astype(np.int64) + rng.integers(0, HOUR, len(earliest))
        days_late = np.maximum(0, (moments - self.until) // DAY + 1)
        return np.asarray(moments - days_late * DAY, dtype=np.int64)

    def _business(self) -> Reals:
        """The cumulated share of the period's business at the end of each of its days."""
        days = np.arange(self.first_day, self.until, DAY)
        of_year = (days // DAY) % 365.25
        of_week = (days // DAY + 3) % 7
        seasonal = 1 + 0.15 * np.sin(2 * np.pi * (of_year - 60) / 365.25)
        christmas = 1 + 1.2 * np.exp(-(((of_year - 332) / 18) ** 2))
        weekend = np.where(of_week >= 5, 0.6, 1.0)
        weight = seasonal * christmas * weekend
        return np.asarray(np.cumsum(weight) / weight.sum())


def moment(microseconds: int) -> datetime:
    """Microseconds since 1970 as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)
