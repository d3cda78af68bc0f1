"""The characters of a textphone (TTY), found in a row of marks and spaces: are there enough to believe in it?

Five-bit characters as of ITU-T V.18 Annex A (45.45 or 50 baud) and TIA-825 (45.45): a start bit of space, five bits,
and at least 1.5 bits of mark to stop. What they say is nobody's business here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

TTY_CHARACTERS = 5
"""This many in a row are asked for ..."""
TTY_WITHIN_S = 10.0
"""... within this time, which a slow typist manages."""

SLOTS_PER_FRAME = 4
"""A slot is 5 ms: a quarter of a bit of 50 baud, and both tones have whole periods in it (7 and 9), so that they can be
told apart."""
_MIN_BIT_SLOTS = 3
"""A bit is 20 to 22 ms long and fills at least so many, wherever slots begin."""
_STOP_SLOTS = 5
"""At least 1.5 bits of mark, 30 ms, are between two characters; one bit of 22 ms can not fill so many."""
_STOP_AT_SLOTS = 27
"""This long after the start bit began, 134 to 145 ms, the stop bit has come at both rates: it lasts from 132 ms on
at 45.45 baud and up to 150 ms at 50."""
_EDGES = 4
"""A character counts if it has at least these changes of tone, so a mark between spaces; most letters do.
Notes of a trill between F6 and A6, 1,397 and 1,760 Hz, are too long for four changes."""


class Characters:
    """Framed characters in a row of slots: a mark, then a start bit of space, five bits, and a mark to stop.

    A slot is True for mark, False for space (as V.18 has 1 and 0) and None for neither. A change of tone within a slot
    may make it neither, so one alone changes nothing.
    """

    def __init__(self) -> None:
        self._tone: bool | None = None
        """of the run that lasts"""
        self._run_slots = 0
        self._unclear_slots = 0
        """in a row"""
        self._age_slots: int | None = None
        """since the start bit began, within a character"""
        self._edges = 0
        self._ended_at: deque[float] = deque(maxlen=TTY_CHARACTERS)
        """characters that count"""

    def hear(self, slots: Sequence[bool | None], now: float) -> bool:
        """Take a frame; whether the last character that was needed is in it."""
        for slot in slots:
            if slot is None:
                self._hear_neither()
            else:
                self._hear_tone(is_mark=slot)
            if self._age_slots is None:
                continue
            self._age_slots += 1
            if self._age_slots > _STOP_AT_SLOTS and self._end_character(now):
                return True
        return False

    def _hear_neither(self) -> None:
        self._unclear_slots += 1
        if self._unclear_slots > 1:
            self._tone = None
            if self._age_slots is not None:
                self._spoilt()

    def _hear_tone(self, *, is_mark: bool) -> None:
        self._unclear_slots = 0
        before, run_slots = self._tone, self._run_slots
        if is_mark is before:
            self._run_slots += 1
            return
        self._tone, self._run_slots = is_mark, 1
        if self._age_slots is not None:
            self._edges += 1
            if run_slots < _MIN_BIT_SLOTS:
                self._spoilt()
        elif before and run_slots >= _STOP_SLOTS:
            self._age_slots, self._edges = 0, 1

    def _end_character(self, now: float) -> bool:
        if not self._tone:
            self._spoilt()
            return False
        self._age_slots = None
        if self._edges >= _EDGES:
            self._ended_at.append(now)
        return len(self._ended_at) == TTY_CHARACTERS and now - self._ended_at[0] <= TTY_WITHIN_S

    def _spoilt(self) -> None:
        """What began like a character is none; those before it may have been none either."""
        self._age_slots = None
        self._ended_at.clear()
