"""Wording: numbers, times and commands as the page says them."""

import re
import shlex
from datetime import UTC, datetime

_BLANK = re.compile(r"\{(run|unit|suspect)\}")


def number(value: float) -> str:
    """Such as `21,830`."""
    return f"{value:,}"


def moment(value: datetime) -> str:
    """Such as `16 November 2026, 09:00:00 UTC`."""
    return f"{value.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC"


def day(value: datetime) -> str:
    """Such as `Mon 16 Nov 2026`, in UTC."""
    return f"{value.astimezone(UTC):%a %-d %b %Y}"


def words(name: str) -> str:
    """A name out of the code as a person writes it."""
    return name.replace("event_driven", "event-driven").replace("_", " ")


def capital(sentence: str) -> str:
    """The sentence, beginning with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def duration(seconds: float | None) -> str:
    """Such as `1 min 30 s`."""
    if seconds is None:
        return "unfinished"
    if seconds < 1:
        return milliseconds(seconds * 1000)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def milliseconds(value: float) -> str:
    """Such as `0.04 ms` or `120 ms`."""
    return f"{value:.2f} ms" if 0 < value < 10 else f"{value:,.0f} ms"


def percent(share: float) -> str:
    """Such as `18.8 %`; only nothing is 0 % and only the whole is 100 %."""
    value = share * 100
    if value in (0, 100):
        return f"{value:.0f} %"
    if value > 99.9:
        return f"{min(value, 99.999):.3f} %"
    return f"{min(value, 99.9):.1f} %" if value >= 1 else f"{value:.2g} %"


def command(template: str, run: str, unit: str | None = None, suspect: str = "") -> str:
    """A command for a shell, with what is filled in quoted. Without a unit a person has to name one."""
    filled = {"run": run, "unit": unit, "suspect": suspect}
    said = {name: "…" if value is None else shlex.quote(value) for name, value in filled.items()}
    return _BLANK.sub(lambda blank: said[blank.group(1)], template)
