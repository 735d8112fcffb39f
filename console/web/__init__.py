"""The web application: the provider's webhook, the unsubscribe page, and whether all is well."""

from console.web.app import create_app
from console.web.ports import Ports
from console.web.serve import CannotListen, serve

__all__ = ["CannotListen", "Ports", "create_app", "serve"]
