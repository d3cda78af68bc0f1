"""Ending a call from our side: never before the last word has been heard."""

from __future__ import annotations

from gateway.outcome import Outcome, Reason
from gateway.session.downlink import Downlink


class Farewell:
    """Remembers that the call is to end, and says when."""

    def __init__(self, tail_s: float) -> None:
        self._tail_s = tail_s
        self.said = False
        """our last sentence is queued: nothing else is said, heard or asked any more"""
        self.outcome = Outcome(Reason.INTERNAL_ERROR)

    def say(self, outcome: Outcome) -> None:
        self.said, self.outcome = True, outcome

    def due(self, downlink: Downlink, now: float) -> bool:
        """Everything queued was heard, and the network has had time to play what it still held."""
        return downlink.idle(now) and now >= downlink.last_word_at() + self._tail_s
