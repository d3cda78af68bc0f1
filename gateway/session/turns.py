"""Whose turn it is, and how long the caller waited for the agent's.

Two sources say that the caller speaks: the service's turn detection decides (its events move the turn), our own ears
measure (their times start every latency the caller feels, because the service's end of turn is late by its
silence setting).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Turn(StrEnum):
    LISTENING = "listening"  # nobody owes anything, or the caller speaks
    OWED = "owed"  # the caller's turn has ended; the agent's has not begun
    SPEAKING = "speaking"


@dataclass(slots=True)
class Wait:
    """One turn of the caller and the agent's way to answering it; moments in seconds, None until they come."""

    number: int
    speech_end: float | None = None
    """last voiced frame by our own ears"""
    first_audio: float | None = None
    first_sent: float | None = None
    first_heard: float | None = None
    item_id: str | None = None
    """the item that answers"""

    def since_speech_end_ms(self, moment: float | None) -> int | None:
        if self.speech_end is None or moment is None:
            return None
        return round((moment - self.speech_end) * 1000)


class Turns:
    """Turn-taking of one call."""

    def __init__(self) -> None:
        self.turn = Turn.LISTENING
        self.interrupted = False
        """the caller cut the agent off and has not been answered yet"""
        self.wait = Wait(0)
        self._voice_ended_at: float | None = None
        self.voice_is_on = False
        """our own ears hear the caller"""
        self.resume_at: float | None = None

    def __repr__(self) -> str:
        return f"<Turns {self.turn} #{self.wait.number}>"

    def voice_began(self) -> None:
        self._voice_ended_at = None
        self.voice_is_on = True

    def voice_ended(self, at: float) -> None:
        """Own ears: the caller's last voiced frame ended `at`."""
        self._voice_ended_at = at
        self.voice_is_on = False
        if self.turn is Turn.OWED and self.wait.first_audio is None:
            self.wait.speech_end = at  # the ears were slower than the service, or the caller went on

    def caller_began(self, *, interrupting: bool) -> None:
        self.turn = Turn.LISTENING
        self.interrupted = self.interrupted or interrupting
        self.resume_at = None

    def caller_ended(self) -> None:
        self.turn = Turn.OWED
        self.wait = Wait(self.wait.number + 1, speech_end=self._voice_ended_at)

    def nothing_said(self, resume_at: float) -> None:
        """The turn held no words: nothing is owed, but an answer it cut off is taken up again."""
        if self.turn is Turn.OWED:
            self.turn = Turn.LISTENING
            if self.interrupted:
                self.resume_at = resume_at

    def went_on(self, *, speaking: bool) -> None:
        """A sound was no interruption: whoever had the floor before has it again."""
        self.turn = Turn.SPEAKING if speaking else Turn.LISTENING
        self.resume_at = None

    def answer_began(self) -> None:
        """A response was created."""
        self.interrupted = False
        self.resume_at = None

    def agent_audio(self, now: float, item_id: str) -> None:
        """Model audio arrived; the first of a turn is what the caller waited for."""
        if self.turn is Turn.OWED:
            self.turn = Turn.SPEAKING
            self.wait.first_audio = now
            self.wait.item_id = item_id

    def first_sent(self, item_id: str, now: float, heard_at: float, *, filler: bool) -> Wait | None:
        """An item began to be sent.

        Returns:
            The wait that it ends, or, for a filler, shortens; None if nobody waited for it.
        """
        if filler:
            return self.wait if self.turn is Turn.OWED else None
        if item_id != self.wait.item_id or self.wait.first_sent is not None:
            return None
        self.wait.first_sent, self.wait.first_heard = now, heard_at
        return self.wait

    def agent_finished(self) -> None:
        if self.turn is Turn.SPEAKING:
            self.turn = Turn.LISTENING
