"""Is the caller a machine that speaks in tones: a fax, or a textphone (TTY)?

Nobody whistles 1,100 Hz for half a second every three and a half, and no voice jumps between two pure tones at 50 baud.
So both are recognised by what they are in frequency (the share of the energy that lies within a band, whatever the
level) and then by what they are in time (the fax machine's cadence, the textphone's framed characters). What else is
heard meanwhile, such as our own greeting coming back, may spoil a burst or a character, and then the next ones count.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import numpy as np

from gateway.audio.level import Float32Array, dbfs_to_rms
from gateway.audio.native import audioop
from gateway.audio.pcm import FRAME_S, FRAMES_PER_SECOND
from gateway.audio.textphone import SLOTS_PER_FRAME, Characters

MIN_RMS = dbfs_to_rms(-46.0)
"""Nothing below it is looked at. Not the ears' threshold: to them, a tone that lasts becomes the line's noise."""
CROSSINGS = range(30, 91)
"""Zero crossings of a frame that may hold a tone: 1,062 Hz has 42 and 1,890 Hz has 76, and noise 15 dB below adds at
most 11. Counting them costs a tenth of looking closer, and spares that for many frames of a voice."""
PURE = 0.8
"""Least share of the energy within the band. Noise 15 dB below the tone leaves 0.97; a tone that fills a part of the
frame has that part. Speech has it for a few frames at most."""
GLANCE_FRAMES = 5
"""While there is no tone, one of so many frames is looked at, and the others after it if there is one: a burst lasts
for 20, a textphone's shortest sign of life, a character and its carrier, for 15."""

FAX_HZ = (1062.0, 1138.0)
"""Calling tone (CNG) of ITU-T T.30: 1,100 Hz +-38 Hz, on for 0.5 s and off for 3 s, each +-15 % ..."""
FAX_ON_FRAMES = range(19, 31)
"""... which for 0.425 to 0.575 s are 20 to 29 frames filled with it, wherever frames begin, and one to spare ..."""
FAX_OFF_S = (2.45, 3.55)
"""... and for 2.55 to 3.45 s this, with the half-filled frames at either end and what the clock may drift.

Two bursts at this distance are asked for, not one: beeps of half a second near 1,100 Hz exist (answering machines,
recorders), and a fax machine can wait for the 3.5 s more."""
FAX_OTHER_FRAMES = 25
"""Between its bursts a fax machine is silent; music has notes there. A half second may be half as loud as the burst or
louder: clicks, and the loudest of our own voice coming back."""
FAX_FOR_S = 40.0
"""Timer T1 of T.30 is 35 s +-5 s: then the calling machine has given up."""

MARK_HZ, SPACE_HZ = (1330.0, 1470.0), (1710.0, 1890.0)
"""ITU-T V.18 Annex A: 1,400 and 1,800 Hz, +-5 %, at 45.45 or 50 baud. TIA-825 has the first rate and less tolerance."""
TTY_FOR_S = 60.0
"""A choice: a textphone is silent until its user types, having seen by its light that somebody speaks. Our greeting and
our question after a silence are over within a minute."""

_FAR = 0.5
"""Of the energy of a whole frame: with less of it in mark and space together, its slots are not worth looking at."""

_SAMPLE_BYTES = 2
_WIRE_PCM = np.dtype("<i2")
_CAPTURED = 0.98
"""Of the energy of a band's tones, in the mean; at the band's edges at least 0.96."""
_GRID_HZ = 2.0


class Tone(StrEnum):
    """Machines, by their tones."""

    FAX = "fax"
    TTY = "tty"


