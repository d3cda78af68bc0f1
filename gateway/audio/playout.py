"""Paced playout: the model's audio, faster than real time, becomes exact 20 ms frames a little ahead of real time.

A frame is due when the lead, the audio the far end holds by our account, has fallen a frame below its target. So the
deadline of a frame is the start of the sound plus the frames before it, and lateness never adds up. When the far end
ran dry the sound starts anew: after a stall of our own that is a *resync*, with audio that came too late an *underrun*.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from gateway.audio.frame_queue import SAMPLE_BYTES, FrameQueue
from gateway.audio.heard import HeardLedger
from gateway.audio.lead import LeadController
from gateway.audio.pcm import FRAME_S, FRAMES_PER_SECOND, Int16Array

DUE_S = 0.0005
"""Due within this is due: timers of an event loop have a resolution of 1 ms, and may fire early by as much."""
MAX_BURST_FRAMES = 5
"""At most this many frames at once, at a start or after a stall: one call must not hold up the others."""
REBUFFER_FRAMES = 2
"""After an underrun the item goes on when this much is there, so that it does not break off again at once."""
TOLERANCE_S = FRAME_S / 2
"""How far the lead may be off its target before a tick sends no frame, or two: ticks are never exact."""
MAX_QUEUE_SAMPLES = 120 * 24_000
"""Two minutes at 24 kHz, 5.5 MiB."""
MAX_REWIND_S = 1.0
"""How much audio that was sent can be queued again; the lead and a word fit into it."""
_ROUNDING_S = 1e-7


class Frame(Struct, frozen=True, gc=False):
    """20 ms to send."""

    pcm: bytes
    """16-bit little-endian samples at the phone leg's rate"""
    item: str | None
    """None: silence of the lead-in"""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a barge-in took away."""

    unsent_samples: int
    unplayed_samples: int
    """sent, and not played before the stop"""
    items: tuple[str, ...]
    """every item that was not over, in order; audio of them is no longer taken"""
    needs_stop: bool
    """the network may still hold audio of ours"""


@dataclass(frozen=True, slots=True)
class Held:
    """What an interruption that may turn out to be none has stopped."""

    anything: bool
    """there is something to go on with"""
    needs_stop: bool
    """the network may still hold audio of ours"""


@dataclass(slots=True)
class PlayoutStats:
    """Counts since the start. Appended = taken + refused + late; taken = sent + stopped + dropped + still queued."""

    silence_frames_sent: int = 0
    samples_taken: int = 0
    samples_sent: int = 0
    samples_padded: int = 0
    samples_refused: int = 0
    """the queue was full"""
    samples_late: int = 0
    """of an item that was finished, stopped or dropped"""
    samples_stopped: int = 0
    samples_dropped: int = 0
    samples_unplayed: int = 0
    """sent, and lost by a stop or with the stream"""
    samples_repeated: int = 0
    """sent, and queued again by a hold; not among the sent ones any more"""
    underruns: int = 0
    resyncs: int = 0


class Playout:
    """Paces the audio of one phone stream and keeps the account of it. `now` must not decrease.

    Args:
        rate_hz: of the phone leg, and of all audio appended.
        far_end_delay_s: between the network's playout and the caller's ear.
        max_lead_s: never send further ahead than this; the target below it adapts.
        max_queue_samples: bound of what waits to be sent; what is over it is refused.

    Raises:
        ValueError: `max_lead_s` is below one frame.
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        far_end_delay_s: float = 0.15,
        max_lead_s: float = 0.2,
        max_queue_samples: int = MAX_QUEUE_SAMPLES,
    ) -> None:
        self.lead = LeadController(max_lead_s)
        self.ledger = HeardLedger(rate_hz, far_end_delay_s)
        self.stats = PlayoutStats()
        self._rate_hz = rate_hz
        self._frame_samples = rate_hz // FRAMES_PER_SECOND
        self._silence = bytes(2 * self._frame_samples)
        self._queue = FrameQueue(self._frame_samples)
        self._max_lead_s = max_lead_s
        self._max_queue_samples = max_queue_samples
        self._sound_from: float | None = None
        """when the lead-in is over; None: not open yet"""
        self._lead_in_frames = 0
        self._due_at: float | None = None
        """when the next frame of unbroken sound is due; None: nothing was going on"""
        self._frames_left = False
        """frames were there for that moment"""
        self._rebuffering = False
        self._recent: deque[tuple[bytes, str, int]] = deque(maxlen=round(MAX_REWIND_S * FRAMES_PER_SECOND))
        """the newest frames sent of items, each with its item and its samples without padding"""
        self.held = False
        """nothing is sent until `resume` or `stop`"""
        self._held_in: str | None = None
        self._again: tuple[str, int] | None = None
        """so many samples of an item are played once more, with the first frame after a hold"""

    def __repr__(self) -> str:
        return f"<Playout queued={self.queued_s * 1000:.0f}ms lead={self.lead.target_s * 1000:.0f}ms>"

    # --- audio in -------------------------------------------------------------------------------------------------

    def open(self, now: float, lead_in_s: float = 0.2) -> None:
        """The stream is open: audio sent from now on is played. Open again: what the old stream held is lost.

        Until `lead_in_s` has passed only silence is sent, at real time: what a network loses at the start of a
        stream is then never a word.
        """
        self.stats.samples_unplayed += sum(self.ledger.restart(now).values())
        self._sound_from = now + lead_in_s
        self._lead_in_frames = math.ceil(lead_in_s / FRAME_S - _ROUNDING_S)
        self._due_at = None

    def append(self, item: str, samples: Int16Array) -> int:
        """Queue more audio of an item, shape (n,).

        Returns:
            How many samples were taken, from the front. The rest is refused and counted: all of an item that is
            over, and what does not fit.

        Raises:
            ValueError: `samples` is not one-dimensional int16.
        """
        if samples.ndim != 1 or samples.dtype != np.int16:
            raise ValueError(f"samples must be int16 of shape (n,), not {samples.dtype} of shape {samples.shape}")
        if not self.ledger.accepts(item):
            self.stats.samples_late += len(samples)
            return 0
        room = max(0, self._max_queue_samples - self._queue.samples)
        taken = samples[:room]
        if len(taken) == 0 or not self._queue.push(item, taken):
            self.stats.samples_refused += len(samples)
            return 0
        self.ledger.receive(item, len(taken))
        self.stats.samples_taken += len(taken)
        self.stats.samples_refused += len(samples) - len(taken)
        return len(taken)

    def finish(self, item: str) -> None:
        """The item is complete: its last frame may be padded, and no more audio of it is taken."""
        self._queue.finish(item)
        self.ledger.finish(item)

    def drop(self, item: str) -> int:
        """Throw away what is queued of an item; no more audio of it is taken, what was sent plays on.

        Returns:
            How many samples were thrown away.
        """
        dropped = self._queue.drop(item)
        self.ledger.drop(item)
        self.stats.samples_dropped += dropped
        return dropped

    def stop(self, now: float) -> Stopped:
        """Barge-in: nothing that is queued will be sent, and what the far end holds will not be played."""
        self.held = False
        self._again = None
        self._recent.clear()
        needs_stop = self.ledger.network_may_hold(now)
        cut = self.ledger.stop(now)
        self._queue.clear()
        self._due_at = None
        unsent, unplayed = sum(each.unsent for each in cut), sum(each.unplayed for each in cut)
        self.stats.samples_stopped += unsent
        self.stats.samples_unplayed += unplayed
        return Stopped(unsent, unplayed, tuple(each.item for each in cut), needs_stop)

    def hold(self, now: float) -> Held:
        """Stop like `stop`, but keep everything: `resume` goes on where the far end was, `stop` gives it up.

        What the far end had not played is queued again; the account says what it had.
        """
        needs_stop = self.ledger.network_may_hold(now)
        if not self.held:
            self._held_in = self.ledger.playing(now) or (self._again[0] if self._again is not None else None)
            self._again = None
        self._take_back(self.ledger.restart(now), now)
        self._due_at = None
        self._rebuffering = False
        self.held = True
        return Held(self._queue.samples > 0, needs_stop)

    def resume(self, now: float, rewind_s: float = 0.0) -> None:
        """Go on after a hold.

        Args:
            now: on the clock of all calls.
            rewind_s: so much of the item that was cut, up to MAX_REWIND_S, is played once more: a word that was broken
                off is then said from its beginning. From the next frame on it counts as not played.
        """
        item = self._held_in
        if self.held and item is not None:
            again = min(round(rewind_s * self._rate_hz), self.ledger.played(item, now))
            self._again = (item, again) if again else None
        self.held = False

    @property
    def held_in(self) -> str | None:
        """The item that was being played when all was held."""
        return self._held_in if self.held else None

    def _take_back(self, samples: dict[str, int], now: float) -> None:
        """Queue the last so many samples sent of each item again, before all that waits."""
        parts: dict[str, list[bytes]] = {}
        left = dict(samples)
        kept: list[tuple[bytes, str, int]] = []
        for pcm, item, real in reversed(self._recent):
            wanted = min(left.get(item, 0), real)
            if wanted > 0:
                left[item] -= wanted
                parts.setdefault(item, []).append(pcm[(real - wanted) * SAMPLE_BYTES : real * SAMPLE_BYTES])
            if real > wanted:
                kept.append((pcm, item, real - wanted))
        self._recent.clear()
        self._recent.extend(reversed(kept))
        for item, pieces in parts.items():
            again = b"".join(reversed(pieces))
            count = len(again) // SAMPLE_BYTES
            self.ledger.unsend(item, count, now)
            self._queue.put_back(item, again, finished=not self.ledger.accepts(item))
            self.stats.samples_sent -= count
            self.stats.samples_repeated += count

    # --- frames out -----------------------------------------------------------------------------------------------

    def frames_due(self, now: float) -> list[Frame]:
        """Take the frames to send now, which count as sent."""
        frames: list[Frame] = []
        if self._sound_from is None or self.held:
            return frames
        if self._again is not None:
            (item, again), self._again = self._again, None
            self._take_back({item: again}, now)
        if self._lead_in_frames:
            self._send_lead_in(now, frames)
        if self._lead_in_frames or now < self._sound_from - DUE_S:
            return frames
        if self._queue.samples or self._due_at is not None:
            self._send_audio(now, frames)
        elif (silent_since := self.silent_since(now)) is not None:
            self.lead.rest(silent_since, now)
        return frames

    def next_due(self, now: float) -> float | None:
        """When `frames_due` has something to send next, perhaps already; None: when more audio comes."""
        if self._sound_from is None or self.held:
            return None
        lead_s = self.lead_s(now)
        if self._lead_in_frames:
            return now + lead_s
        if self._queue.ready(self._needed_frames(), may_change=False):
            target_s = min(self.lead.target_s, self._max_lead_s)
            return max(self._sound_from, now + max(0.0, lead_s - target_s))
        if self._queue.ready(self._needed_frames(), may_change=True):
            return max(self._sound_from, now + lead_s)
        return None

    def _send_lead_in(self, now: float, frames: list[Frame]) -> None:
        if self._room(self.lead_s(now), 0.0):
            self.ledger.send(None, 0, self._frame_samples, now)
            self.stats.silence_frames_sent += 1
            self._lead_in_frames -= 1
            frames.append(Frame(self._silence, None))

    def _send_audio(self, now: float, frames: list[Frame]) -> None:
        lead_s, target_s, due_at = self.ledger.lead_s(now), self.lead.target_s, self._due_at
        if due_at is None or self._rebuffering or lead_s <= max(0.0, target_s - FRAME_S - TOLERANCE_S):
            self._send_missing(now, lead_s, target_s, frames)
        elif self._room(lead_s, target_s):
            taken = self._queue.take_next()
            if taken is None:
                self._send_missing(now, lead_s, target_s, frames)
                return
            pcm, item, left = taken
            samples = self._frame_samples
            self.ledger.send(item, samples, samples, now)
            frames.append(Frame(pcm, item))
            self._recent.append((pcm, item, samples))
            self.stats.samples_sent += samples
            self.lead.observe(now - due_at, now)
            self._frames_left = left > 0
            lead_s += FRAME_S
            self._due_at = now + (max(FRAME_S, lead_s - target_s + FRAME_S) if left else lead_s)

    def _room(self, lead_s: float, target_s: float) -> bool:
        """One more frame keeps to the target, and to the maximum in any case.

        While sound goes on every tick sends one frame, however a little early or late it comes: none is sent only when
        the lead is half a frame over its target, more than one only when it is half a frame under. With one limit for
        both, jitter around it would send none and then two.
        """
        return lead_s <= target_s + TOLERANCE_S and lead_s + FRAME_S <= self._max_lead_s + _ROUNDING_S

    def _send_missing(self, now: float, lead_s: float, target_s: float, frames: list[Frame]) -> None:
        """Everything but one frame more of unbroken sound: begin, catch up, go from one item to the next."""
        queue, going_on = self._queue, self._queue.current
        dry = lead_s < -DUE_S
        if dry:
            self._ran_dry()
        catch_up_to_s = target_s - FRAME_S + (DUE_S if self._due_at is None or dry else -TOLERANCE_S)
        sent, lead_s = 0, max(0.0, lead_s)
        while sent < MAX_BURST_FRAMES and self._room(lead_s, target_s) and (not sent or lead_s <= catch_up_to_s):
            taken = queue.take(self._needed_frames(), may_change=dry)
            if taken is None:
                break
            pcm, item, samples = taken
            if dry and item != going_on:
                self._due_at = None
            self.ledger.send(item, samples, self._frame_samples, now)
            frames.append(Frame(pcm, item))
            self._recent.append((pcm, item, samples))
            self.stats.samples_sent += samples
            self.stats.samples_padded += self._frame_samples - samples
            dry = self._rebuffering = False
            sent += 1
            lead_s += FRAME_S
        if sent and self._due_at is not None:
            self.lead.observe(now - self._due_at, now)
        if sent or self._due_at is None:
            self._expect(now, lead_s, target_s)

    def _ran_dry(self) -> None:
        """The far end has had nothing to play for a moment: say why, once."""
        if self._due_at is None:
            return
        if self._frames_left and self._queue.ready(1, may_change=False):
            self.stats.resyncs += 1
        elif self._queue.current is None:
            self._due_at = None
        elif not self._rebuffering:
            self._rebuffering = True
            self.stats.underruns += 1

    def _expect(self, now: float, lead_s: float, target_s: float) -> None:
        """Note when the next frame is due: in its turn, or when the audio there is has been played."""
        self._frames_left = self._queue.ready(self._needed_frames(), may_change=False)
        if self._frames_left:
            self._due_at = now + max(FRAME_S, lead_s - target_s + FRAME_S)
        elif self._queue.current is not None:
            self._due_at = now + lead_s
        else:
            self._due_at = None

    def _needed_frames(self) -> int:
        return REBUFFER_FRAMES if self._rebuffering else 1

    # --- the account ----------------------------------------------------------------------------------------------

    @property
    def queued_s(self) -> float:
        return self._queue.samples / self._rate_hz

    def lead_s(self, now: float) -> float:
        """How far ahead of real time the sent audio reaches."""
        return max(0.0, self.ledger.lead_s(now))

    def playing_item(self, now: float) -> str | None:
        """The item the far end plays at this moment."""
        return self.ledger.playing(now)

    def idle(self, now: float) -> bool:
        """Nothing is queued, and all items' audio that was sent has been played."""
        return self._queue.samples == 0 and now >= self.ledger.sound_until()

    def silent_since(self, now: float) -> float | None:
        """Since when the far end has played nothing of an item; None: it plays, or never has."""
        since = self.ledger.sound_until()
        return since if -math.inf < since <= now else None
