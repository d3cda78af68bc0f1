"""What a caller hears while there is no place: where they stand, and music in between. Pure: frames out, keys in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gateway.audio.pcm import AudioFormat, Int16Array
from gateway.audio.playout import Playout
from gateway.session.settings import Phrase

AHEAD_S = 0.4
"""How much is queued at most: an announcement never waits longer for the music than this."""
PIECE_S = 0.2
MANY = 11
"""From here on the position is not said by number."""
_MUSIC = "music"


def position_phrase(position: int) -> Phrase:
    """The sentence that says a position, from 1."""
    return Phrase.QUEUE_MANY if position >= MANY else Phrase(f"queue_{position}")


class WaitingRoom:
    """One caller's. Times in seconds, never going back.

    Args:
        phrases: the recordings at a rate of the phone leg.
        music: play music between announcements; else silence.
        lead_in_s: silence at the begin of the stream.
    """

    def __init__(self, phrases: Callable[[int], Mapping[Phrase, Int16Array]], *, music: bool, lead_in_s: float) -> None:
        self._phrases = phrases
        self._music = music
        self._lead_in_s = lead_in_s
        self._clips: Mapping[Phrase, Int16Array] = {}
        self._playout: Playout | None = None
        self._rate_hz = 0
        self._at = 0
        """where in the music"""
        self._pending: list[Int16Array] = []
        """pieces of sentences that are not queued yet"""
        self._items = 0

    def __repr__(self) -> str:
        return f"<WaitingRoom {self._playout!r}>"

    @property
    def open(self) -> bool:
        """The caller can hear something."""
        return self._playout is not None

    def on_opened(self, fmt: AudioFormat, now: float) -> None:
        """The media stream is there."""
        self._clips, self._rate_hz = self._phrases(fmt.rate_hz), fmt.rate_hz
        self._playout = Playout(fmt.rate_hz)
        self._playout.open(now, self._lead_in_s)

    def say(self, phrase: Phrase) -> None:
        """A sentence, after those that were asked for before; the music waits."""
        self._pending.append(self._clips[phrase])

    def silent(self, now: float) -> bool:
        """Every sentence has been played to its end."""
        return not self._pending and (self._playout is None or self._playout.idle(now))

    def frames(self, now: float) -> list[bytes]:
        """What is to be sent now."""
        playout = self._playout
        if playout is None:
            return []
        while playout.queued_s < AHEAD_S and self._queue_more(playout):
            pass
        return [frame.pcm for frame in playout.frames_due(now)]

    def stop(self, now: float) -> bool:
        """Nothing more is said. Returns whether the network holds sound that it should throw away."""
        self._pending.clear()
        self._music = False
        return self._playout is not None and self._playout.stop(now).needs_stop

    def _queue_more(self, playout: Playout) -> bool:
        if self._pending:
            self._items += 1
            name = f"sentence-{self._items}"
            playout.append(name, self._pending.pop(0))
            playout.finish(name)
            return True
        if self._music:
            music, count = self._clips[Phrase.HOLD], round(PIECE_S * self._rate_hz)
            piece = np.take(music, range(self._at, self._at + count), mode="wrap")
            self._at = (self._at + count) % len(music)
            self._items += 1
            name = f"{_MUSIC}-{self._items}"
            playout.append(name, piece)
            playout.finish(name)
            return True
        return False
