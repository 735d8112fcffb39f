"""A process started by the supervisor ends when the supervisor does, even when that was killed."""

import os
import signal
import threading

LOOK_EVERY = 1.0


def end_with_parent() -> None:
    """Send this process SIGTERM once its parent is gone, if CUTOVER_SUPERVISED holds that parent's pid."""
    supervisor = os.environ.get("CUTOVER_SUPERVISED")
    if not supervisor:
        return
    # Not os.getppid(): the supervisor may be gone by now.
    parent = int(supervisor)

    def watch() -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(LOOK_EVERY)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
