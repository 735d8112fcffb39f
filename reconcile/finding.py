"""Findings: which path departs from what the log says, and which suspect brings the same about."""

from dataclasses import dataclass

from shadow.outcome import Path


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One path's outcome is what the rule would say with `suspect` changed; `suspect` empty: nothing explains it.

    `says` is what the suspect says.
    """

    path: Path
    suspect: str = ""
    says: str = ""

    @property
    def explains(self) -> bool:
        """Whether a suspect was found."""
        return bool(self.suspect)

    def sentence(self) -> str:
        """The finding in words."""
        who = f"the {self.path.replace('_', '-')} path"
        return f"{who}: {self.says}" if self.explains else f"{who} departs from the rule, and no suspect explains how"
