"""A process that a supervisor started ends when that supervisor does, even when it was killed."""

import asyncio
import os

LOOK_EVERY = 1.0


async def parent_gone() -> None:
    """Return once the parent is gone whose pid CUTOVER_SUPERVISED holds; never, if that is not set."""
    supervisor = os.environ.get("CUTOVER_SUPERVISED")
    if not supervisor:
        await asyncio.Event().wait()
        return
    # Not the parent at the start: the supervisor may be gone by now.
    parent = int(supervisor)
    while os.getppid() == parent:
        await asyncio.sleep(LOOK_EVERY)
