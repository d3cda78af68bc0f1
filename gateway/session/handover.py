"""Handing the caller over to a person: a sentence first, then the blind transfer, judged by what the network says.

    none ──begin──> speaking ──last word heard──> asked ──accepted──> gone
      ^                │ the caller objects         │ failed, or no news and the network has the caller with us
      └────────────────┴────────────────────────────┘

While the network rings at the destination the caller hears music and the model hears nothing: what is said into the
music is not meant for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_ATTEMPTS = 2
"""Of one call, successful or not."""
SENTENCE_S = 12.0
"""A sentence that is not over by then is not waited for: nobody may be kept from a person by a model that is stuck."""
NEWS_S = 75.0
"""When the network is asked, after nothing was heard of a transfer: a phone rings for a minute at most."""
NEWS_AGAIN_S = 20.0
LONGEST_S = 180.0
"""When it is given up, whatever the network says."""


class Stage(StrEnum):
    NONE = "none"
    SPEAKING = "speaking"
    ASKED = "asked"
    GONE = "gone"


class Move(StrEnum):
    """What time brings."""

    TRANSFER = "transfer"
    ASK_FOR_NEWS = "ask_for_news"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to be handed over to, and on whose wish."""

    destination: str
    summary: str
    response_id: str | None = None
    """the model's response that asked for it; None: a key, a rule of the line, or our own failure did"""
    may_be_withdrawn: bool = True
    """the caller can object while the sentence is said"""


class Handover:
    """At most one at a time."""

    def __init__(self) -> None:
        self.stage = Stage.NONE
        self.wish: Wish | None = None
        self.attempts = 0
        self._since = 0.0
        self._asked_for_news_at = 0.0

    def __repr__(self) -> str:
        return f"<Handover {self.stage} attempts={self.attempts}>"

    @property
    def possible(self) -> bool:
        """None is under way, and the call has an attempt left."""
        return self.stage is Stage.NONE and self.attempts < MAX_ATTEMPTS

    @property
    def ringing(self) -> bool:
        """The network has been asked, and nothing is decided."""
        return self.stage is Stage.ASKED

    def begin(self, wish: Wish, now: float) -> None:
        """The caller is told; only where `possible`."""
        self.stage, self.wish, self._since = Stage.SPEAKING, wish, now

    def withdraw(self) -> Wish | None:
        """The caller objected. Returns what was given up; None where it is too late, or was not theirs to refuse."""
        wish = self.wish
        if self.stage is not Stage.SPEAKING or wish is None or not wish.may_be_withdrawn:
            return None
        self.stage, self.wish = Stage.NONE, None
        return wish

    def on_tick(self, now: float, *, quiet: bool) -> Move | None:
        """What is to be done now.

        Args:
            now: on the session's clock.
            quiet: everything that was said has been heard to its end.
        """
        if self.stage is Stage.SPEAKING and (quiet or now - self._since >= SENTENCE_S):
            self.stage, self._since = Stage.ASKED, now
            self._asked_for_news_at = now + NEWS_S
            self.attempts += 1
            return Move.TRANSFER
        if self.stage is not Stage.ASKED:
            return None
        if now - self._since >= LONGEST_S:
            return Move.GIVE_UP
        if now >= self._asked_for_news_at:
            self._asked_for_news_at = now + NEWS_AGAIN_S
            return Move.ASK_FOR_NEWS
        return None

    def accepted(self, attempt: int | None = None) -> bool:
        """Somebody has the caller. False: that was not asked for, or is old news.

        Args:
            attempt: that the news is about; None: it does not say.
        """
        if self.stage is not Stage.ASKED or attempt not in (None, self.attempts):
            return False
        self.stage = Stage.GONE
        return True

    def failed(self, attempt: int | None = None) -> Wish | None:
        """Nobody has: the caller is ours again. Returns what was wished; None where that is old news."""
        wish = self.wish
        if self.stage is not Stage.ASKED or attempt not in (None, self.attempts):
            return None
        self.stage, self.wish = Stage.NONE, None
        return wish
