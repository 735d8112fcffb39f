"""Which tests go to one worker of pytest-xdist together, so that they share what is expensive to start."""

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

LONG = ("end_to_end", "chaos", "simulation", "console", "benchmarks")
"""Where tests start processes and wait for them."""
ROOT = Path(__file__).parent.parent
ALONE = ("tests/simulation/test_schedules.py",)
"""Files whose tests share nothing but a name."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist tells no types
    """A file stays together, and so does all that shares the shop of the campaigns: starting it takes longer than most.

    (Marks of `--dist loadgroup` would say the same, but its way of handing them on is not pytest 9's any more.)
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        # The order is ours: by number of tests the longest ones would come last.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in ALONE:
            return nodeid
        return "campaigns" if _shares_shop(file) else file


@cache
def _shares_shop(file: str) -> bool:
    return "shared_shop" in (ROOT / file).read_text("utf-8")


def takes_long(item: pytest.Item) -> bool:
    """Whether it is to come first, so that no worker is left alone with it at the end."""
    return item.path.relative_to(ROOT / "tests").parts[0] in LONG
