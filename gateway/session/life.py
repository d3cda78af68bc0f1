"""How a call ends, and when: the deadlines of its states, and the one outcome.

The table of states is in `state`; what is said before the end, and by whom, is not decided here.
"""

from __future__ import annotations

from gateway.outcome import Outcome, Reason
from gateway.session.effects import Effect, End, HangUp
from gateway.session.farewell import Farewell
from gateway.session.state import CallState, Step, advance

LATE_NEWS_S = 1.0
"""A call ended while a hand-over rang: how long the news may take that it ended because somebody took it."""
CLEAN_CLOSES = frozenset({1000, 1001})


class Life:
    """The state of one call; times in seconds.

    Args:
        reattach_s: how long a lost media socket may take to come back.
        hang_up_s: how long the network may take to confirm the end of a call.
    """

    def __init__(self, *, reattach_s: float, hang_up_s: float) -> None:
        self._reattach_s = reattach_s
        self._hang_up_s = hang_up_s
        self.state = CallState.CONNECTING
        self.outcome: Outcome | None = None
        self.farewell = Farewell()
        self._deadline: float | None = None
        """of the present state: reattach while detached, confirmation while closing"""

    def __repr__(self) -> str:
        return f"<Life {self.state}>"

    @property
    def bridged(self) -> bool:
        return self.state is CallState.BRIDGED

    @property
    def ending(self) -> bool:
        """Nothing can be said or heard any more."""
        return self.state in (CallState.CLOSING, CallState.ENDED)

    @property
    def waits_for_news(self) -> bool:
        """The stream is gone while a hand-over rings: nobody counts the seconds until it comes back."""
        return self.state is CallState.DETACHED and self._deadline is None

    def open(self) -> bool:
        """A media stream has opened. Returns whether the call goes on with it."""
        self.state = advance(self.state, Step.OPENED)
        if self.bridged:
            self._deadline = None
        return self.bridged

    def detach(self, code: int | None) -> bool:
        """The media socket is gone. Returns whether it may come back."""
        self.state = advance(self.state, Step.DETACHED)
        if self.state is not CallState.DETACHED:
            return False
        clean = code in CLEAN_CLOSES
        self.farewell.outcome = Outcome(Reason.CALLER_HANGUP if clean else Reason.MEDIA_LOST)
        return True

    def await_reattach(self, now: float) -> None:
        """From now on the seconds are counted."""
        self._deadline = now + self._reattach_s

    def on_call_ended(self, now: float, out: list[Effect], *, hand_over_rings: bool) -> None:
        """The network says that the call is over. Events come in any order: that a hand-over succeeded may follow."""
        if hand_over_rings:
            self.farewell.outcome = Outcome(Reason.CALLER_HANGUP)
            self.state = advance(self.state, Step.CLOSING)
            self._deadline = now + LATE_NEWS_S
        elif self.state is not CallState.CLOSING or self.outcome is not None:
            self.end(Outcome(Reason.CALLER_HANGUP), out)

    def leave(self, outcome: Outcome, now: float, out: list[Effect]) -> None:
        """The call is somebody else's: hanging up would end it for them, so its end is only waited for."""
        if self.state is CallState.CLOSING:
            self.end(outcome, out)  # its end had come before the news
            return
        self._close(outcome, now)

    def hang_up(self, outcome: Outcome, now: float, out: list[Effect]) -> None:
        """End it for everybody."""
        self._close(outcome, now)
        out.append(HangUp(outcome))

    def end(self, outcome: Outcome, out: list[Effect]) -> None:
        """It is over."""
        self.outcome = self.outcome or outcome
        self.state = advance(self.state, Step.ENDED)
        self._deadline = None
        out.append(End(self.outcome))

    def on_tick(self, now: float, out: list[Effect]) -> None:
        """Whatever was to come has not."""
        if self._deadline is None or now < self._deadline:
            return
        match self.state:
            case CallState.DETACHED:
                self.hang_up(self.farewell.outcome, now, out)
            case CallState.CLOSING:
                self.end(self.farewell.outcome, out)
            case _:
                self._deadline = None

    def _close(self, outcome: Outcome, now: float) -> None:
        self.outcome = outcome
        self.state = advance(self.state, Step.CLOSING)
        self._deadline = now + self._hang_up_s
