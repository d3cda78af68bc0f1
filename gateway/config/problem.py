"""What can be wrong with a configuration, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Location: TypeAlias = tuple[str | int, ...]
"""Way from the root of the file: ("agents", 0, "voice", "name")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Never shows the value that is: it could be a secret in the wrong place."""

    location: Location
    message: str
    hint: str = ""
    line: int | None = None
    """in the file, counted from 1"""

    @property
    def path(self) -> str:
        """The location as people write it: agents[0].voice.name."""
        text = ""
        for step in self.location:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        what = f"{self.path}: {self.message}" if self.path else self.message
        return where + what + (f"; {self.hint}" if self.hint else "")


class ConfigError(Exception):
    """The configuration can not be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
