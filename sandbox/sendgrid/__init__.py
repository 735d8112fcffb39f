"""A stand-in for SendGrid: the part of its API that is used here, and every way in which it can misbehave."""

from sandbox.sendgrid.options import BadOption, Options
from sandbox.sendgrid.server import StandIn

__all__ = ["BadOption", "Options", "StandIn"]