class ToneWatch:
    """Listens to one caller until `done`; names each machine once at most.

    Args:
        rate_hz: of the caller's samples, a rate of the signal path.
    """

    def __init__(self, rate_hz: int) -> None:
        self._frame_bytes = _SAMPLE_BYTES * rate_hz // FRAMES_PER_SECOND
        self._bands = _bands(rate_hz)
        self._fax_until = self._tty_until = 0.0
        self._fax: _Cadence | None = _Cadence()
        self._tty: Characters | None = Characters()
        self._begun = False
        self._held: list[tuple[bytes, float, float]] = []
        """what has been heard since the last glance, while there is no tone"""
        self._attentive_frames = 0
        """so many more are looked at, one by one"""

    def __repr__(self) -> str:
        machines = ((Tone.FAX, self._fax), (Tone.TTY, self._tty))
        return f"<ToneWatch for {' and '.join(tone for tone, machine in machines if machine) or 'nothing'}>"

    @property
    def done(self) -> bool:
        """There is nothing to listen for any more: both are recognised, or their time has been over for 0.1 s."""
        return self._fax is None and self._tty is None

    def hear(self, pcm: bytes, rms: float, now: float) -> Tone | None:
        """Take the next stretch of the caller's timeline, in general 20 ms; says so when a machine is recognised.

        Args:
            pcm: int16, little-endian. Only a whole frame of 20 ms can hold a tone; empty where silence was made up.
            rms: its level as of `pcm_rms`, 0 where silence was made up.
            now: when its last sample was spoken, as far as we know, in seconds, as the ears have it; never goes back.
        """
        if not self._begun:
            self._begun = True
            self._fax_until, self._tty_until = now + FAX_FOR_S, now + TTY_FOR_S
        if self._attentive_frames:
            self._attentive_frames -= 1
            return self._look(pcm, rms, now)
        held = self._held
        held.append((pcm, rms, now))
        if len(held) < GLANCE_FRAMES:
            return None
        self._held = []
        samples = self._samples(pcm, rms)
        if samples is not None and self._bands.is_tone(samples, rms):
            return next(filter(None, [self._look(*frame) for frame in held]), None)
        if self._fax is not None:
            self._fax.pass_over([level for _, level, _ in held])
        self._give_up(now)
        return None

    def _samples(self, pcm: bytes, rms: float) -> Float32Array | None:
        """Of what may be a frame of a tone; shape (n,)."""
        if rms < MIN_RMS or len(pcm) != self._frame_bytes or audioop.cross(pcm, _SAMPLE_BYTES) not in CROSSINGS:
            return None
        return np.frombuffer(pcm, _WIRE_PCM).astype(np.float32)

    def _look(self, pcm: bytes, rms: float, now: float) -> Tone | None:
        samples, found = self._samples(pcm, rms), None
        is_fax = samples is not None and self._bands.is_fax(samples, rms)
        slots = _NEITHER if samples is None or is_fax else self._bands.slots(samples, rms)
        if is_fax or slots is not _NEITHER:
            self._attentive_frames = GLANCE_FRAMES
        if self._fax is not None and self._fax.hear(rms, now, is_tone=is_fax):
            self._fax, found = None, Tone.FAX
        if self._tty is not None and self._tty.hear(slots, now):
            self._tty, found = None, Tone.TTY
        self._give_up(now)
        return found

    def _give_up(self, now: float) -> None:
        if now > self._fax_until:
            self._fax = None
        if now > self._tty_until:
            self._tty = None


class _Cadence:
    """Bursts of the fax machine's tone, and what is between them."""

    def __init__(self) -> None:
        self._frames = 0
        """of the burst that lasts; with when it began, its newest frame's time, and its level"""
        self._began_at = self._newest_at = self._burst_rms = 0.0
        self._before_ended_at: float | None = None
        """the burst before, if it was as long as it should be"""
        self._other_rms = 0.0
        """half of its level"""
        self._other_frames = 0
        """since then, as loud as that"""

    def hear(self, rms: float, now: float, *, is_tone: bool) -> bool:
        """Take a frame; whether the second of two bursts has ended with the frame before."""
        if is_tone:
            if not self._frames:
                self._began_at, self._burst_rms = now - FRAME_S, rms
            self._frames += 1
            self._newest_at = now
            return False
        is_second = self._frames > 0 and self._end_burst()
        if rms >= self._other_rms:
            self._other_frames += 1
        return is_second

    def pass_over(self, levels_rms: Sequence[float]) -> None:
        """Take frames that are known to be no tone, and in which no burst ends."""
        self._other_frames += sum(rms >= self._other_rms for rms in levels_rms)

    def _end_burst(self) -> bool:
        frames, self._frames = self._frames, 0
        if frames not in FAX_ON_FRAMES:
            self._other_frames += frames
            return False
        before, other = self._before_ended_at, self._other_frames
        self._before_ended_at, self._other_rms, self._other_frames = self._newest_at, self._burst_rms / 2, 0
        shortest_s, longest_s = FAX_OFF_S
        return before is not None and shortest_s <= self._began_at - before <= longest_s and other <= FAX_OTHER_FRAMES


