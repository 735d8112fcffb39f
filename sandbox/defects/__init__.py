"""Defects to inject: ways the event-driven path could be wrong, each a substitute for one of its parts."""

from sandbox.defects.catalogue import CATALOGUE, Defect, UnknownDefect, defect

__all__ = ["CATALOGUE", "Defect", "UnknownDefect", "defect"]
