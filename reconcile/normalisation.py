"""Normalisation: what is stripped from an outcome before it is compared, because it is no difference."""

import re
from dataclasses import dataclass
from functools import cached_property

from reconcile.errors import PolicyRefused


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """In the text of `field` every match of the regular expression `pattern` becomes `replacement`; `why` says why."""

    field: str
    pattern: str
    replacement: str
    why: str

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise PolicyRefused(f"field {self.field!r}: say why {self.pattern!r} is no difference.")
        try:
            re.compile(self.pattern)
        except re.error as problem:
            raise PolicyRefused(f"field {self.field!r}: {self.pattern!r} is no regular expression: {problem}") from None

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def __call__(self, text: str) -> str:
        """The text as it is compared."""
        return self._compiled.sub(self.replacement, text)
