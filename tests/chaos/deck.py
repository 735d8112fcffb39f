"""All the blows there are."""

from tests.chaos.blow import Blow
from tests.chaos.process_blows import blows_at_processes, blows_at_provider
from tests.chaos.server_blows import blows_at_servers


def every_blow() -> list[Blow]:
    """Each of them once."""
    return [*blows_at_processes(), *blows_at_provider(), *blows_at_servers()]
