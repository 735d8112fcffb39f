"""The way to the legacy tap, which is there only as long as the frozen batch is."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.failures import WrongUse

if TYPE_CHECKING:
    from shadow.legacy_tap import Tapped


def legacy_tap() -> "Callable[..., Tapped]":
    """`shadow.legacy_tap.run_legacy`. Raises WrongUse once the batch is retired and its files are deleted."""
    try:
        from shadow.legacy_tap import run_legacy
    except ModuleNotFoundError as gone:
        raise WrongUse(
            f"the legacy batch is retired ({gone.name} is gone): there is no legacy path to run; "
            "remove this line from crontab"
        ) from gone
    return run_legacy
