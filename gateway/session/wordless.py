"""Sound without words: a pocket, another system's music, a machine. Somebody else could use the place.

Told by transcripts that hold no words, so the rule is silent where nothing is transcribed. A cough now and then is no
such call: it takes several of them, over a minute, with not one word in between.
"""

from __future__ import annotations

from gateway.session.silence import Prompt

LEAST = 4
"""Stretches of sound without words until anything is asked."""
AFTER_PROMPT = 2
"""Further ones after that, until the call ends."""
RECENT_S = 20.0
"""The newest of them is not older: what has stopped is silence, which has a rule of its own."""


class Wordless:
    """Of one call. Times in seconds, never going back.

    Args:
        after_s: how long there may be sound without a word; None: for ever.
    """

    def __init__(self, after_s: float | None) -> None:
        self._after_s = after_s
        self._since: float | None = None
        self._latest = 0.0
        self._count = 0
        self._asked = False

    def __repr__(self) -> str:
        return f"<Wordless {self._count}>"

    def heard(self, now: float) -> None:
        """The caller's line made a sound in which there was no word."""
        if self._since is None:
            self._since = now
        self._latest = now
        self._count += 1

    def spoke(self) -> None:
        """The caller said something, pressed a key, or does what nobody should judge."""
        self._since = None
        self._count = 0
        self._asked = False

    def on_tick(self, now: float) -> Prompt | None:
        """Whether something is to be said."""
        if self._after_s is None or self._since is None or now - self._latest > RECENT_S:
            return None
        if not self._asked and self._count >= LEAST and now - self._since >= self._after_s:
            self._asked, self._count = True, 0
            return Prompt.STILL_THERE
        if self._asked and self._count >= AFTER_PROMPT:
            self.spoke()
            return Prompt.GOODBYE
        return None
