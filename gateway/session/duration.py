"""No call lasts for ever: the caller is told a minute before, and a goodbye is said at the end."""

from __future__ import annotations

from enum import StrEnum

WARNING_S = 60.0
"""Enough to say what is most important."""


class Notice(StrEnum):
    NEARLY_UP = "nearly_up"
    IS_UP = "is_up"


class Duration:
    """Of one call, counted from the moment its line opened."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._began_at: float | None = None
        self._warned = longest_s <= 2 * WARNING_S  # such a short call is nearly over when it begins
        self._over = False

    def __repr__(self) -> str:
        return f"<Duration of {self._longest_s:.0f} s>"

    def begin(self, now: float) -> None:
        if self._began_at is None:
            self._began_at = now

    def on_tick(self, now: float, *, quiet: bool) -> Notice | None:
        """Each once; the warning when nobody speaks (`quiet`), at the latest half way through the last minute."""
        if self._began_at is None or self._over:
            return None
        left_s = self._longest_s - (now - self._began_at)
        if left_s <= 0:
            self._over = True
            return Notice.IS_UP
        if not self._warned and left_s <= WARNING_S and (quiet or left_s <= WARNING_S / 2):
            self._warned = True
            return Notice.NEARLY_UP
        return None
