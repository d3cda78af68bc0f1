"""The keys of the caller's telephone: shortcuts, keys pressed too early, and digits the agent has asked for.

While digits are collected no key is a shortcut: a PIN may hold the key that calls a person.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.session.settings import Shortcut, ToolSettings
from gateway.session.tools import MAX_COLLECTED, CollectDigits


class Ending(StrEnum):
    """Why no more digits are waited for; the model is told."""

    COMPLETE = "complete"
    PAUSE = "pause"  # the caller stopped before all were there
    NONE = "none"  # not one digit was pressed


@dataclass(frozen=True, slots=True)
class Collected:
    """What was typed. Its text form says how much, never what."""

    asked: CollectDigits
    ending: Ending
    digits: str = field(repr=False)


class Keypad:
    """Keys of one call; times in seconds."""

    def __init__(self, settings: ToolSettings, shortcuts: Mapping[str, Shortcut]) -> None:
        self._settings = settings
        self._shortcuts = shortcuts
        self._takes_digits = "collect_digits" in settings.names
        self._early: deque[tuple[float, str]] = deque(maxlen=MAX_COLLECTED)
        self._asked: CollectDigits | None = None
        self._digits = ""
        self._wait_until = 0.0

    def __repr__(self) -> str:
        return f"<Keypad {'collecting' if self.collecting else 'idle'}>"

    @property
    def collecting(self) -> bool:
        return self._asked is not None

    @property
    def secret(self) -> bool:
        """What is typed, or said, now is for nobody's eyes and ears."""
        return self.collecting and self._settings.digits_secure

    def has_early(self, now: float) -> bool:
        """Keys were pressed that may still be asked for."""
        self._forget_old(now)
        return bool(self._early)

    def press(self, key: str, now: float) -> Shortcut | Collected | None:
        """A key was pressed: what it does, or what is complete with it."""
        if self._asked is not None:
            return self._add(self._asked, key, now)
        shortcut = self._shortcuts.get(key)
        if shortcut is None and self._takes_digits:
            self._early.append((now, key))
        return shortcut

    def collect(self, asked: CollectDigits, now: float) -> Collected | None:
        """Digits are wanted from now on; those pressed a moment ago count, and may be all of them."""
        self._forget_old(now)
        early = [key for _, key in self._early]
        self._early.clear()
        self._asked, self._digits = asked, ""
        self._wait_until = now + self._settings.first_digit_s
        for key in early:
            collected = self._add(asked, key, now)
            if collected is not None:
                return collected
        return None

    def on_tick(self, now: float, *, agent_speaks: bool) -> Collected | None:
        """The caller may have stopped. The time for the first digit begins when the question is over."""
        if self._asked is None:
            return None
        if agent_speaks and not self._digits:
            self._wait_until = now + self._settings.first_digit_s
        if now < self._wait_until:
            return None
        return self._finish(self._asked, Ending.PAUSE if self._digits else Ending.NONE)

    def cancel(self) -> CollectDigits | None:
        """Nobody wants them any more. Returns what was asked."""
        asked, self._asked, self._digits = self._asked, None, ""
        return asked

    def _add(self, asked: CollectDigits, key: str, now: float) -> Collected | None:
        self._wait_until = now + self._settings.next_digit_s
        if key == asked.terminator:
            return self._finish(asked, Ending.COMPLETE if self._digits else Ending.NONE)
        self._digits += key
        return self._finish(asked, Ending.COMPLETE) if len(self._digits) >= asked.count else None

    def _finish(self, asked: CollectDigits, ending: Ending) -> Collected:
        collected = Collected(asked, ending, self._digits)
        self._asked, self._digits = None, ""
        return collected

    def _forget_old(self, now: float) -> None:
        while self._early and now - self._early[0][0] > self._settings.type_ahead_s:
            self._early.popleft()
