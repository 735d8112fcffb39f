"""The failures of the runtime: each class's docstring is the message a person reads."""


class RuntimeFailure(Exception):
    """The runtime cannot do what was asked of it."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        template = " ".join((type(self).__doc__ or type(self).__name__).split())
        super().__init__(template.format(**facts))


class SettingsInvalid(RuntimeFailure):
    """The environment is not usable: {problems}. Correct it and start again."""


class StateDirectoryUnusable(RuntimeFailure):
    """The state directory {path} cannot be used: {reason}. It must be a directory this user may write to;
    change its owner, or point CUTOVER_STATE_DIR somewhere else."""


class DiskFull(RuntimeFailure):
    """Not enough room in {path}: {free} MB are free, and {need} MB are needed. Free some space, or point
    CUTOVER_STATE_DIR to a file system that has it."""


class ServerDidNotStart(RuntimeFailure):
    """{server} did not start within {seconds:.0f} seconds. Its log is {log}, and ends: {tail}"""


class ServerDidNotStop(RuntimeFailure):
    """{server} (pid {pid}) did not stop within {seconds:.0f} seconds. Look into its log {log}; if it hangs,
    end the process by its pid, and the next start brings the data back."""


class ServersBusy(RuntimeFailure):
    """Another command (pid {pid}) has been starting or stopping the servers of {path} for more than
    {seconds:.0f} seconds. Wait for it, or end it, and try again."""


class PlatformUnsupported(RuntimeFailure):
    """There is no embedded {server} for this machine: {reason}. Linux (x86-64, arm64) and macOS (arm64) have
    one; elsewhere run your own and set {variable}."""


class AccountUnavailable(RuntimeFailure):
    """PostgreSQL refuses to run as root, and cannot be run as {account}: {reason}. Run as an ordinary user,
    or set DATABASE_URL to a server of your own."""


class OtherSchema(RuntimeFailure):
    """The schema cutover is at revision {found}, and this code is written for {expected}. Run `cutover migrate`,
    or start the code that belongs to the database."""


class DependencyUnreachable(RuntimeFailure):
    """{dependency} cannot be reached at {where}: {reason}. Start it, or correct {variable}."""


class BrokerCannotWrite(RuntimeFailure):
    """Redis at {where} cannot write to its disk: {reason}. Free some space there, and it goes on by itself;
    nothing is lost, the log is in the database."""


class AlreadyRunning(RuntimeFailure):
    """{name} is already running for the state directory {path}, as process {pid}. Stop that one first, or use
    another CUTOVER_STATE_DIR."""
