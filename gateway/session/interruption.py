"""The caller makes a sound while the agent speaks: is it an interruption?

A cough, "uh-huh", or a door is not: the answer is held, not thrown away, and goes on when that is known. The voice is
believed when it lasts (nobody coughs for long), or when the service has found words in it; it is disbelieved when the
service found none, or only such that let the other speak on, or when it ended and no words came.

    none ──sound──> held ──lasts, or words──────────────> cut
                      └─────no words, backchannel, time──> resume
"""

from __future__ import annotations

from enum import StrEnum

CLAIM_S = 0.9
"""A voice that is still going on this long after the service noticed it wants the turn: "uh-huh, yes" takes 0.8 s."""
LONGEST_TURN_S = 60.0
"""A turn whose words alone decide is not waited for longer."""
NO_TURN_S = 3.0
"""The service has not noticed the end of a voice that our own ears heard end this long ago: it hears noise."""
LONGEST_S = 8.0
"""One sound after the other, none of which is believed: whoever makes them for so long wants something."""


class Verdict(StrEnum):
    CUT = "cut"
    RESUME = "resume"


class Interruption:
    """Judges one sound at a time.

    Args:
        resume_after_s: how long words may take to come after the voice has ended.
    """

    def __init__(self, resume_after_s: float) -> None:
        self._resume_after_s = resume_after_s
        self._began_at: float | None = None
        self._held_since = 0.0
        self._ended_at: float | None = None
        self._resume_at: float | None = None
        self._lasting_counts = True

    def __repr__(self) -> str:
        return f"<Interruption {'open' if self.open else 'none'}>"

    @property
    def open(self) -> bool:
        """A sound has not been judged yet."""
        return self._began_at is not None

    def began(self, now: float, *, lasting_counts: bool = True) -> None:
        """The service heard a voice, or another before it was known what the first was.

        Args:
            now: on the session's clock.
            lasting_counts: the agent is held, so a voice that lasts is not its own; otherwise words alone decide.
        """
        if not self.open:
            self._held_since = now
        self._began_at, self._ended_at, self._resume_at = now, None, None
        self._lasting_counts = lasting_counts

    def voice_ended(self, at: float) -> None:
        """Our own ears: the last voiced frame. They are quicker than the service, and say nothing about words."""
        if self.open:
            self._ended_at = at

    def voice_began(self) -> None:
        """And it went on."""
        if self.open:
            self._ended_at = None

    def stopped(self, now: float) -> None:
        """The service says that the turn is over; its words are on their way."""
        if self.open:
            self._resume_at = now + self._resume_after_s

    def words(self, *, claim_the_turn: bool) -> Verdict | None:
        """What was said is known. None: nothing is held."""
        if not self.open:
            return None
        self._began_at = None
        return Verdict.CUT if claim_the_turn else Verdict.RESUME

    def on_tick(self, now: float, *, answered: bool) -> Verdict | None:
        """What time alone decides.

        Args:
            now: on the session's clock.
            answered: the service has begun to answer, so it has heard something worth it.
        """
        if self._began_at is None:
            return None
        if self._lasting_counts and now - self._held_since >= LONGEST_S:
            self._began_at = None
            return Verdict.CUT
        if self._resume_at is not None and now >= self._resume_at:
            self._began_at = None
            return Verdict.CUT if answered else Verdict.RESUME
        if self._resume_at is None and now - (self._ended_at or self._began_at) >= self._longest_s:
            self._began_at = None
            return Verdict.CUT if self._ended_at is None and self._lasting_counts else Verdict.RESUME
        return None

    @property
    def _longest_s(self) -> float:
        """How long nothing may be known: while the voice goes on, and after our ears heard its end."""
        if not self._lasting_counts:
            return LONGEST_TURN_S
        return CLAIM_S if self._ended_at is None else NO_TURN_S

    def forget(self) -> None:
        """What was held is gone for another reason."""
        self._began_at = None