_NEITHER: Sequence[bool | None] = (None,) * SLOTS_PER_FRAME


class _Bands(NamedTuple):
    """What to multiply samples with to know the energy they have within a band; see `_basis`."""

    fax: Float32Array
    textphone: Float32Array
    """of a slot: mark and space, side by side"""
    mark_or_space: Float32Array
    """sums up the squares of the coordinates of either; two columns"""

    def is_tone(self, samples: Float32Array, rms: float) -> bool:
        """Whether there is a tone of either machine in a frame; arguments as of `is_fax`."""
        return self.is_fax(samples, rms) or self.slots(samples, rms) is not _NEITHER

    def is_fax(self, samples: Float32Array, rms: float) -> bool:
        """Whether a frame is filled with the fax machine's tone.

        Args:
            samples: of the frame, shape (n,).
            rms: their level.
        """
        within = samples @ self.fax
        return float(within @ within) >= PURE * rms * rms * len(samples)

    def slots(self, samples: Float32Array, rms: float) -> Sequence[bool | None]:
        """What the slots of a frame hold: mark, space or neither; arguments as of `is_fax`."""
        slots = samples.reshape(SLOTS_PER_FRAME, -1)
        coordinates = slots @ self.textphone
        if np.vdot(coordinates, coordinates) < _FAR * rms * rms * len(samples):
            return _NEITHER
        within: list[list[float]] = ((coordinates * coordinates) @ self.mark_or_space).tolist()
        total: list[float] = np.vecdot(slots, slots).tolist()
        least = MIN_RMS * MIN_RMS * slots.shape[1]  # exact zeros would be pure
        return [
            None if max(mark, space) < max(PURE * energy, least) else mark > space
            for (mark, space), energy in zip(within, total, strict=True)
        ]


@cache
def _bands(rate_hz: int) -> _Bands:
    frame = rate_hz // FRAMES_PER_SECOND
    mark, space = (_basis(band_hz, rate_hz, frame // SLOTS_PER_FRAME) for band_hz in (MARK_HZ, SPACE_HZ))
    sums = np.zeros((mark.shape[1] + space.shape[1], 2), np.float32)
    sums[: mark.shape[1], 0] = sums[mark.shape[1] :, 1] = 1.0
    return _Bands(_basis(FAX_HZ, rate_hz, frame), np.concatenate([mark, space], axis=1), sums)


def _basis(band_hz: tuple[float, float], rate_hz: int, count: int) -> Float32Array:
    """Orthonormal basis of what tones of a band look like in `count` samples, shape (count, k).

    The sum of the squares of `samples @ basis` is the energy that lies within the band, at any phase. A single
    frequency's (Goertzel) would not do: within 20 ms a tone 38 Hz beside it leaves it 8 % of its energy.
    """
    low_hz, high_hz = band_hz
    turns = np.outer(np.arange(low_hz, high_hz + _GRID_HZ, _GRID_HZ), np.arange(count) / rate_hz)
    tones = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
    _, spread, directions = np.linalg.svd(tones, full_matrices=False)
    captured = np.cumsum(spread**2) / np.sum(spread**2)
    basis: Float32Array = directions[: np.searchsorted(captured, _CAPTURED) + 1].T.astype(np.float32, order="C")
    basis.flags.writeable = False
    return basis
