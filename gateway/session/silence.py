"""The caller says nothing: ask whether somebody is there, then say goodbye. Never while the caller waits for us."""

from __future__ import annotations

from enum import StrEnum

from gateway.session.settings import SilenceSettings


class Prompt(StrEnum):
    STILL_THERE = "still_there"
    GOODBYE = "goodbye"


class CallerSilence:
    """Counts the silence of one caller.

    Args:
        settings: None: a caller may be silent for ever.
    """

    def __init__(self, settings: SilenceSettings | None) -> None:
        self._settings = settings
        self._since: float | None = None
        self._prompts = 0
        self._excused_until = 0.0

    def __repr__(self) -> str:
        return f"<CallerSilence prompts={self._prompts}>"

    def heard(self) -> None:
        """The caller made a sound, or pressed a key."""
        self._since = None

    def spoke(self) -> None:
        """The caller said something."""
        self._since = None
        self._prompts = 0
        self._excused_until = 0.0

    def excuse(self, until: float) -> None:
        """The caller asked for a moment."""
        self._excused_until = until

    def on_tick(self, now: float, *, callers_turn: bool) -> Prompt | None:
        """Whether something is to be said into the silence.

        Args:
            now: on the session's clock.
            callers_turn: everything was said and heard, nothing is owed, and the caller is not speaking.
        """
        if self._settings is None or not callers_turn or now < self._excused_until:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < self._settings.after_s:
            return None
        self._since = None
        if self._prompts >= self._settings.prompts:
            return Prompt.GOODBYE
        self._prompts += 1
        return Prompt.STILL_THERE
