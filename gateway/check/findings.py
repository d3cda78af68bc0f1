"""What a check found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warning"
    FAIL = "FAIL"
    SKIP = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    says: str
    do: str = ""
    """what to do about it; empty where nothing is to be done"""

    def __str__(self) -> str:
        line = f"{self.level:<8} {self.what}: {self.says}"
        return f"{line}\n         -> {self.do}" if self.do else line
