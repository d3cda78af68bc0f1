"""The rule against dead air: when it is the agent's turn, something must happen, and the caller must hear it.

Two clocks run from the end of the caller's turn. The *silence* clock counts what the caller hears: when it reaches
`filler_after_s` a short sentence is played. The *progress* clock counts what the model does (a response begun, text,
audio): only useful progress resets it, never pongs or notices. At `ask_again_after_s` the model is asked once
more, at `give_up_after_s` the call is ended with an apology.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    FILLER = "filler"
    ASK_AGAIN = "ask_again"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds without useful progress after the caller's turn ended."""

    filler_after_s: float = 2.5
    ask_again_after_s: float = 8.0
    give_up_after_s: float = 12.0


class Watchdog:
    """Armed while the caller waits for the agent; says what to do when nothing comes."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._quiet_since: float | None = None
        self._progress_at: float | None = None
        self._filler_said = False
        self._asked_again = False

    def __repr__(self) -> str:
        return f"<Watchdog {'armed' if self.armed else 'off'}>"

    @property
    def armed(self) -> bool:
        return self._progress_at is not None

    def arm(self, now: float, quiet_since: float | None = None) -> None:
        """The caller's turn has ended: from here on something is owed.

        Args:
            now: when the end was noticed.
            quiet_since: when the caller really stopped speaking, where that is known: earlier than it was noticed.
        """
        self._progress_at = now
        self._quiet_since = now if quiet_since is None else quiet_since
        self._filler_said = self._asked_again = False

    def progress(self, now: float) -> None:
        """The model did something useful, but nothing can be heard yet."""
        if self._progress_at is not None:
            self._progress_at = now

    def quiet_from(self, now: float) -> None:
        """A filler has ended: the caller's silence counts anew, and another filler may follow."""
        if self._quiet_since is not None:
            self._quiet_since = now
            self._filler_said = False

    def disarm(self) -> None:
        self._quiet_since = self._progress_at = None

    def on_tick(self, now: float) -> Action | None:
        """At most one action a tick; each is returned once."""
        if self._progress_at is None or self._quiet_since is None:
            return None
        stalled_s = now - self._progress_at
        if stalled_s >= self._patience.give_up_after_s:
            self.disarm()
            return Action.GIVE_UP
        if stalled_s >= self._patience.ask_again_after_s and not self._asked_again:
            self._asked_again = True
            return Action.ASK_AGAIN
        if now - self._quiet_since >= self._patience.filler_after_s and not self._filler_said:
            self._filler_said = True
            return Action.FILLER
        return None
