"""Ending a call from our side: never before the last word has been heard."""

from __future__ import annotations

from gateway.outcome import Outcome, Reason
from gateway.session.speaker import Speaker

LONGEST_S = 15.0
"""A last sentence that is not over by then is not waited for."""


class Farewell:
    """Remembers that the call is to end, and says when."""

    def __init__(self) -> None:
        self.said = False
        """our last sentence is wanted: nothing else is said, heard or asked any more"""
        self.outcome = Outcome(Reason.INTERNAL_ERROR)
        self._since = 0.0

    def say(self, outcome: Outcome, now: float) -> None:
        self.said, self.outcome, self._since = True, outcome, now

    def due(self, speaker: Speaker, now: float) -> bool:
        """Everything wanted was heard, and the network has had time to play what it still held."""
        return speaker.silent(now) or now - self._since >= LONGEST_S
