"""What Python's garbage collector looks through."""

import gc


def freeze() -> None:
    """Let the collector leave alone what is there by now: call this when a process that runs for long begins its work.

    Looking through modules, tables and connections for garbage that is not there takes a tenth of a second each time,
    and everybody waits.
    """
    gc.collect()
    gc.freeze()
