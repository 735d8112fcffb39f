"""Runs many command lines, each in a process of its own that is forked after the imports, not before.

Most of a command's time goes into importing. A table of refusals would take minutes; forked, it takes seconds, and
everything else about each command is as a person runs it. Reads lists of arguments as JSON, writes what they came to.
"""

import gc
import json
import os
import sys
import tempfile
from importlib import import_module

from console.cli import COMMANDS
from console.cli import main as command

PRELOADED = (*COMMANDS, "console.wiring", "sandbox.shop.order_lines")


def run(arguments: list[str]) -> tuple[int, str, str]:
    """One command: its exit code, stdout and stderr."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["cutover", *arguments]
            command()
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()


def main() -> None:
    """All commands of stdin, one after another."""
    commands: list[list[str]] = json.load(sys.stdin)
    for name in PRELOADED:
        import_module(name)
    # Or each process would look through all of it for garbage when it ends.
    gc.freeze()
    # Their output comes by descriptor; what this process writes, it writes at the end.
    results = [run(arguments) for arguments in commands]
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
