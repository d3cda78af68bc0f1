"""Lines that an operator has closed. In memory alone: after a restart every line is open."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closing:
    """Who closed a line, and when."""

    by: str
    """id of the operator's key"""
    at: float
    """seconds since the epoch"""


class ClosedLines:
    """By name; `name in closed` is what a new call asks."""

    def __init__(self) -> None:
        self._closings: dict[str, Closing] = {}

    def __repr__(self) -> str:
        return f"<ClosedLines {sorted(self._closings)}>"

    def __contains__(self, name: object) -> bool:
        return name in self._closings

    def __len__(self) -> int:
        return len(self._closings)

    def closing(self, name: str) -> Closing | None:
        """None: the line is open."""
        return self._closings.get(name)

    def close(self, name: str, by: str, at: float) -> Closing:
        """Close a line; one that is closed already stays closed as it was."""
        return self._closings.setdefault(name, Closing(by, at))

    def open(self, name: str) -> None:
        self._closings.pop(name, None)

    def keep(self, names: Container[str]) -> None:
        """Forget the lines that exist no longer; one that comes back later is open."""
        self._closings = {name: closing for name, closing in self._closings.items() if name in names}
