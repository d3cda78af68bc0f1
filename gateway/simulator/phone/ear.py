"""What the caller hears, and when: the sound of every lane, mixed, after the far-end delay.

Pure: `now` is an argument. The ear's track begins at `origin`, the moment the call was answered, and has no holes, so
it can be laid beside what the caller said.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from gateway.audio.pcm import FRAME_S, Int16Array
from gateway.simulator.phone.lane import Arrival, Gap, Lane, Stop, Unheard
from gateway.simulator.phone.switches import PhoneSwitches

VOICE_DBFS = -45.0
"""Frames louder than this count as the agent's voice: above comfort noise, below soft speech on a telephone."""
_JOIN_S = 0.3
"""A shorter pause lies inside a word or between two words; the segment goes on."""
_INT16_FULL = 32768.0


@dataclass(slots=True)
class Segment:
    """A stretch of voice on somebody's time axis, monotonic seconds."""

    start_at: float
    end_at: float


class EarStream:
    """The sound one media socket brings, with what a network loses at its start."""

    def __init__(self, lane: Lane, switches: PhoneSwitches) -> None:
        self.lane = lane
        self._start_offset_s = switches.start_offset_s
        self._lose_frames = switches.early_frames_lost
        self._opened_at: float | None = None

    def opened(self, now: float) -> None:
        """The first AudioData went out towards the gateway; from here on the network plays."""
        if self._opened_at is None:
            self._opened_at = now + self._start_offset_s

    def receive(self, samples: Int16Array, now: float) -> None:
        if self._opened_at is None or now < self._opened_at:
            self.lane.lose(samples, now)
        elif self._lose_frames:
            self._lose_frames -= 1
            self.lane.lose(samples, now)
        else:
            self.lane.receive(samples, now)

    def stop(self, now: float) -> Stop:
        return self.lane.stop(now)


class Ear:
    """The caller's ear from the answer on.

    Args:
        rate_hz: of the sound the network plays.
        origin: when the call was answered.
    """

    def __init__(self, rate_hz: int, origin: float, switches: PhoneSwitches) -> None:
        self.rate_hz = rate_hz
        self.origin = origin
        self._switches = switches
        self._delay = round(switches.far_end_delay_s * rate_hz)
        self._lanes: list[Lane] = []
        self._heard: list[Int16Array] = []
        self._position = 0
        self.segments: list[Segment] = []
        self.level_dbfs = -120.0
        """of the last 20 ms"""

    def open_stream(self) -> EarStream:
        """The sound of a new media socket; several are mixed."""
        return EarStream(self._open_lane(self._switches), self._switches)

    def open_player(self) -> Lane:
        """The sound of a file the network plays itself: unlimited, and stopped without lag."""
        return self._open_lane(dataclasses.replace(self._switches, buffer_depth_s=None, stop_lag_s=0.0))

    def _open_lane(self, switches: PhoneSwitches) -> Lane:
        lane = Lane(self.rate_hz, self.origin, switches)
        self._lanes.append(lane)
        return lane

    def advance(self, now: float) -> Int16Array:
        """Hear on until `now`; returns what was heard since the last call, shape (n,), at `rate_hz`."""
        until = max(self._position, round((now - self.origin) * self.rate_hz))
        mixed = np.zeros(until - self._position, np.int32)
        for lane in self._lanes:
            part = lane.read(until - self._delay)
            part = part[max(0, len(part) - len(mixed)) :]  # a lane that began late has its silence to give first
            mixed[len(mixed) - len(part) :] += part
        heard = np.clip(mixed, -32768, 32767).astype(np.int16)
        self._note_voice(heard)
        self._position = until
        self._heard.append(heard)
        return heard

    def hang_up(self, now: float) -> None:
        """The call is over: the network plays no more, and what it had played still reaches the ear."""
        for lane in self._lanes:
            lane.hang_up(now)
        self.advance(now + self._delay / self.rate_hz)

    @property
    def voiced(self) -> bool:
        """The last 20 ms held the agent's voice."""
        return self.level_dbfs > VOICE_DBFS

    def track(self) -> Int16Array:
        """All that was heard, from the origin on; at `rate_hz`."""
        return np.concatenate([np.empty(0, np.int16), *self._heard])

    @property
    def arrivals(self) -> list[Arrival]:
        return sorted((fact for lane in self._lanes for fact in lane.arrivals), key=lambda fact: fact.at)

    @property
    def gaps(self) -> list[Gap]:
        return sorted((fact for lane in self._lanes for fact in lane.gaps), key=lambda fact: fact.at)

    @property
    def stops(self) -> list[Stop]:
        return sorted((fact for lane in self._lanes for fact in lane.stops), key=lambda fact: fact.received_at)

    @property
    def unheard(self) -> list[Unheard]:
        return sorted((fact for lane in self._lanes for fact in lane.unheard), key=lambda fact: fact.would_start_at)

    def _note_voice(self, heard: Int16Array) -> None:
        """Judge 20 ms at a time; a caller that advances in other steps gets the grid of its steps."""
        frame = round(FRAME_S * self.rate_hz)
        for first in range(0, len(heard), frame):
            piece = heard[first : first + frame]
            self.level_dbfs = level_dbfs(piece)
            if not self.voiced:
                continue
            start_at = self.origin + (self._position + first) / self.rate_hz
            end_at = start_at + len(piece) / self.rate_hz
            if self.segments and start_at - self.segments[-1].end_at < _JOIN_S:
                self.segments[-1].end_at = end_at
            else:
                self.segments.append(Segment(start_at, end_at))


def level_dbfs(samples: Int16Array) -> float:
    """RMS relative to full scale; -120 for digital silence and for nothing."""
    if not len(samples):
        return -120.0
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) / _INT16_FULL
    return max(-120.0, 20.0 * float(np.log10(rms))) if rms else -120.0


def voice_bounds(samples: Int16Array, rate_hz: int) -> tuple[int, int]:
    """First and last sample of the voice in a recording, by 10 ms energy; the whole of it where there is none.

    Recordings begin and end with silence; latencies count from the voice.
    """
    frame = rate_hz // 100
    count = len(samples) // frame
    if not count:
        return 0, len(samples)
    energy = np.sqrt(np.mean(np.square(samples[: count * frame].reshape(count, frame), dtype=np.float64), axis=1))
    loud = np.flatnonzero(energy > max(energy.max() * 10 ** (-35 / 20), _INT16_FULL * 10 ** (-50 / 20)))
    if not len(loud):
        return 0, len(samples)
    return int(loud[0]) * frame, (int(loud[-1]) + 1) * frame
