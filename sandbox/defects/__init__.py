"""Defects to inject: ways either path could be wrong, each a substitute for one of its parts."""

from sandbox.defects.catalogue import CATALOGUE, UnknownDefect, defect
from sandbox.defects.defect import Defect

__all__ = ["CATALOGUE", "Defect", "UnknownDefect", "defect"]
